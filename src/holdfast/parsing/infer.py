"""A contract proposed from a sample of a file, with the evidence and the doubts as notes.

    inference = infer_contract(sample, at_eof=True, name="usage", key=["date", "bill_id"])
    print(to_toml(inference))

Pure. The proposal reads every row of the sample, except where a note that starts with DOUBT says which rows not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from holdfast.domain.contract import Contract, contract_from, header_key
from holdfast.domain.errors import ContractError
from holdfast.domain.types import ColumnType, Kind
from holdfast.parsing.infer_layout import Layout, Record, read_layout
from holdfast.parsing.infer_toml import contract_toml
from holdfast.parsing.infer_types import Guess, Seen, guess_type

_NO_KEY = (Kind.JSON, Kind.FLOAT, Kind.DECIMAL, Kind.BOOL)
_PAIR_COLUMNS_MAX = 8
_NAME_BYTES_MAX = 63


@dataclass(frozen=True, slots=True)
class Inference:
    """The proposal; `notes` and `offers` (lines of TOML to uncomment) go by column name, `general` is for the top."""

    contract: Contract
    notes: dict[str, list[str]] = field(default_factory=dict)
    offers: dict[str, list[str]] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)


def infer_contract(
    samples: bytes | list[bytes],
    *,
    at_eof: bool,
    name: str,
    key: Sequence[str] = (),
    write_disposition: str | None = None,
    source: Sequence[str] = (),
) -> Inference:
    """Propose a contract. The first sample is the file's head (`at_eof`: all of it), others are slices of its rest.

    Without `write_disposition`: merge where there is a key, else append. Raises SourceError for an empty or binary
    file, ContractError for a key that names no column.
    """
    parts = [samples] if isinstance(samples, bytes) else samples
    layout = read_layout(parts, at_eof=at_eof, file_name=source[0] if source else "the file")
    return infer_from(layout, at_eof=at_eof, name=name, key=key, write_disposition=write_disposition, source=source)


def infer_from(
    layout: Layout,
    *,
    at_eof: bool,
    name: str,
    key: Sequence[str] = (),
    write_disposition: str | None = None,
    source: Sequence[str] = (),
    guesses: list[Guess] | None = None,
) -> Inference:
    """Propose a contract from a sample that is read already. `guesses`: the columns' types where they are known."""
    headers = layout.headers or [f"column_{i + 1}" for i in range(layout.width)]
    names = sql_names(headers)
    guesses = guesses or [guess_type(n, _seen(layout.rows, i)) for i, n in enumerate(names)]
    general = [*_about_sample(layout, at_eof=at_eof), *layout.notes]
    chosen = _key(key, names, headers, guesses, layout.rows, write_disposition, general)
    by_position = isinstance(layout.format.header, list)  # then the contract gives the file its header
    columns = [_column(n, n if by_position else h, g) for n, h, g in zip(names, headers, guesses, strict=True)]
    data: dict[str, Any] = {
        "name": name,
        "table": name,
        "source": list(source),
        "primary_key": chosen,
        "write_disposition": write_disposition or ("merge" if chosen else "append"),
        "columns": columns,
        "format": {**layout.format.model_dump(), "header": names if by_position else True},
    }
    return Inference(
        contract=contract_from(data),
        notes={n: g.notes for n, g in zip(names, guesses, strict=True) if g.notes},
        offers={n: g.offers for n, g in zip(names, guesses, strict=True) if g.offers},
        general=general,
    )


def to_toml(inference: Inference) -> str:
    """The proposal as commented TOML; it reads back as the identical contract."""
    return contract_toml(inference.contract, general=inference.general, notes=inference.notes, offers=inference.offers)


def sql_names(headers: Sequence[str]) -> list[str]:
    """snake_case names, each once: `Bill ID` and `BillID` give bill_id, `Zoë` zoe, `2024` column_2024."""
    names: list[str] = []
    taken: set[str] = set()
    keys = [header_key(header) for header in headers]
    for position, header in enumerate(headers, 1):
        others = {*keys[: position - 1], *keys[position:]}  # a name must not answer to another column's header
        name = _sql_name(header) or f"column_{position}"
        if name[0].isdigit():
            name = f"column_{name}"
        name, number = _cut(name, _NAME_BYTES_MAX), 2
        while header_key(name) in taken or (header_key(name) in others and header_key(name) != keys[position - 1]):
            stem = re.sub(r"_\d+$", "", name) if number > 2 else name
            name, number = f"{_cut(stem, _NAME_BYTES_MAX - 6)}_{number}", number + 1
        names.append(name)
        taken.add(header_key(name))
    return names


def _sql_name(header: str) -> str:
    letters = unicodedata.normalize("NFKD", header)
    plain = unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", plain)
    return re.sub(r"_+", "_", re.sub(r"\W+", "_", spaced)).strip("_").casefold()


def _cut(name: str, bytes_max: int) -> str:
    return name.encode()[:bytes_max].decode("utf-8", "ignore").strip("_")


def _seen(rows: list[Record], position: int) -> Seen:
    seen = Seen()
    for row in rows:
        seen.add(row.fields[position], row.line)
    return seen


def _column(name: str, header: str, guess: Guess) -> dict[str, Any]:
    return {"name": name, **({"from": [header]} if header != name else {}), "type": str(guess.type), **guess.keys}


def _about_sample(layout: Layout, *, at_eof: bool) -> Iterator[str]:
    yield (
        f"Proposed from {len(layout.rows):,} rows ({'the whole file' if at_eof else 'a sample'}). Columns without "
        "`nullable` had a value in every row and must have one from now on. Read the notes, above all each DOUBT."
    )
    if layout.ragged:
        few = ", ".join(f"line {r.line:,}: {len(r.fields)}" for r in layout.ragged[:3] if r.line)
        yield (
            f"DOUBT: {len(layout.ragged):,} rows do not have {layout.width} fields ({few}); "
            "they will be rejected with E_RAGGED or E_QUOTE."
        )


def _key(
    wanted: Sequence[str],
    names: list[str],
    headers: list[str],
    guesses: list[Guess],
    rows: list[Record],
    write_disposition: str | None,
    general: list[str],
) -> list[str]:
    if wanted:
        positions = [_position(word, names, headers) for word in wanted]
        _fit_for_key(positions, names, guesses, rows, general)
        return [names[i] for i in positions]
    candidates = _unique_sets(names, guesses, rows)
    if write_disposition in ("append", "replace"):
        return []
    if not candidates:
        if write_disposition == "merge":
            raise ContractError(
                "write disposition merge needs a key, and no column or pair of columns is unique in the sample",
                hint="name the key: --key a,b; or use --write-disposition append",
            )
        general.append(
            "DOUBT: no column or pair of columns is unique in the sample, so the table has no key: rows are appended, "
            "each once, and a corrected row cannot replace its older self. If there is a key, give --key."
        )
        return []
    listed = "; ".join(", ".join(names[i] for i in c) for c in candidates[:4])
    general.append(f"DOUBT: the primary key was chosen because it is unique in the sample. Unique there: {listed}.")
    return [names[i] for i in candidates[0]]


def _position(word: str, names: list[str], headers: list[str]) -> int:
    found = [i for i in range(len(names)) if header_key(word) in (header_key(names[i]), header_key(headers[i]))]
    if not found:
        raise ContractError(
            f"key {word!r} is no column of the file; its columns are: {', '.join(names)}", hint="correct --key"
        )
    return found[0]


def _fit_for_key(
    positions: list[int], names: list[str], guesses: list[Guess], rows: list[Record], general: list[str]
) -> None:
    """Make the columns what a key must be, and say what the sample's rows think of it."""
    for i in positions:
        if guesses[i].keys.pop("nullable", False):
            empty = next((r.line for r in rows if not r.fields[i].strip()), None)
            where = f" (line {empty:,} is the first)" if empty else ""
            guesses[i].notes.append(f"DOUBT: a key must have a value; rows without one will be rejected{where}.")
        if guesses[i].type.kind in (Kind.FLOAT, Kind.JSON):
            guesses[i].notes.append(f"{guesses[i].type} cannot be a key, so it is kept as text.")
            guesses[i].type = ColumnType(Kind.STRING)
    first: dict[tuple[str, ...], Record] = {}
    again = [
        (row, first[k])
        for row in rows
        if first.setdefault(k := tuple(row.fields[i] for i in positions), row) is not row
    ]
    if again:
        row, earlier = again[0]
        shown = ", ".join(f"{names[i]} {row.fields[i]!r}" for i in positions)
        lines = f" (lines {earlier.line:,} and {row.line:,})" if row.line and earlier.line else ""
        general.append(
            f"DOUBT: the key is not unique: {len(again):,} rows of the sample repeat one, first {shown}{lines}. "
            "Of such rows the last one wins and the others are counted as superseded."
        )


def _unique_sets(names: list[str], guesses: list[Guess], rows: list[Record]) -> list[tuple[int, ...]]:
    """Columns, and pairs of the other columns, that no two rows share; what is named like a key first."""
    if len(rows) < 2:
        return []
    usable = [i for i, g in enumerate(guesses) if "nullable" not in g.keys and g.type.kind not in _NO_KEY]
    single = [(i,) for i in usable if _is_unique((i,), rows)]
    others = [i for i in usable if (i,) not in single][:_PAIR_COLUMNS_MAX]
    pairs = [pair for pair in combinations(others, 2) if _is_unique(pair, rows)]
    return [*sorted(single, key=lambda s: not _named_like_key(names[s[0]])), *pairs]


def _named_like_key(name: str) -> bool:
    return bool(re.search(r"(^|_)(id|key|code|uuid|number|no|nr)$", name))


def _is_unique(positions: tuple[int, ...], rows: list[Record]) -> bool:
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        fields = tuple(row.fields[i] for i in positions)
        if fields in seen:
            return False
        seen.add(fields)
    return True
