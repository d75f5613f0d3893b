"""Files of text records, CSV for one: spans are of bytes and end where a record does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.domain.chunk import FileStamp, PlannedChunk
from holdfast.domain.contract import Column, Contract
from holdfast.engine.claims import Claim
from holdfast.engine.faults import reach
from holdfast.engine.ledger import ChunkRow, FileLayout, FileVersion
from holdfast.engine.opening import opened
from holdfast.engine.pinning import read_pinned
from holdfast.engine.spans import CutFile, Cutter
from holdfast.parsing.drift import Delivery
from holdfast.parsing.formats import TextFormat, bound, text_format
from holdfast.parsing.header import BoundColumn, Header, Layout
from holdfast.parsing.lines import narrow, tail_bytes
from holdfast.parsing.values import ValueReader
from holdfast.ports.source import Source, SourceHandle

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.engine.forms.record import SourceRecord
    from holdfast.parsing.parsed import ParsedChunk

HEAD_BYTES = 1024 * 1024
DELIVERY_BYTES = 64 * 1024  # of a file's beginning, whose values are compared with the contract
SAMPLE_BYTES = 4 * 1024
SAMPLE_BYTES_MAX = 1024 * 1024  # longer records are not looked at


@dataclass(frozen=True, slots=True)
class TextForm:
    """The form of a text format (`parsing.formats`)."""

    rejects_are: str

    @property
    def _text(self) -> TextFormat:
        return text_format(self.rejects_are)

    def layout(self, handle: SourceHandle, stamp: FileStamp, contract: Contract) -> FileLayout:
        head = handle.read(0, min(HEAD_BYTES, stamp.size_bytes))
        header = self._text.read_top(head, contract, len(head) == stamp.size_bytes, stamp.uri)
        return FileLayout(
            names=tuple(header.names),
            newline=header.newline,
            encoding=header.encoding,
            data_start=header.data_start,
            data_end=max(header.data_start, _data_end(handle, stamp.size_bytes, contract, header)),
            form=self.rejects_are,
            heading=header.heading.decode(header.encoding),
        )

    def delivery(
        self,
        handle: SourceHandle,
        stamp: FileStamp,  # noqa: ARG002
        layout: FileLayout,
        contract: Contract,
        *,
        sampled: bool,
    ) -> Delivery:
        if not sampled:
            return Delivery(layout.names)
        end = min(layout.data_end, layout.data_start + DELIVERY_BYTES)
        data = handle.read(layout.data_start, end) if end > layout.data_start else b""
        return Delivery(layout.names, self._sample(data, layout, contract, at_eof=end == layout.data_end))

    def _sample(self, data: bytes, layout: FileLayout, contract: Contract, *, at_eof: bool) -> dict[int, list[str]]:
        """Texts by field of the records in `data`, whatever the contract makes of them."""
        from holdfast.parsing.records import find_cut

        marks, at_least = self._text.marks(contract.format), len(data) if at_eof else len(data) // 2
        size = find_cut(data, marks, layout.newline, at_least, at_eof=at_eof, encoding=layout.encoding) if data else 0
        if self.rejects_are == "csv":
            return _csv_sample(data[: size or 0], layout, contract)
        columns = [
            Column(name=f"field_{place}", type="string", sources=[name], nullable=True, null_values=[])
            for place, name in enumerate(layout.names)
        ]
        as_text = contract.model_copy(update={"columns": columns})
        places = tuple(BoundColumn(column, ValueReader(column), place) for place, column in enumerate(columns))
        fields = Layout(places, len(places), layout.newline, layout.encoding, layout.heading.encode(layout.encoding))
        parsed = self._text.parse_chunk(data[: size or 0], fields, as_text, first_line=1, base_offset=0)
        texts = [parsed.table.column(place).to_pylist() for place in range(len(columns))]
        for nested in (reject for reject in parsed.rejects if reject.reasons[0].code == "E_NESTED"):
            row = self._text.texts_of(nested.raw.decode(layout.encoding), fields, as_text)
            for values, text in zip(texts, row, strict=True):
                values.append(text)
        return {place: [text for text in values if text is not None] for place, values in enumerate(texts)}

    def cut(
        self,
        handle: SourceHandle,
        stamp: FileStamp,
        layout: FileLayout,
        contract: Contract,
        older: list[ChunkRow],
    ) -> CutFile:
        return Cutter(handle, stamp.size_bytes, layout, contract, stamp.uri, older).cut()

    def parse(
        self, source: Source, contract: Contract, file: FileVersion, claim: Claim, digits_max: int | None
    ) -> ParsedChunk:
        body = _body(source, file, claim)
        return self._text.parse_chunk(
            body.data,
            _columns(contract, file.layout, file.uri),
            contract,
            first_line=body.first_line,
            base_offset=body.start,
            digits_max=digits_max,
        )

    def records(
        self,
        source: Source,
        contract: Contract,
        file: FileVersion,
        claim: Claim,
        rows: Sequence[int],
        digits_max: int | None,
    ) -> dict[int, SourceRecord]:
        from holdfast.engine.forms.record import SourceRecord, values_of
        from holdfast.parsing.rejecting import Place, Rejecter

        body, layout = _body(source, file, claim), file.layout
        columns = _columns(contract, layout, file.uri)
        spans = self._text.records_at(body.data, columns, contract, rows)
        place = Place(row=0, line=lambda: body.first_line, offset=body.start)
        text = narrow(body.data, layout.encoding)
        rejecter = Rejecter(body.data, text, layout.newline, layout.encoding, place)
        found: dict[int, SourceRecord] = {}
        for row, span in sorted(spans.items()):
            told = rejecter.reject(row, *span, ())
            at = {"first_line": told.line, "base_offset": told.byte_offset}
            parsed = self._text.parse_chunk(body.data[slice(*span)], columns, contract, **at, digits_max=digits_max)
            raw = told.raw.decode(layout.encoding, "backslashreplace")
            found[row] = SourceRecord(told.line, told.byte_offset, len(told.raw), raw, *values_of(parsed))
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
        from holdfast.parsing.records import find_cut  # and with it numpy, only once something is new

        start = max(chunk.span.start, layout.data_start)
        stop = min(chunk.span.end, layout.data_end)
        end = min(stop, start + SAMPLE_BYTES_MAX)
        if start >= end:
            return None
        with opened(source, uri, layout.compression) as handle:
            data = handle.read(start, end)
        marks, at_least = self._text.marks(contract.format), min(SAMPLE_BYTES, len(data))
        size = find_cut(data, marks, layout.newline, at_least, at_eof=end == stop, encoding=layout.encoding)
        if not size:
            return None
        columns = _columns(contract, layout, uri)
        parsed = self._text.parse_chunk(
            data[:size], columns, contract, first_line=1, base_offset=start, digits_max=digits_max
        )
        return parsed.table


@dataclass(frozen=True, slots=True)
class _Body:
    """A chunk's bytes less what of the file is no data: they begin at byte `start`, on line `first_line` (from 1)."""

    data: bytes
    start: int
    first_line: int


def _body(source: Source, file: FileVersion, claim: Claim) -> _Body:
    """Raises SourceChanged where the bytes are not those that the plan pinned."""
    from holdfast.parsing.records import count_lines

    data = read_pinned(source, file, claim)
    reach("parse.read")
    layout = file.layout
    start = max(claim.span.start, layout.data_start)
    end = max(start, min(claim.span.end, layout.data_end))
    skipped = data[: start - claim.span.start]
    data = data[start - claim.span.start : end - claim.span.start]
    return _Body(data, start, claim.first_line + count_lines(skipped, layout.newline, layout.encoding))


def _csv_sample(data: bytes, layout: FileLayout, contract: Contract) -> dict[int, list[str]]:
    """The same without Arrow, whose start takes longer than all the rest of a small plan."""
    from holdfast.parsing.sampling import sampled_texts

    texts = sampled_texts(
        data,
        contract.format,
        fields=len(layout.names),
        newline=layout.newline,
        encoding=layout.encoding,
        heading=layout.heading.encode(layout.encoding),
    )
    return dict(enumerate(texts))


def _columns(contract: Contract, layout: FileLayout, uri: str) -> Layout:
    return bound(contract, layout.names, uri, newline=layout.newline, encoding=layout.encoding, heading=layout.heading)


def _data_end(handle: SourceHandle, size_bytes: int, contract: Contract, header: Header) -> int:
    if not contract.format.skip_footer_lines:
        return size_bytes
    tail = handle.read(max(0, size_bytes - HEAD_BYTES), size_bytes)
    return size_bytes - tail_bytes(tail, contract.format.skip_footer_lines, header.newline, header.encoding)
