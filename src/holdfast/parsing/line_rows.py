"""Formats with a record a physical line: lines -> columns of texts -> the same judges as CSV's.

What a line's texts are is the format's own; sizes, encodings, blank lines, places and rejects are seen to here. Each
line stands for itself, so it never matters where a file was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from holdfast.domain.contract import Contract
from holdfast.domain.origin import ROW_COLUMN
from holdfast.domain.reject import Reason, Reject
from holdfast.parsing.columns import Reasons, read_nullable
from holdfast.parsing.fields import without_line_end
from holdfast.parsing.header import Layout
from holdfast.parsing.parsed import ParsedChunk, joined
from holdfast.parsing.rejecting import Place, Rejecter, structural

Texts = list[str | None]  # by column of the contract; None: the line has no value for it
PART_BYTES = 4 * 1024 * 1024  # handled at once: the texts of a whole chunk take many times its size


class BadLine(Exception):
    """The line is no record."""

    def __init__(self, *reasons: Reason) -> None:
        super().__init__(reasons[0].message)
        self.reasons = reasons


ReadLine = Callable[[str], Texts]


def parse_lines(
    data: bytes,
    layout: Layout,
    contract: Contract,
    read_line: ReadLine,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None,
    comment: str = "",
) -> ParsedChunk:
    """Parse a chunk that begins and ends at line ends. `read_line` raises BadLine for a line that is no record."""
    parts: list[ParsedChunk] = []
    row, line = 0, first_line
    for start, end in _parts(data):
        text = data[start:end]
        place = Place(row=row, line=partial(int, line), offset=base_offset + start)
        part = _parse_part(text, layout, contract.format.max_record_bytes, read_line, place, digits_max, comment)
        parts.append(part)
        row, line = row + part.read, line + text.count(b"\n")
    return joined(parts)


def _parts(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while True:
        end = data.find(b"\n", min(start + PART_BYTES, len(data)) - 1) + 1 if start < len(data) else 0
        yield start, end or len(data)
        start = end
        if not 0 < end < len(data):
            return


def _parse_part(
    data: bytes,
    layout: Layout,
    size_max: int,
    read_line: ReadLine,
    place: Place,
    digits_max: int | None,
    comment: str,
) -> ParsedChunk:
    found: dict[int, tuple[Reason, ...]] = {}  # by row
    blanks = comments = 0
    spans: list[tuple[int, int]] = []  # of each row
    rows: list[int] = []  # of each record whose texts were read
    records: list[Texts] = []
    for start, end in _lines(data):
        raw = data[start:end]
        if not raw.strip():
            blanks += 1
            continue
        if comment and raw.startswith(comment.encode()):
            comments += 1
            continue
        try:
            records.append(read_line(_text(raw, layout.encoding, size_max)))
            rows.append(len(spans))
        except BadLine as bad:
            found[len(spans)] = bad.reasons
        spans.append((start, end))
    table = _table(records, rows, layout, place, digits_max, found)
    rejecter = Rejecter(data, data, "lf", layout.encoding, place)
    rejects: list[Reject] = [rejecter.reject(row, *spans[row], found[row]) for row in sorted(found)]
    return ParsedChunk(table, rejects, blanks, comments)


def lines_at(data: bytes, rows: Sequence[int], comment: str = "") -> dict[int, tuple[int, int]]:
    """The bytes [start, end) of some of a chunk's rows, by number, counted as `parse_lines` counts."""
    mark, wanted, row = comment.encode(), set(rows), 0
    found: dict[int, tuple[int, int]] = {}
    for start, end in _lines(data):
        raw = data[start:end]
        if len(found) == len(wanted):
            break
        if not raw.strip() or (mark and raw.startswith(mark)):
            continue
        if row in wanted:
            found[row] = (start, end)
        row += 1
    return found


def _lines(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield start, end
        start = end


def _text(raw: bytes, encoding: str, size_max: int) -> str:
    if len(raw) > size_max:
        raise BadLine(*structural("E_RECORD_SIZE"))
    if b"\0" in raw:
        raise BadLine(*structural("E_NUL"))
    try:
        return without_line_end(raw, "lf", encoding).decode(encoding)
    except UnicodeDecodeError as error:
        raise BadLine(*structural("E_ENCODING")) from error


def _table(
    records: list[Texts],
    rows: list[int],
    layout: Layout,
    place: Place,
    digits_max: int | None,
    found: dict[int, tuple[Reason, ...]],
) -> pa.Table:
    """The typed rows; those that no judge passes are put into `found` instead."""
    by_column = zip(*records, strict=True) if records else ([] for _ in layout.columns)
    columns: dict[str, pa.Array] = {}
    reasons: Reasons = {}
    for bound, texts in zip(layout.columns, by_column, strict=True):
        values, why = read_nullable(pa.array(texts, pa.string()), bound.reader, digits_max)
        columns[bound.column.name] = values
        for record, more in why.items():
            reasons[record] = reasons.get(record, ()) + more
    found |= {rows[record]: why for record, why in reasons.items()}
    columns[ROW_COLUMN] = pa.array(np.array(rows, np.int64) + place.row, pa.int32())
    table = pa.table(columns)
    if not reasons:
        return table
    is_good = np.ones(len(records), np.bool_)
    is_good[list(reasons)] = False
    return table.filter(pa.array(is_good))
