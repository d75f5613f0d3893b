"""Rows that come typed, made the contract's: what `line_rows` is for lines. A bad row's raw text is a JSON object."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from holdfast.domain.contract import Contract
from holdfast.domain.errors import DriftRefused
from holdfast.domain.origin import ROW_COLUMN
from holdfast.domain.reject import Reason, Reject
from holdfast.domain.types import ColumnType, Kind
from holdfast.parsing.columns import absent_column, read_nullable
from holdfast.parsing.header import BoundColumn, Layout
from holdfast.parsing.parsed import ParsedChunk
from holdfast.parsing.typed import misfit, plain, reader_of, texts_of, to_json
from holdfast.parsing.values import Unfit, read_json

NANOSECONDS = 9


def check_types(contract: Contract, layout: Layout, types: list[pa.DataType], file_name: str) -> None:
    """Raises DriftRefused that lists every field whose type is not for its column. `types`: by field."""
    problems = [
        (bound.column.name, found)
        for bound in layout.columns
        if bound.place is not None and (found := misfit(types[bound.place], bound.column))
    ]
    if problems:
        told = "; ".join(f"field of column {name!r}: {what}" for name, (what, _) in problems)
        hint = "; ".join(dict.fromkeys(advice for _, (_, advice) in problems))
        raise DriftRefused(
            f"{file_name} differs from contract {contract.name!r}: {told}; nothing was loaded", hint=hint
        )


def parse_rows(
    fields: dict[int, pa.Array],
    rows: int,
    layout: Layout,
    names: tuple[str, ...],
    *,
    row: int,
    line: int,
    byte_offset: int,
    digits_max: int | None,
) -> ParsedChunk:
    """Rows of a chunk, from number `row` in it and `line` (from 1) in the file. `fields`: by place in `names`."""
    columns: dict[str, pa.Array] = {}
    texts: dict[int, pa.Array] = {}
    found: dict[int, tuple[Reason, ...]] = {}
    for bound in layout.columns:
        if bound.place is None:
            columns[bound.column.name] = absent_column(bound.reader, rows)
            continue
        values = fields[bound.place]
        written, flaws = texts_of(values, bound.column)
        texts[bound.place] = written
        typed, reasons = read_nullable(written, reader_of(values.type, bound.reader), digits_max)
        columns[bound.column.name] = typed
        for at, why in (reasons | flaws).items():
            found[at] = found.get(at, ()) + why
    columns[ROW_COLUMN] = pa.array(np.arange(row, row + rows), pa.int32())
    table = pa.table(columns)
    if not found:
        return ParsedChunk(table, [])
    is_good = np.ones(rows, np.bool_)
    is_good[list(found)] = False
    rejects = [
        Reject(row + at, line + at, byte_offset, _raw(at, fields, texts, layout, names).encode(), found[at])
        for at in sorted(found)
    ]
    return ParsedChunk(table.filter(pa.array(is_good)), rejects)


def _raw(
    at: int, fields: dict[int, pa.Array], texts: dict[int, pa.Array], layout: Layout, names: tuple[str, ...]
) -> str:
    """One row as a JSON object of texts, as the contract would read them from one: so it can be mended and replayed."""
    parts = []
    for bound in layout.columns:
        if bound.place is not None:
            text = texts[bound.place][at].as_py()
            shown = _as_json(text, bound, fields[bound.place].type)
            parts.append(f"{to_json(names[bound.place])}: {shown}")
    return "{" + ", ".join(parts) + "}"


def _as_json(text: str | None, bound: BoundColumn, kind: pa.DataType) -> str:
    if text is None:
        return "null"
    wanted = bound.column.type
    if wanted.kind is Kind.JSON:
        try:
            return read_json(text, wanted)
        except Unfit:
            return f"[NaN, {to_json(text)}]"  # rejected again if it is not mended: a mere text would be a document
    if pa.types.is_temporal(plain(kind)) and wanted.kind in (Kind.DATE, Kind.TIMESTAMP):
        return to_json(_as_the_contract_writes(text, wanted))
    return to_json(text)


def _as_the_contract_writes(text: str, wanted: ColumnType) -> str:
    """An ISO text in the contract's own format, where that says all of it."""
    try:
        moment = datetime.fromisoformat(text)
        written = moment.strftime(wanted.format or "")
        is_whole = datetime.strptime(written, wanted.format or "") == moment  # noqa: DTZ007 - a reading of some clock
    except ValueError:
        return text
    fraction = text.partition(".")[2]
    return written if is_whole and len(fraction) < NANOSECONDS else text
