"""Cutting a file into chunks: spans that cover it, end at record ends, and keep what an older version had (P2).

The file is read in windows of about a chunk, never mapped: a mapped file that shrinks kills the process. Spans of an
older version are candidates where their bytes stand again, at the same offset or moved by the change in size, so a file
that grew or was edited in one place keeps its other chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import xxhash

from holdfast.domain.chunk import PlannedChunk, Span
from holdfast.domain.contract import CHUNK_BYTES_MAX, Contract
from holdfast.domain.errors import ContractError, DriftRefused, SourceChanged
from holdfast.engine.drifting import Action, Noted
from holdfast.engine.ledger import ChunkRow, FileLayout
from holdfast.engine.opening import READ_BYTES
from holdfast.engine.pinning import hash_bytes
from holdfast.parsing.drift import Difference, Finding
from holdfast.parsing.formats import bound, text_format
from holdfast.ports.source import SourceHandle

if TYPE_CHECKING:
    from holdfast.parsing.headings import HeadingFinder, OtherHeading

LOOKAHEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class CutFile:
    """All chunks of a file in order; `kept` maps a place in `chunks` to the older version's chunk of those bytes."""

    content_hash: str
    chunks: list[PlannedChunk]
    kept: dict[int, ChunkRow] = field(default_factory=dict)


def content_hash(handle: SourceHandle, size_bytes: int) -> str:
    """Hash the whole file. Raises SourceChanged when it is shorter than said."""
    digest = xxhash.xxh3_128()
    for start in range(0, size_bytes, READ_BYTES):
        digest.update(_read(handle, start, min(start + READ_BYTES, size_bytes)))
    return digest.hexdigest()


def _read(handle: SourceHandle, start: int, end: int) -> bytes:
    data = handle.read(start, end)
    if len(data) != end - start:
        raise SourceChanged(
            f"the file shrank while it was planned: byte {start + len(data):,} is its end, {end:,} bytes were there"
            " before; nothing was loaded",
            hint="run the command again when the file is complete",
        )
    return data


@dataclass(slots=True)
class _Window:
    """The latest bytes read of a file, in one buffer: fresh memory for each window costs more than the reading."""

    handle: SourceHandle
    _buffer: bytearray = field(default_factory=bytearray)
    _start: int = 0

    def whole(self, start: int, end: int) -> bytearray:
        """Bytes of the file. Good until the next call."""
        if (start, end) != (self._start, self._start + len(self._buffer)):
            size = end - start
            self._start = start
            del self._buffer[size:]
            self._buffer.extend(bytes(size - len(self._buffer)))
            for at in range(0, size, READ_BYTES):
                stop = min(at + READ_BYTES, size)
                self._buffer[at:stop] = _read(self.handle, start + at, start + stop)
        return self._buffer

    def part(self, start: int, end: int) -> memoryview:
        """The same, without reading again what is there. A cut is looked for and then hashed."""
        if not self._start <= start <= end <= self._start + len(self._buffer):
            self.whole(start, end)
        return memoryview(self._buffer)[start - self._start : end - self._start]


@dataclass(slots=True)
class Cutter:
    """Cuts one version of one file. `older` are the chunks of the version before it."""

    handle: SourceHandle
    size_bytes: int
    layout: FileLayout
    contract: Contract
    uri: str
    older: list[ChunkRow] = field(default_factory=list)
    _window: _Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = _Window(self.handle)

    def cut(self) -> CutFile:
        from holdfast.parsing import records  # here: with it comes numpy, and known files are hashed without

        candidates = self._candidates()
        digest, line = xxhash.xxh3_128(), 1
        chunks: list[PlannedChunk] = []
        kept: dict[int, ChunkRow] = {}
        finder = self._heading_finder()
        for span, old in self._spans(candidates):
            data = self._window.part(span.start, span.end)
            digest.update(data)
            written = self.layout.newline, self.layout.encoding
            lines = records.count_lines(data, *written)
            span_hash = hash_bytes(data)
            if old:
                if span_hash != old.span_hash:
                    raise SourceChanged(
                        f"{self.uri} changed while it was planned; nothing was loaded", hint="run it again"
                    )
                kept[len(chunks)] = old
            elif finder and (other := finder.find(data, max(0, self.layout.data_start - span.start))):
                raise self._refused(other, span.start, line + records.count_lines(data[: other.offset], *written))
            chunks.append(PlannedChunk(span, span_hash, line, lines))
            line += lines
            data.release()  # or the window could not be filled again
        return CutFile(digest.hexdigest(), chunks, kept)

    def _heading_finder(self) -> HeadingFinder | None:
        """Only a file that began with a header can have another one further down."""
        from holdfast.parsing.headings import HeadingFinder

        layout = self.layout
        return HeadingFinder(self.contract, layout.names, layout.newline, layout.encoding) if layout.heading else None

    def _refused(self, other: OtherHeading, start: int, line: int) -> DriftRefused:
        shown = ", ".join(other.fields[:10])
        finding = Finding(kind=Difference.HEADING, detail=f"line {line:,} is another header: {shown}")
        error = DriftRefused(
            f"{self.uri}, line {line:,} (byte {start + other.offset:,}): another header stands in the file"
            f" ({shown}), so the rows after it have their values in other places; nothing was loaded",
            hint="deliver the parts of the file one by one: split it before that line",
        )
        error.noted = [Noted(self.uri, finding, Action.REFUSED)]
        return error

    def _spans(self, candidates: dict[int, ChunkRow]) -> Iterator[tuple[Span, ChunkRow | None]]:
        start = 0
        while start < self.size_bytes:
            old = candidates.get(start)
            end = start + old.span.size_bytes if old else self._next_cut(start, candidates)
            yield Span(start, end), old
            start = end

    def _next_cut(self, start: int, candidates: dict[int, ChunkRow]) -> int:
        """The end of the chunk that starts at `start`: a record end at the usual size, or where an old chunk begins."""
        data_start = max(start, self.layout.data_start)
        target = data_start + self.contract.format.chunk_bytes
        for place in sorted(c for c in candidates if data_start < c <= target):
            if self._record_end(data_start, place) == place:
                return place
        end = self._record_end(data_start, target)
        if self.contract.entity and end < self.layout.data_end:
            end = self._entity_end(data_start, end)
        return self.size_bytes if end >= self.layout.data_end else end

    def _record_end(self, start: int, at_least: int) -> int:
        """The first record end at or after `at_least`, for records that begin at `start`."""
        from holdfast.parsing import records

        stop = self.layout.data_end
        if at_least >= stop:
            return stop
        lookahead = LOOKAHEAD_BYTES
        while True:
            end = min(at_least + lookahead, stop)
            cut = records.find_cut(
                self._window.whole(start, end),
                text_format(self.layout.form).marks(self.contract.format),
                self.layout.newline,
                at_least - start,
                at_eof=end == stop,
                encoding=self.layout.encoding,
            )
            if cut is not None:
                return start + cut
            lookahead *= 4

    def _entity_end(self, chunk_start: int, end: int) -> int:
        """Where the entity of the last record before `end` stops. Raises ContractError where that is out of reach."""
        from holdfast.parsing.lookup import last_record

        layout, text = self.layout, text_format(self.layout.form)
        columns = bound(self.contract, layout.names, self.uri, newline=layout.newline, encoding=layout.encoding)

        def entity_of(record: bytes) -> list[str] | None:
            return text.fields_of(record, columns, self.contract, self.contract.entity)

        chunk = bytes(self._window.part(chunk_start, end))
        entity = entity_of(last_record(chunk, text.marks(self.contract.format), layout.newline, layout.encoding))
        while entity is not None and end < self.layout.data_end:
            following = self._record_end(end, end + 1)
            if entity_of(bytes(self._window.part(end, following))) != entity:
                break
            end = following
            if end - chunk_start > 2 * CHUNK_BYTES_MAX:
                raise ContractError(
                    f"{self.uri}: the rows of entity {', '.join(entity)!r} go on for more than"
                    f" {2 * CHUNK_BYTES_MAX:,} bytes, more than one transaction takes; nothing was loaded",
                    hint="choose a finer entity in the contract, or leave it out",
                )
        return end

    def _candidates(self) -> dict[int, ChunkRow]:
        """Old chunks by the offset where their bytes stand in this version."""
        found: dict[int, ChunkRow] = {}
        old_size = max((chunk.span.end for chunk in self.older), default=0)
        shift = self.size_bytes - old_size
        for chunk in self.older:
            for start in dict.fromkeys((chunk.span.start, chunk.span.start + shift)):
                if start not in found and self._stands_at(chunk, start, old_size):
                    found[start] = chunk
                    break
        return found

    def _stands_at(self, chunk: ChunkRow, start: int, old_size: int) -> bool:
        end = start + chunk.span.size_bytes
        if start < 0 or end > self.size_bytes or (start == 0) != (chunk.span.start == 0):
            return False
        if hash_bytes(_read(self.handle, start, end)) != chunk.span_hash:
            return False
        if chunk.span.end < old_size or end == self.size_bytes:
            return True
        # The old file's last chunk may have ended inside a record that is whole now.
        data_start = max(start, self.layout.data_start)
        return not self.contract.format.skip_footer_lines and self._record_end(data_start, end) == end
