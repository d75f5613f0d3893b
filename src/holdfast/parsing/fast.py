"""The fast path: bad records cut out, the rest read by pyarrow as texts, each column made typed as a whole.

Where pyarrow and the record scan do not count the same records, the exact path has the word.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv

from holdfast.domain.contract import Contract, CsvFormat
from holdfast.domain.reject import Reason, Reject
from holdfast.parsing.boundaries import Ints
from holdfast.parsing.columns import Reasons, absent_column, may_want_words, read_column, wants_words
from holdfast.parsing.exact import parse_chunk_exact
from holdfast.parsing.header import Layout
from holdfast.parsing.parsed import ParsedChunk
from holdfast.parsing.records import Flaw, Kind, Records, is_tidy, scan, settled
from holdfast.parsing.rejecting import Rejecter, ragged, structural

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
    fmt, records = contract.format, None
    quotes = settled(data, fmt, layout.newline, layout.encoding)
    if not is_tidy(quotes, layout.newline, layout.encoding):
        records = scan(data, fmt, layout.newline, layout.encoding, quotes)
    fields = _read_fields(data if records is None else _body(data, records, layout.encoding), layout, fmt)
    columns, reasons = _read_columns(fields, layout, digits_max) if fields else ([], {})
    if fields and records is None and not reasons and not fields.ragged:
        return ParsedChunk(_table(columns, layout, np.arange(fields.rows)), [])
    records = records or scan(data, fmt, layout.newline, layout.encoding, quotes)
    if fields is None or fields.records != records.data_count:
        return parse_chunk_exact(
            data, layout, contract, first_line=first_line, base_offset=base_offset, digits_max=digits_max
        )
    rejecter = Rejecter(data, layout.newline, layout.encoding, first_line, base_offset)
    return _assemble(columns, reasons, fields, records, layout, rejecter)


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


def _read_fields(body: bytes, layout: Layout, fmt: CsvFormat) -> _Fields | None:
    """The fields of well-formed records; None where pyarrow cannot be trusted with them."""
    if _is_beyond_pyarrow(body, fmt):
        return None
    places = sorted({bound.place for bound in layout.columns if bound.place is not None}) or [0]
    if not body:
        return _Fields({place: pa.array([], pa.string()) for place in places}, 0, {})
    words = {b.place for b in layout.columns if b.place is not None and wants_words(b.reader)}
    doubtful = {b.place for b in layout.columns if b.place is not None and may_want_words(b.reader)} - words
    if doubtful:
        sample = _read(body[: body.rfind(b"\n", 0, _SAMPLE_BYTES) + 1] or body, layout, fmt, sorted(doubtful), set())
        words |= {place for place in doubtful if sample and _has_few_words(sample.columns[place])}
    return _read(body, layout, fmt, places, words)


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
    return pa.table([*columns, pa.array(rows.astype(np.int32))], names=[*names, "row"])


def _assemble(
    columns: list[pa.Array], reasons: Reasons, fields: _Fields, records: Records, layout: Layout, rejecter: Rejecter
) -> ParsedChunk:
    is_row = (records.kind == Kind.DATA) | (records.kind == Kind.BAD)
    row_of = is_row.cumsum() - 1
    data_records = np.flatnonzero(records.kind == Kind.DATA)
    well_formed = np.delete(data_records, sorted(fields.ragged))
    why = {int(r): structural(Flaw(int(records.flaw[r])).code) for r in np.flatnonzero(records.kind == Kind.BAD)}
    why |= {int(data_records[at]): ragged(layout.fields, found) for at, found in fields.ragged.items()}
    why |= {int(well_formed[at]): found for at, found in reasons.items()}
    rejects: list[Reject] = [
        rejecter.reject(int(row_of[r]), int(records.start[r]), int(records.end[r]), why[r]) for r in sorted(why)
    ]
    table = _table(columns, layout, row_of[well_formed])
    if reasons:
        keep = np.ones(fields.rows, np.bool_)
        keep[list(reasons)] = False
        table = table.filter(pa.array(keep))
    blanks, comments = (int(np.count_nonzero(records.kind == kind)) for kind in (Kind.BLANK, Kind.COMMENT))
    return ParsedChunk(table, rejects, blanks, comments)
