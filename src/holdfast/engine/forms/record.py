"""One record of a source, found again: where it stands, what it says, and what the contract makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.domain.origin import ROW_COLUMN
from holdfast.domain.reject import Reason
from holdfast.parsing.parsed import ParsedChunk


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """`line` counts from 1 in the file: a physical line, or the row where a file has no lines.

    `byte_offset` and `byte_length` are those of the record without its line end, in the expanded text of a compressed
    file; None where a row is no span of bytes. `values`: by column, typed as the parser types; None: it is a reject,
    for `reasons`.
    """

    line: int
    byte_offset: int | None
    byte_length: int | None
    raw: str
    values: dict[str, Any] | None
    reasons: tuple[Reason, ...] = ()


def values_of(parsed: ParsedChunk) -> tuple[dict[str, Any] | None, tuple[Reason, ...]]:
    """The values of the one record that was parsed, or why it has none."""
    if not parsed.table.num_rows:
        return None, parsed.rejects[0].reasons if parsed.rejects else ()
    (row,) = parsed.table.drop_columns([ROW_COLUMN]).slice(0, 1).to_pylist()
    return row, ()
