"""The fast path: bad records cut out, the rest read by pyarrow as texts, each column made typed as a whole.

A chunk is gone through in parts that end at record ends: so its texts take little memory, whatever its size. Where
pyarrow and the record scan do not count the same records of a part, the exact path has the word about it.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

from holdfast.domain.contract import Contract, CsvFormat
from holdfast.domain.origin import ROW_COLUMN
from holdfast.domain.reject import Reason
from holdfast.parsing.boundaries import Ints, Quotes, count_of
from holdfast.parsing.columns import Reasons, absent_column, may_want_words, read_column, wants_words
from holdfast.parsing.exact import parse_part_exact
from holdfast.parsing.header import Layout
from holdfast.parsing.headings import heading_places, mark_headings
from holdfast.parsing.lines import width_of
from holdfast.parsing.parsed import ParsedChunk, joined
from holdfast.parsing.records import Flaw, Kind, Records, is_tidy, scan, settled
from holdfast.parsing.rejecting import Place, Rejecter, ragged, structural

pa.enable_signal_handlers(False)  # Arrow would cancel the read in hand and hide who asked for a stop
PART_BYTES = 4 * 1024 * 1024  # handled at once: texts and masks of so much stay in the processor's cache
PART_BYTES_A_FIELD = 16 * 1024  # a column's part has a fixed cost, which shorter ones would feel
_FEW_ROWS = 100
_SAMPLE_BYTES = 64 * 1024
_SAMPLE_WORDS_SHARE_MAX = 0.5


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of the records handed to pyarrow, as texts by place; and by record the field count of ragged ones."""

    columns: dict[int, pa.Array]
    rows: int
    ragged: dict[int, int]

    @property
    def records(self) -> int:
        return self.rows + len(self.ragged)


def parse_chunk(
    data: bytes,
    layout: Layout,
    contract: Contract,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None = None,
) -> ParsedChunk:
    """Parse a chunk that begins and ends at record ends.

    `first_line` (1-based) and `base_offset` place its start in the file. `digits_max`: how many significant digits the
    database holds exactly; decimals with more are rejected.
    """
    fmt, width = contract.format, width_of(layout.encoding)
    quotes = settled(data, fmt, layout.newline, layout.encoding)
    size = max(PART_BYTES, PART_BYTES_A_FIELD * layout.fields) // width
    parser = _PartParser(layout, contract, digits_max)
    parts: list[ParsedChunk] = []
    for start, part in quotes.parts(size) if quotes.length else [(0, quotes)]:
        is_last = start + part.length == quotes.length
        text = data[start * width : None if is_last else (start + part.length) * width] if width > 1 else part.text
        place = Place(
            row=sum(done.read for done in parts),
            line=partial(_line_at, start, quotes, first_line),
            offset=base_offset + start * width,
        )
        parts.append(parser.parse(bytes(text), part, place))
    return joined(parts)


def _line_at(place: int, quotes: Quotes, first_line: int) -> int:
    return first_line + count_of(memoryview(quotes.text)[:place], quotes.line_end)


@dataclass(slots=True)
class _PartParser:
    """Parses a chunk part by part, so that the texts of all its fields are never there at once."""

    layout: Layout
    contract: Contract
    digits_max: int | None
    _words: set[int] | None = None  # places of columns read by their distinct texts; the first part decides

    def parse(self, data: bytes, quotes: Quotes, place: Place) -> ParsedChunk:
        layout, records = self.layout, None
        headings = heading_places(data, layout.heading, layout.newline, layout.encoding)
        if headings or not is_tidy(quotes, layout.newline, layout.encoding):
            records = self._records(data, quotes, headings)
        fields = self._fields(data if records is None else _body(data, records, layout.encoding))
        columns, reasons = _read_columns(fields, layout, self.digits_max) if fields else ([], {})
        if fields and records is None and not reasons and not fields.ragged:
            return ParsedChunk(_table(columns, layout, np.arange(place.row, place.row + fields.rows)), [])
        records = records or self._records(data, quotes, headings)
        if fields is None or fields.records != records.data_count:
            return parse_part_exact(data, quotes.text, layout, self.contract, place, self.digits_max)
        rejecter = Rejecter(data, quotes.text, layout.newline, layout.encoding, place)
        return _assemble(columns, reasons, fields, records, layout, rejecter)

    def _records(self, data: bytes, quotes: Quotes, headings: list[int]) -> Records:
        records = scan(data, quotes.fmt, self.layout.newline, self.layout.encoding, quotes)
        mark_headings(records, headings)
        return records

    def _fields(self, body: bytes) -> _Fields | None:
        """The fields of well-formed records; None where pyarrow cannot be trusted with them."""
        layout, fmt = self.layout, self.contract.format
        if _is_beyond_pyarrow(body, fmt):
            return None
        places = sorted({bound.place for bound in layout.columns if bound.place is not None}) or [0]
        if not body:
            return _Fields({place: pa.array([], pa.string()) for place in places}, 0, {})
        if self._words is None:
            self._words = _places_of_words(body, layout, fmt)
        return _read(body, layout, fmt, places, self._words)


def _places_of_words(body: bytes, layout: Layout, fmt: CsvFormat) -> set[int]:
    words = {b.place for b in layout.columns if b.place is not None and wants_words(b.reader)}
    doubtful = {b.place for b in layout.columns if b.place is not None and may_want_words(b.reader)} - words
    if doubtful:
        sample = _read(body[: body.rfind(b"\n", 0, _SAMPLE_BYTES) + 1] or body, layout, fmt, sorted(doubtful), set())
        words |= {place for place in doubtful if sample and _has_few_words(sample.columns[place])}
    return words


def _body(data: bytes, records: Records, encoding: str) -> bytes:
    """The text of the data records alone, in UTF-8."""
    is_data = np.concatenate([[False], records.kind == Kind.DATA, [False]])
    edges = np.flatnonzero(np.diff(is_data))
    view = memoryview(data)
    body = b"".join(
        view[records.start[first] : records.end[last - 1]]
        for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
    )
    return body if encoding == "utf-8" else body.decode(encoding).encode()


def _is_beyond_pyarrow(body: bytes, fmt: CsvFormat) -> bool:
    """An escape has another meaning to pyarrow, and a byte order mark at the start none at all."""
    return bool(fmt.escape and fmt.escape.encode() in body) or body.startswith(codecs.BOM_UTF8)


def _has_few_words(texts: pa.Array) -> bool:
    return len(texts.unique()) <= _SAMPLE_WORDS_SHARE_MAX * len(texts)


def _read(body: bytes, layout: Layout, fmt: CsvFormat, places: list[int], words: set[int]) -> _Fields | None:
    found: dict[int, int] = {}

    def skip(row: pv.InvalidRow) -> str:
        found[row.number - 1] = row.actual_columns
        return "skip"

    as_words, as_text = pa.dictionary(pa.int32(), pa.string()), pa.string()
    try:
        table = pv.read_csv(
            pa.BufferReader(body),
            read_options=pv.ReadOptions(
                use_threads=False,
                block_size=len(body) + 1,
                column_names=[str(place) for place in range(layout.fields)],
            ),
            parse_options=pv.ParseOptions(
                delimiter=fmt.delimiter,
                quote_char=fmt.quote or False,
                # pyarrow cuts its one block at the last line end; only a record's end is a safe place for that.
                newlines_in_values=bool(fmt.quote) and not body.endswith(b"\n"),
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pv.ConvertOptions(
                check_utf8=False,
                column_types={str(place): as_words if place in words else as_text for place in places},
                null_values=[],
                strings_can_be_null=False,
                include_columns=[str(place) for place in places],
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = {place: table.column(str(place)).unify_dictionaries().combine_chunks() for place in places}
    return _Fields(columns, table.num_rows, found)


def _read_columns(fields: _Fields, layout: Layout, digits_max: int | None) -> tuple[list[pa.Array], Reasons]:
    columns: list[pa.Array] = []
    reasons: dict[int, tuple[Reason, ...]] = {}
    for bound in layout.columns:
        if bound.place is None:
            columns.append(absent_column(bound.reader, fields.rows))
            continue
        values, found = read_column(fields.columns[bound.place], bound.reader, digits_max)
        columns.append(values)
        for row, why in found.items():
            reasons[row] = reasons.get(row, ()) + why
    return columns, reasons


def _table(columns: list[pa.Array], layout: Layout, rows: Ints) -> pa.Table:
    names = [bound.column.name for bound in layout.columns]
    return pa.table([*columns, pa.array(rows.astype(np.int32))], names=[*names, ROW_COLUMN])


def _assemble(
    columns: list[pa.Array], reasons: Reasons, fields: _Fields, records: Records, layout: Layout, rejecter: Rejecter
) -> ParsedChunk:
    is_row = (records.kind == Kind.DATA) | (records.kind == Kind.BAD)
    row_of = is_row.cumsum() - 1
    data_records = np.flatnonzero(records.kind == Kind.DATA)
    well_formed = np.delete(data_records, sorted(fields.ragged))
    bad = np.flatnonzero(records.kind == Kind.BAD)
    of_flaw = {int(flaw): structural(flaw.code) for flaw in Flaw if flaw}
    why = {record: of_flaw[flaw] for record, flaw in zip(bad.tolist(), records.flaw[bad].tolist(), strict=True)}
    of_count = {found: ragged(layout.fields, found) for found in set(fields.ragged.values())}
    why |= {int(data_records[at]): of_count[found] for at, found in fields.ragged.items()}
    why |= {int(well_formed[at]): found for at, found in reasons.items()}
    wrong = np.array(sorted(why), np.int64)
    places = (ints[wrong].tolist() for ints in (row_of, records.start, records.end))
    rejects = [
        rejecter.reject(row, start, end, why[record])
        for record, row, start, end in zip(wrong.tolist(), *places, strict=True)
    ]
    table = _table(columns, layout, rejecter.place.row + row_of[well_formed])
    table = _without(table, sorted(reasons))
    blanks, comments = (int(np.count_nonzero(records.kind == kind)) for kind in (Kind.BLANK, Kind.COMMENT))
    return ParsedChunk(table, rejects, blanks, comments)


def _without(table: pa.Table, rows: list[int]) -> pa.Table:
    """The table without some rows. What lies between few of them is not copied."""
    if len(rows) > _FEW_ROWS:
        keep = np.ones(table.num_rows, np.bool_)
        keep[rows] = False
        return table.filter(pa.array(keep))
    edges = pairwise([-1, *rows, table.num_rows])
    return pa.concat_tables([table.slice(last + 1, row - last - 1) for last, row in edges]) if rows else table
