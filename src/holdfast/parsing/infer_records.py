"""Samples of other formats as `infer` wants them: JSON Lines, the rows of a sheet, columns that have types already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from holdfast.domain.contract import Column, Format
from holdfast.domain.errors import SourceError
from holdfast.domain.types import DECIMAL_PRECISION_MAX, ColumnType, Kind
from holdfast.parsing.infer_layout import Layout, Record
from holdfast.parsing.infer_types import Guess, Seen, guess_type

if TYPE_CHECKING:
    import pyarrow as pa

_HEADER_ROWS_MAX = 20


def json_layout(samples: list[bytes], *, file_name: str) -> Layout:
    """The objects of samples whose first is the file's head; a slice's first and last line may be cut."""
    from holdfast.parsing import jsonl

    found: list[tuple[int | None, dict[str, str]]] = []
    keys: dict[str, None] = {}
    broken = 0
    for number, sample in enumerate(samples):
        lines = sample.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for at, line in enumerate(lines if not number else lines[1:-1], 1):
            if not line.strip():
                continue
            texts = jsonl.texts_by_key(line.decode("utf-8", "replace"))
            broken += texts is None
            if texts is not None:
                keys |= dict.fromkeys(texts)
                found.append((None if number else at, texts))
    if not keys:
        raise SourceError(
            f"{file_name}: expected JSON Lines, one object a line, and found none",
            hint="jq -c . FILE > FILE.jsonl writes one object a line; jq -c '.[]' takes the items of a list",
        )
    rows = [Record([texts.get(key, "") for key in keys], line) for line, texts in found]
    notes = [f"DOUBT: {broken:,} lines of the sample are no JSON objects; they will be rejected."] if broken else []
    return Layout(Format(), len(keys), list(keys), rows, [], notes)


def sheet_layout(rows: Sequence[Sequence[Any]], *, file_name: str) -> Layout:
    """The rows of a sheet. The header is the fullest of the first rows."""
    from holdfast.parsing.sheet import cell_text

    filled = [sum(cell != "" for cell in row) for row in rows[:_HEADER_ROWS_MAX]]
    if not filled or not max(filled):
        raise SourceError(f"{file_name}: its sheet is empty: there is nothing to infer a contract from")
    top = filled.index(max(filled))
    width = max(place + 1 for place, cell in enumerate(rows[top]) if cell != "")
    body = [row[:width] for row in rows[top + 1 :] if any(cell != "" for cell in row)]
    has_hours = [any(isinstance(row[place], datetime) for row in body) for place in range(width)]

    def text(cell: Any, place: int) -> str:
        if isinstance(cell, date) and has_hours[place]:
            return cell.strftime("%Y-%m-%d %H:%M:%S")
        return cell_text(cell, None)

    records = [
        Record([text(cell, place) for place, cell in enumerate(row)], top + 2 + number)
        for number, row in enumerate(body)
    ]
    notes = [f"The first {top} rows were taken for a title: skip_lines leaves them out."] if top else []
    headers = [cell_text(cell, None) for cell in rows[top][:width]]
    return Layout(Format(skip_lines=top), width, headers, records, [], notes)


def typed_layout(table: pa.Table) -> tuple[Layout, list[Guess]]:
    """A table's first rows, and what its types make of each column."""
    from holdfast.parsing.typed import texts_of

    columns, guesses = [], []
    for field in table.schema:
        guess = guess_of(field.type)
        placeholder = Column(name="x", type=guess.type if guess else ColumnType(Kind.STRING))
        texts = texts_of(_one_array(table.column(field.name)), placeholder)[0]
        column = [text or "" for text in texts.to_pylist()]
        columns.append(column)
        seen = Seen()
        for line, text in enumerate(column, 1):
            seen.add(text, line)
        guess = guess or guess_type(field.name, seen)
        if "" in seen.counts:
            guess.keys["nullable"] = True
        guesses.append(guess)
    rows = [Record(list(fields), line) for line, fields in enumerate(zip(*columns, strict=True), 1)]
    return Layout(Format(), len(columns), list(table.schema.names), rows, []), guesses


def _one_array(values: pa.ChunkedArray) -> pa.Array:
    joined = values.unify_dictionaries().combine_chunks()
    return joined.combine_chunks() if hasattr(joined, "chunks") else joined


def guess_of(kind: pa.DataType) -> Guess | None:
    """The column type that holds just what this type does; None for texts, which may hold anything."""
    import pyarrow as pa

    from holdfast.parsing.typed import is_text, plain

    kind, types = plain(kind), pa.types
    if is_text(kind) or types.is_null(kind) or types.is_time(kind):
        return None
    if types.is_integer(kind):
        wide = ColumnType(Kind.BIGINT) if kind != pa.uint64() else ColumnType(Kind.DECIMAL, precision=20, scale=0)
        return Guess(ColumnType(Kind.INT) if kind.bit_width < 32 or kind == pa.int32() else wide)
    if types.is_decimal(kind) and kind.precision <= DECIMAL_PRECISION_MAX and 0 <= kind.scale <= kind.precision:
        return Guess(ColumnType(Kind.DECIMAL, precision=kind.precision, scale=kind.scale))
    if types.is_floating(kind):
        return Guess(ColumnType(Kind.FLOAT), notes=["float in the file: not exact; never for money."])
    if types.is_timestamp(kind):
        zone = "UTC" if kind.tz else None
        return Guess(ColumnType(Kind.TIMESTAMP, format="%Y-%m-%d %H:%M:%S.%f", zone=zone))
    if types.is_date(kind):
        return Guess(ColumnType(Kind.DATE, format="%Y-%m-%d"))
    if types.is_boolean(kind):
        return Guess(ColumnType(Kind.BOOL))
    if types.is_nested(kind):
        return Guess(ColumnType(Kind.JSON))
    if kind == pa.binary(16):
        return Guess(ColumnType(Kind.UUID))
    return Guess(ColumnType(Kind.STRING), notes=[f"DOUBT: {kind} in the file, which no column type takes."])
