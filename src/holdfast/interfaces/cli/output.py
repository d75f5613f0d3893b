"""What commands print, so that all print alike: results on stdout, errors on stderr, no escape codes of our own.

Text that came from a file or a database is shown with control characters spelled out: data must not be able to move
the cursor, colour the terminal, or break a table's rows.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from holdfast.domain.errors import HoldfastError, Interrupted
from holdfast.observe.log import mask


def line(text: str = "") -> None:
    """One line for people, on stdout."""
    print(text)


def terminal_object(result: Mapping[str, Any]) -> None:
    """The one JSON object a `--json` command ends with."""
    print(json.dumps(result, default=str), flush=True)


def failed(error: HoldfastError, **known: Any) -> dict[str, Any]:
    """What `--json` says of a failure: `known` is what the command can tell besides (run_id, datasets, ...)."""
    return {
        "status": "interrupted" if isinstance(error, Interrupted) else "failed",
        "exit_code": error.exit_code,
        **known,
        "error": {"code": error.code, "message": mask(error.message), "hint": mask(error.hint)},
    }


def print_error(message: str, hint: str = "") -> None:
    """`error: ...` and `hint: ...` on stderr, secrets masked."""
    sys.stdout.flush()
    print(f"error: {mask(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {mask(hint)}", file=sys.stderr, flush=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Aligned columns, two spaces apart; numbers to the right with thousands separators. Without rows, nothing."""
    rows = [list(row) for row in rows]
    if not rows:
        return
    shown = [list(headers), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    numeric = [all(_is_number(v) or v is None for v in column) for column in zip(*rows, strict=True)]
    for row in shown:
        cells = (_padded(*place) for place in zip(row, widths, numeric, strict=True))
        line("  ".join(cells).rstrip())


def cell(value: object) -> str:
    """One value as a table shows it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return number(value)
    return visible(f"{value:,.1f}" if isinstance(value, float) else str(value))


def number(value: int) -> str:
    return f"{value:,}"


def size(size_bytes: float) -> str:
    """`512 bytes`, `16.0 MB` (powers of 1,000)."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size_bytes /= 1000
        if size_bytes < 1000:
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:,.1f} TB"


def visible(text: str) -> str:
    """The text on one line, control characters as their escapes (`\\n`, `\\x1b`); bytes that were no text as \\xNN."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def counted(count: int, thing: str) -> str:
    """`1 file`, `66 chunks`."""
    return f"{number(count)} {thing}" if count == 1 else f"{number(count)} {thing}s"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


def _width(text: str) -> int:
    """Columns on a terminal: wide East Asian letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)
