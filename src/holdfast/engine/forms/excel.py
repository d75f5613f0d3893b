"""Spreadsheets: a sheet is turned into CSV text, always the same, and that text is cut, pinned and parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from holdfast.domain.chunk import FileStamp, PlannedChunk
from holdfast.domain.contract import Contract
from holdfast.engine.claims import Claim
from holdfast.engine.forms.text import TextForm
from holdfast.engine.forms.workbook import FILE_BYTES_MAX, sheet_rows
from holdfast.engine.ledger import ChunkRow, FileLayout, FileVersion
from holdfast.engine.spans import CutFile, content_hash
from holdfast.parsing.sheet import rows_as_text
from holdfast.ports.source import Source, SourceHandle

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.engine.forms.record import SourceRecord
    from holdfast.parsing.drift import Delivery
    from holdfast.parsing.parsed import ParsedChunk

_TEXT = TextForm("excel")


class ExcelForm:
    """Spans are of the text's bytes; the file's hash is that of the workbook."""

    rejects_are = "excel"

    def layout(self, handle: SourceHandle, stamp: FileStamp, contract: Contract) -> FileLayout:
        text = _text_of(handle, contract, stamp.uri)
        return _TEXT.layout(_Memory(text), replace(stamp, size_bytes=len(text)), contract)

    def delivery(
        self, handle: SourceHandle, stamp: FileStamp, layout: FileLayout, contract: Contract, *, sampled: bool
    ) -> Delivery:
        text = _text_of(handle, contract, stamp.uri)
        return _TEXT.delivery(_Memory(text), stamp, layout, contract, sampled=sampled)

    def cut(
        self,
        handle: SourceHandle,
        stamp: FileStamp,
        layout: FileLayout,
        contract: Contract,
        older: list[ChunkRow],
    ) -> CutFile:
        text = _text_of(handle, contract, stamp.uri)
        cut = _TEXT.cut(_Memory(text), replace(stamp, size_bytes=len(text)), layout, contract, older)
        return replace(cut, content_hash=content_hash(handle, stamp.size_bytes))

    def parse(
        self, source: Source, contract: Contract, file: FileVersion, claim: Claim, digits_max: int | None
    ) -> ParsedChunk:
        return _TEXT.parse(_Sheets(source, contract), contract, file, claim, digits_max)

    def records(
        self,
        source: Source,
        contract: Contract,
        file: FileVersion,
        claim: Claim,
        rows: Sequence[int],
        digits_max: int | None,
    ) -> dict[int, SourceRecord]:
        """A sheet's row has a number, and no place in bytes."""
        found = _TEXT.records(_Sheets(source, contract), contract, file, claim, rows, digits_max)
        return {row: replace(record, byte_offset=None, byte_length=None) for row, record in found.items()}

    def first_rows(
        self,
        source: Source,
        contract: Contract,
        uri: str,
        layout: FileLayout,
        chunk: PlannedChunk,
        digits_max: int | None,
    ) -> pa.Table | None:
        return _TEXT.first_rows(_Sheets(source, contract), contract, uri, layout, chunk, digits_max)


def _text_of(handle: SourceHandle, contract: Contract, uri: str) -> bytes:
    return _converted(handle.read(0, FILE_BYTES_MAX + 1), contract.model_dump_json(by_alias=True), uri)


@lru_cache(maxsize=1)
def _converted(data: bytes, contract: str, uri: str) -> bytes:
    """The latest workbook is kept: it is planned in two steps, and loaded chunk by chunk."""
    by = Contract.model_validate_json(contract)
    return rows_as_text(sheet_rows(data, by.format.sheet, uri), by)


@dataclass(frozen=True, slots=True)
class _Memory:
    """A file that is a text in memory."""

    text: bytes

    def read(self, start: int, end: int) -> bytes:
        return self.text[start:end]

    def close(self) -> None:
        """There is nothing to close."""


@dataclass(frozen=True, slots=True)
class _Sheets:
    """A source of workbooks, seen as one of their sheets' texts."""

    source: Source
    contract: Contract

    def list(self, patterns: list[str]) -> list[FileStamp]:
        return self.source.list(patterns)

    def stamp(self, uri: str) -> FileStamp:
        return self.source.stamp(uri)

    def open(self, uri: str) -> SourceHandle:
        handle = self.source.open(uri)
        try:
            return _Memory(_text_of(handle, self.contract, uri))
        finally:
            handle.close()

    def unpack(self, uri: str, compression: str) -> SourceHandle:
        return self.source.unpack(uri, compression)
