"""Parquet: spans are of rows. A chunk is neighbouring row groups of about `chunk_bytes`, or a part of a huge one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.domain.chunk import FileStamp, PlannedChunk, Span
from holdfast.domain.contract import Column, Contract
from holdfast.domain.errors import ContractError, DriftRefused, HoldfastError, SourceChanged, SourceError
from holdfast.domain.origin import ROWS_MAX
from holdfast.engine.claims import Claim
from holdfast.engine.drifting import Action, Noted
from holdfast.engine.faults import reach
from holdfast.engine.forms.parquet_file import Footer, open_pinned, open_unpinned, pin_hash, read_footer
from holdfast.engine.forms.record import SourceRecord, values_of
from holdfast.engine.ledger import ChunkRow, FileLayout, FileVersion
from holdfast.engine.pinning import CHANGED_HINT, open_for, state
from holdfast.engine.spans import CutFile, content_hash
from holdfast.parsing.drift import Delivery, Difference, Finding
from holdfast.parsing.formats import bound
from holdfast.parsing.header import field_places
from holdfast.parsing.infer_records import guess_of
from holdfast.parsing.parsed import ParsedChunk, joined
from holdfast.parsing.typed import texts_of
from holdfast.parsing.typed_rows import check_types, parse_rows
from holdfast.ports.source import Source, SourceHandle

BATCH_ROWS = 64 * 1024
SAMPLE_ROWS = 64
_VALUE_BYTES = 8  # a value takes about so much once it is read, however well it is packed
_BROKEN = (pa.ArrowException, OSError, ValueError)


class ParquetForm:
    """Newer versions of a file keep no chunks: whoever rewrites a Parquet file moves all of it."""

    rejects_are = "jsonl"

    def layout(self, handle: SourceHandle, stamp: FileStamp, contract: Contract) -> FileLayout:  # noqa: ARG002
        footer = read_footer(handle, stamp.size_bytes, stamp.uri)
        schema = _schema(footer, stamp.uri)
        if twins := sorted({name for name in schema.names if schema.names.count(name) > 1}):
            raise SourceError(
                f"{stamp.uri} has several fields named {twins[0]!r}: which is which cannot be told; nothing was loaded",
                hint="have them named differently; a join or a merge of two tables may have made them",
            )
        rows = footer.metadata.num_rows
        return FileLayout(tuple(schema.names), "lf", "utf-8", data_start=0, data_end=rows, form="parquet")

    def delivery(
        self, handle: SourceHandle, stamp: FileStamp, layout: FileLayout, contract: Contract, *, sampled: bool
    ) -> Delivery:
        """With values of the fields that no column answers to; those of the others have types, which `cut` checks."""
        answered = set(field_places(contract, layout.names).values())
        spare = [place for place in range(len(layout.names)) if place not in answered]
        if not sampled or not spare:
            return Delivery(layout.names)
        footer = read_footer(handle, stamp.size_bytes, stamp.uri)
        schema_types = _schema(footer, stamp.uri).types
        types = {place: guess.type for place in spare if (guess := guess_of(schema_types[place]))}
        span, names = Span(0, min(SAMPLE_ROWS, layout.data_end)), [layout.names[place] for place in spare]
        try:
            batches = list(_batches(_file(handle, stamp, footer), footer, span, names, SAMPLE_ROWS))
        except _BROKEN:
            return Delivery(layout.names, types=types)  # whoever loads it says what is wrong
        text = Column(name="text", type="string", nullable=True)
        rows = [(place, batch.column(layout.names[place])) for batch in batches for place in spare]
        return Delivery(layout.names, {place: texts_of(values, text)[0].to_pylist() for place, values in rows}, types)

    def cut(
        self,
        handle: SourceHandle,
        stamp: FileStamp,
        layout: FileLayout,
        contract: Contract,
        older: list[ChunkRow],  # noqa: ARG002 - none is kept
    ) -> CutFile:
        footer = read_footer(handle, stamp.size_bytes, stamp.uri)
        types = _schema(footer, stamp.uri).types
        try:
            check_types(contract, bound(contract, layout.names, stamp.uri), types, stamp.uri)
        except DriftRefused as error:
            error.noted = [Noted(stamp.uri, Finding(kind=Difference.TYPE_CHANGED, detail=str(error)), Action.REFUSED)]
            raise
        ends = list(_ends(footer, contract.format.chunk_bytes))
        if contract.entity:
            ends = list(_entity_ends(_file(handle, stamp, footer), footer, layout, contract, ends, stamp.uri))
        chunks, start = [], 0
        for end in ends:
            digest = pin_hash(handle, footer, _groups(footer, Span(start, end)))
            chunks.append(PlannedChunk(Span(start, end), digest, first_line=start + 1, lines=end - start))
            start = end
        return CutFile(content_hash(handle, stamp.size_bytes), chunks)

    def parse(
        self, source: Source, contract: Contract, file: FileVersion, claim: Claim, digits_max: int | None
    ) -> ParsedChunk:
        with _pinned(source, file, claim) as (opened, footer):
            return _parsed(opened, footer, file.layout, contract, claim.span, digits_max, file.uri)

    def records(
        self,
        source: Source,
        contract: Contract,
        file: FileVersion,
        claim: Claim,
        rows: Sequence[int],
        digits_max: int | None,
    ) -> dict[int, SourceRecord]:
        """A row has a number, and no place in bytes; its text is all its fields, as JSON."""
        found: dict[int, SourceRecord] = {}
        with _pinned(source, file, claim) as (opened, footer):
            for row in (row for row in rows if claim.span.start + row < claim.span.end):
                only = Span(claim.span.start + row, claim.span.start + row + 1)
                (batch,) = _batches(opened, footer, only, list(file.layout.names), SAMPLE_ROWS)
                parsed = _parsed(
                    opened, footer, file.layout, contract, only, digits_max, file.uri, batch_rows=SAMPLE_ROWS
                )
                raw = json.dumps(batch.to_pylist()[0], default=str, ensure_ascii=False)
                found[row] = SourceRecord(only.end, None, None, raw, *values_of(parsed))
        return found

    def first_rows(
        self,
        source: Source,
        contract: Contract,
        uri: str,
        layout: FileLayout,
        chunk: PlannedChunk,
        digits_max: int | None,
    ) -> pa.Table | None:
        stamp = source.stamp(uri)
        handle = source.open(uri)
        try:
            footer = read_footer(handle, stamp.size_bytes, uri)
            span = Span(chunk.span.start, min(chunk.span.end, chunk.span.start + SAMPLE_ROWS))
            file = _file(handle, stamp, footer)
            return _parsed(file, footer, layout, contract, span, digits_max, uri, batch_rows=SAMPLE_ROWS).table
        except _BROKEN:
            return None  # whoever loads it says what is wrong
        finally:
            handle.close()


@contextmanager
def _pinned(source: Source, file: FileVersion, claim: Claim) -> Iterator[tuple[pq.ParquetFile, Footer]]:
    """The file of a chunk, readable in the row groups that the plan pinned. Raises SourceChanged, SourceError."""
    handle = open_for(source, file, claim)
    try:
        footer = read_footer(handle, file.size_bytes, file.uri)
        groups = _groups(footer, claim.span)
        opened = open_pinned(handle, file.size_bytes, footer, groups, claim.span_hash)
        reach("parse.read")
        if opened is None:
            raise SourceChanged(f"rows {claim.span.start + 1:,} to {claim.span.end:,} are not those the plan pinned")
        yield opened, footer
    except SourceChanged as error:
        told = f"{file.uri} changed while it was loaded: {error.message}; {state(claim)}"
        raise SourceChanged(told, hint=CHANGED_HINT) from error
    except HoldfastError:
        raise
    except _BROKEN as error:
        raise SourceError(
            f"{file.uri}: rows {claim.span.start + 1:,} to {claim.span.end:,} cannot be read: {error}; {state(claim)}",
            hint="was the file written and delivered whole? Try it with another Parquet reader",
        ) from error
    finally:
        handle.close()


def first_table(handle: SourceHandle, size_bytes: int, uri: str, rows_max: int) -> tuple[pa.Table, bool]:
    """A file's first rows, and whether they are all. Raises SourceError."""
    footer = read_footer(handle, size_bytes, uri)
    rows = footer.metadata.num_rows
    span = Span(0, min(rows, rows_max))
    file = open_unpinned(handle, size_bytes, footer)
    schema = _schema(footer, uri)
    try:
        batches = list(_batches(file, footer, span, schema.names))
    except _BROKEN as error:
        raise SourceError(f"{uri}: its first rows cannot be read: {error}") from error
    return pa.Table.from_batches(batches, schema), rows <= rows_max


def _schema(footer: Footer, uri: str) -> pa.Schema:
    try:
        return footer.metadata.schema.to_arrow_schema()
    except _BROKEN as error:
        raise SourceError(f"{uri}: its schema cannot be read ({error}); nothing was loaded") from error


def _file(handle: SourceHandle, stamp: FileStamp, footer: Footer) -> pq.ParquetFile:
    return open_unpinned(handle, stamp.size_bytes, footer)


def _ends(footer: Footer, chunk_bytes: int) -> Iterator[int]:
    """Where chunks end, as rows of the file; at least one, so that a file without rows is recorded too."""
    metadata = footer.metadata
    end = rows = weight = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        heavy = max(group.total_byte_size, group.num_rows * group.num_columns * _VALUE_BYTES)
        if rows and (weight + heavy > chunk_bytes or rows + group.num_rows > ROWS_MAX):
            yield end
            rows = weight = 0
        parts = max(-(-heavy // chunk_bytes), -(-group.num_rows // ROWS_MAX))
        yield from (end + group.num_rows * part // parts for part in range(1, parts))
        end, rows, weight = end + group.num_rows, rows + group.num_rows, weight + heavy
        if parts > 1:
            yield end
            rows = weight = 0
    if rows or not end:
        yield end


def _starts(footer: Footer) -> list[int]:
    """The first row of each row group, and the file's end."""
    starts = [0]
    for number in range(footer.metadata.num_row_groups):
        starts.append(starts[-1] + footer.metadata.row_group(number).num_rows)
    return starts


def _groups(footer: Footer, span: Span) -> range:
    """The row groups that hold rows of the span."""
    starts = _starts(footer)
    held = [g for g in range(len(starts) - 1) if starts[g] < span.end and starts[g + 1] > span.start]
    return range(held[0], held[-1] + 1) if held else range(0)


def _batches(
    file: pq.ParquetFile, footer: Footer, span: Span, names: list[str], batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """The span's rows, group by group, so that no more than a batch of them is unpacked at once."""
    starts = _starts(footer)
    for group in _groups(footer, span):
        at = starts[group]
        for batch in file.iter_batches(batch_rows, row_groups=[group], columns=names, use_threads=False):
            first, last = max(span.start - at, 0), min(span.end - at, batch.num_rows)
            if first < last:
                yield batch.slice(first, last - first)
            at += batch.num_rows
            if at >= span.end:
                break


def _parsed(
    file: pq.ParquetFile,
    footer: Footer,
    layout: FileLayout,
    contract: Contract,
    span: Span,
    digits_max: int | None,
    uri: str,
    *,
    batch_rows: int = BATCH_ROWS,
) -> ParsedChunk:
    columns, types = bound(contract, layout.names, uri), _schema(footer, uri).types
    check_types(contract, columns, types, uri)
    places = sorted({column.place for column in columns.columns if column.place is not None}) or [0]
    offset = footer.extent(_groups(footer, span))[0]

    def part(fields: dict[int, pa.Array], rows: int, row: int) -> ParsedChunk:
        line = span.start + row + 1
        return parse_rows(
            fields, rows, columns, layout.names, row=row, line=line, byte_offset=offset, digits_max=digits_max
        )

    parts = [part({place: pa.array([], types[place]) for place in places}, 0, 0)]
    row = 0
    for batch in _batches(file, footer, span, [layout.names[place] for place in places], batch_rows):
        parts.append(part({place: batch.column(layout.names[place]) for place in places}, batch.num_rows, row))
        row += batch.num_rows
    return joined(parts)


def _entity_ends(
    file: pq.ParquetFile, footer: Footer, layout: FileLayout, contract: Contract, ends: list[int], uri: str
) -> Iterator[int]:
    """The ends moved to where an entity's rows stop. Raises ContractError where that is out of reach."""
    places = {found.column.name: found.place for found in bound(contract, layout.names, uri).columns}
    names = [layout.names[place] for name in contract.entity if (place := places[name]) is not None]
    start = 0
    for end in ends:
        if end <= start and start:
            continue
        stop = _entity_end(file, footer, names, end) if end < ends[-1] and names else end
        if stop - start > ROWS_MAX:
            raise ContractError(
                f"{uri}: the rows of one entity go on for more than {ROWS_MAX:,} rows, more than one transaction takes;"
                " nothing was loaded",
                hint="choose a finer entity in the contract, or leave it out",
            )
        yield stop
        start = stop


def _entity_end(file: pq.ParquetFile, footer: Footer, names: list[str], end: int) -> int:
    """The first row from `end` on that is of another entity than the row before `end`."""
    entity, row = None, end - 1
    for batch in _batches(file, footer, Span(end - 1, footer.metadata.num_rows), names, SAMPLE_ROWS):
        for values in batch.to_pylist():
            if entity is not None and values != entity:
                return row
            entity = values
            row += 1
    return row
