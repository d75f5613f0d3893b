"""The exact path: one record after the other, one character after the other, in plain Python.

It shares no boundary code with the vectorised path, so that each proves the other; values are read by the same judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from holdfast.domain.contract import Contract, CsvFormat
from holdfast.domain.origin import ROW_COLUMN
from holdfast.domain.reject import Reason, Reject
from holdfast.parsing.fields import split_fields, without_line_end
from holdfast.parsing.header import Layout
from holdfast.parsing.headings import is_heading
from holdfast.parsing.lines import Text, line_end_of, narrow, width_of
from holdfast.parsing.parsed import ParsedChunk, arrow_type
from holdfast.parsing.records import Flaw, Kind
from holdfast.parsing.rejecting import Place, Rejecter, ragged, structural


@dataclass(slots=True)
class Tokenizer:
    """Walks over the records of a text that has one byte a character."""

    text: Text
    fmt: CsvFormat
    line_end: bytes
    size_max: int

    def records(self) -> Iterator[tuple[int, int, Kind, Flaw]]:
        place = 0
        while place < len(self.text):
            end, flaw = self._record(place)
            kind = self._kind(place, end)
            if kind is not Kind.DATA:
                flaw = Flaw.NONE
            yield place, end, Kind.BAD if flaw else kind, flaw
            place = end

    def _kind(self, start: int, end: int) -> Kind:
        record = self.text[start:end]
        if self.fmt.comment and record.startswith(self.fmt.comment.encode()):
            return Kind.COMMENT
        return Kind.BLANK if record.removesuffix(self.line_end) in (b"", b"\r") else Kind.DATA

    def _record(self, start: int) -> tuple[int, Flaw]:
        line = self._line_end(start)
        if self.fmt.comment and self.text.startswith(self.fmt.comment.encode(), start):
            return line, Flaw.NONE
        end, has_stray = self._walk(start)
        if end is None or (end - start > self.size_max and line < end):
            return line, Flaw.QUOTE
        if end - start > self.size_max:
            return end, Flaw.RECORD_SIZE
        if b"\0" in self.text[start:end]:
            return end, Flaw.NUL
        return end, Flaw.NEWLINE if has_stray else Flaw.NONE

    def _line_end(self, place: int) -> int:
        while place < len(self.text):
            mark = self.text[place : place + 1]
            if mark == self.line_end:
                return place + 1
            place += 2 if self.fmt.escape and mark == self.fmt.escape.encode() else 1
        return len(self.text)

    def _walk(self, place: int) -> tuple[int | None, bool]:
        """The record's end, None where a quote is out of place or never closed; and: is there a stray line end?"""
        quote, escape, delimiter = (mark.encode() for mark in (self.fmt.quote, self.fmt.escape, self.fmt.delimiter))
        closers = (delimiter, self.line_end, b"\r", b"")
        inside, at_start, has_stray = False, True, False
        while place < len(self.text):
            mark, after = self.text[place : place + 1], self.text[place + 1 : place + 2]
            step, was_start, at_start = 1, at_start, False
            if mark == escape:
                step = 2
            elif inside:
                if mark == quote and after == quote:
                    step = 2
                elif mark == quote:
                    if after not in closers:
                        return None, has_stray
                    inside = False
            elif mark == quote:
                if not was_start:
                    return None, has_stray
                inside = True
            elif mark == self.line_end:
                return place + 1, has_stray
            else:
                at_start = mark == delimiter
            has_stray |= not inside and any(map(self._is_stray, range(place, place + step)))
            place += step
        return (None if inside else len(self.text)), has_stray

    def _is_stray(self, place: int) -> bool:
        mark = self.text[place : place + 1]
        if self.line_end == b"\r":
            return mark == b"\n"
        return mark == b"\r" and self.text[place + 1 : place + 2] != b"\n"


def parse_chunk_exact(
    data: bytes,
    layout: Layout,
    contract: Contract,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None = None,
) -> ParsedChunk:
    """Parse a chunk record by record: the same answer as `parse_chunk`, on any input, slowly."""
    place = Place(row=0, line=lambda: first_line, offset=base_offset)
    return parse_part_exact(data, narrow(data, layout.encoding), layout, contract, place, digits_max)


def parse_part_exact(
    data: bytes, text: Text, layout: Layout, contract: Contract, place: Place, digits_max: int | None
) -> ParsedChunk:
    """The same for a part of a chunk that begins and ends at record ends. `text`: `data` as `narrow` sees it."""
    width, fmt = width_of(layout.encoding), contract.format
    rejecter = Rejecter(data, text, layout.newline, layout.encoding, place)
    counts = {Kind.BLANK: 0, Kind.COMMENT: 0}
    values: list[list[Any]] = [[] for _ in layout.columns]
    numbers: list[int] = []
    rejects: list[Reject] = []
    row = 0
    tokenizer = Tokenizer(text, fmt, line_end_of(layout.newline), fmt.max_record_bytes // width)
    for start, end, kind, flaw in _in_bytes(tokenizer, len(data), width):
        if kind in counts:
            counts[kind] += 1
            continue
        found, reasons = _read(data[start:end], flaw, layout, fmt, digits_max)
        if reasons:
            rejects.append(rejecter.reject(row, start, end, reasons))
        else:
            numbers.append(row)
            for column, value in zip(values, found, strict=True):
                column.append(value)
        row += 1
    columns = {
        bound.column.name: pa.array(column, arrow_type(bound.column.type))
        for bound, column in zip(layout.columns, values, strict=True)
    }
    table = pa.table({**columns, ROW_COLUMN: pa.array([place.row + number for number in numbers], pa.int32())})
    return ParsedChunk(table, rejects, counts[Kind.BLANK], counts[Kind.COMMENT])


def _in_bytes(tokenizer: Tokenizer, size: int, width: int) -> Iterator[tuple[int, int, Kind, Flaw]]:
    """Records by byte. Half a code unit at the end is part of the last record; after a line end, one of its own."""
    text, odd = tokenizer.text, size % width
    has_own = bool(odd) and (not text or text.endswith(tokenizer.line_end))
    for start, end, kind, flaw in tokenizer.records():
        yield start * width, end * width + (odd if end == len(text) and not has_own else 0), kind, flaw
    if has_own:
        yield size - 1, size, Kind.BAD, Flaw.ENCODING


def _read(
    raw: bytes, flaw: Flaw, layout: Layout, fmt: CsvFormat, digits_max: int | None
) -> tuple[list[Any], tuple[Reason, ...]]:
    record = without_line_end(raw, layout.newline, layout.encoding)
    if is_heading(record, layout.heading, layout.encoding):
        flaw = Flaw.HEADER
    try:
        text = record.decode(layout.encoding)
    except UnicodeDecodeError:
        flaw = max(flaw, Flaw.ENCODING)
    if flaw:
        return [], structural(flaw.code)
    fields = split_fields(text, fmt)
    if len(fields) != layout.fields:
        return [], ragged(layout.fields, len(fields))
    values: list[Any] = []
    reasons: list[Reason] = []
    for bound in layout.columns:
        reader = bound.reader
        value, why = reader.absent() if bound.place is None else reader.read(fields[bound.place], digits_max)
        values.append(value)
        reasons += why
    return values, tuple(reasons)
