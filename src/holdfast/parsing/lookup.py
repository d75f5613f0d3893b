"""Single records, looked at by themselves: what the planner asks to keep an entity's rows in one chunk, and where the
row of an `_origin` stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdfast.domain.contract import Contract, CsvFormat
from holdfast.parsing.fields import split_fields, without_line_end
from holdfast.parsing.header import Layout
from holdfast.parsing.lines import width_of
from holdfast.parsing.records import Kind, scan, settled


def last_record(data: bytes, fmt: CsvFormat, newline: str, encoding: str = "utf-8") -> bytes:
    """The last record of a piece of file that begins and ends at record ends."""
    quotes = settled(data, fmt, newline, encoding)
    return data[quotes.record_start(max(0, len(quotes.text) - 1)) * width_of(encoding) :]


def fields_of(record: bytes, layout: Layout, contract: Contract, names: Sequence[str]) -> list[str] | None:
    """The texts of some columns of one record; None where the record is no row, or has no such field."""
    records = scan(record, contract.format, layout.newline, layout.encoding)
    if len(records) != 1 or records.kind[0] != Kind.DATA:
        return None
    text = without_line_end(record, layout.newline, layout.encoding).decode(layout.encoding)
    fields = split_fields(text, contract.format)
    places = {bound.column.name: bound.place for bound in layout.columns}
    if len(fields) != layout.fields:
        return None
    return [fields[place] if (place := places[name]) is not None else "" for name in names]


def records_at(data: bytes, layout: Layout, contract: Contract, rows: Sequence[int]) -> dict[int, tuple[int, int]]:
    """The bytes [start, end) of some of a chunk's records, by number (from 0, rejects counted), as far as there are.

    Blank lines and comments are no records, so the scan counts as the parser did.
    """
    records = scan(data, contract.format, layout.newline, layout.encoding)
    places = np.flatnonzero((records.kind == Kind.DATA) | (records.kind == Kind.BAD))
    found = {row: places[row] for row in rows if row < len(places)}
    return {row: (int(records.start[place]), int(records.end[place])) for row, place in found.items()}
