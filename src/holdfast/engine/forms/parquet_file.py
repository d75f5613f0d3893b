"""The bytes of a Parquet file: its footer, the row groups' places, and a view that gives only bytes that were hashed.

A chunk's hash is that of the footer and of all bytes of its row groups. They are read once for the hash; what Arrow
reads afterwards comes from there, or is read again and proved block by block. So what is parsed is what was pinned
(P8), and a row group larger than memory stays where it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from holdfast.domain.errors import SourceChanged, SourceError
from holdfast.ports.source import SourceHandle

BLOCK_BYTES = 1024 * 1024
KEPT_BYTES_MAX = 64 * 1024 * 1024  # more than this of a row group is not kept in memory
FOOTER_BYTES_MAX = 64 * 1024 * 1024
_TAIL_BYTES = 8
_PADDING_BYTES = 100  # old writers understate a column's size; Arrow reads so much further
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_HINT = "was it delivered whole? A Parquet file begins and ends with the letters PAR1"


@dataclass(frozen=True, slots=True)
class Footer:
    """A file's own description of itself. `end` is where row groups end at the latest."""

    metadata: pq.FileMetaData
    data: bytes
    end: int

    def extent(self, groups: range) -> tuple[int, int]:
        """The bytes [start, end) of some row groups."""
        places = [place for group in groups for place in _places(self.metadata.row_group(group))]
        if not places:
            return 0, 0
        start, end = min(start for start, _ in places), max(end for _, end in places)
        return start, min(end + _PADDING_BYTES, self.end)


def _places(group: pq.RowGroupMetaData) -> Iterator[tuple[int, int]]:
    for number in range(group.num_columns if group.num_rows else 0):
        column = group.column(number)
        start = column.data_page_offset
        if column.dictionary_page_offset:
            start = min(start, column.dictionary_page_offset)
        yield start, start + column.total_compressed_size


def read_footer(handle: SourceHandle, size_bytes: int, uri: str) -> Footer:
    """Raises SourceError for what is no sound Parquet file."""
    tail = handle.read(max(0, size_bytes - _TAIL_BYTES), size_bytes)
    if handle.read(0, 4) != _MAGIC or tail[4:] != _MAGIC:
        if tail[4:] == _ENCRYPTED:
            raise _unreadable(uri, "it is encrypted", "deliver it unencrypted, or decrypt it before the load")
        raise _unreadable(uri, "it does not begin and end as a Parquet file does", _HINT)
    length = int.from_bytes(tail[:4], "little")
    start = size_bytes - _TAIL_BYTES - length
    if start < len(_MAGIC) or length > FOOTER_BYTES_MAX:
        raise _unreadable(uri, f"its footer says to be {length:,} bytes long", _HINT)
    data = handle.read(start, size_bytes)
    try:
        metadata = pq.read_metadata(pa.BufferReader(_MAGIC + data))
        footer = Footer(metadata, data, start)
        extents = [footer.extent(range(group, group + 1)) for group in range(metadata.num_row_groups)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(uri, f"its footer cannot be read ({error})", _HINT) from error
    if any(not len(_MAGIC) <= low <= high <= start for low, high in extents if (low, high) != (0, 0)):
        raise _unreadable(uri, "its footer tells of row groups that are not in the file", _HINT)
    return footer


def _unreadable(uri: str, what: str, hint: str) -> SourceError:
    return SourceError(f"{uri} is no Parquet file that can be read: {what}; nothing was loaded", hint=hint)


def pin_hash(handle: SourceHandle, footer: Footer, groups: range) -> str:
    return _pinned(handle, footer, groups)[0]


def open_pinned(
    handle: SourceHandle, size_bytes: int, footer: Footer, groups: range, span_hash: str
) -> pq.ParquetFile | None:
    """The file, readable in these row groups; None where their bytes are not those of `span_hash`."""
    digest, blocks = _pinned(handle, footer, groups)
    if digest != span_hash:
        return None
    return _open(_View(size_bytes, [(footer.end, footer.data), *blocks], handle), footer)


def open_unpinned(handle: SourceHandle, size_bytes: int, footer: Footer) -> pq.ParquetFile:
    """The file as it is, for a look."""
    return _open(_View(size_bytes, [(footer.end, footer.data)], handle, is_strict=False), footer)


def _open(view: _View, footer: Footer) -> pq.ParquetFile:
    file = pa.PythonFile(view, mode="r")
    return pq.ParquetFile(file, metadata=footer.metadata, pre_buffer=False, buffer_size=BLOCK_BYTES)


@dataclass(frozen=True, slots=True)
class _Block:
    """Bytes known by their hash only."""

    size_bytes: int
    digest: bytes


def _pinned(handle: SourceHandle, footer: Footer, groups: range) -> tuple[str, list[tuple[int, bytes | _Block]]]:
    start, end = footer.extent(groups)
    whole = xxhash.xxh3_128(footer.data)
    blocks: list[tuple[int, bytes | _Block]] = []
    for at in range(start, end, BLOCK_BYTES):
        data = handle.read(at, min(at + BLOCK_BYTES, end))
        whole.update(data)
        kept = data if end - start <= KEPT_BYTES_MAX else _Block(len(data), xxhash.xxh3_128_digest(data))
        blocks.append((at, kept))
    return whole.hexdigest(), blocks


class _View(io.RawIOBase):
    """A file of which some blocks are known; reading others is an error, unless it is not `is_strict`."""

    def __init__(
        self,
        size_bytes: int,
        blocks: list[tuple[int, bytes]] | list[tuple[int, bytes | _Block]],
        handle: SourceHandle | None = None,
        *,
        is_strict: bool = True,
    ) -> None:
        self._size = size_bytes
        self._blocks = sorted(blocks, key=lambda block: block[0])
        self._handle = handle
        self._is_strict = is_strict
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        start, self._at = self._at, max(end, self._at)
        return self._bytes(start, end)

    def _bytes(self, start: int, end: int) -> bytes:
        parts = []
        for at, block in self._blocks:
            size = len(block) if isinstance(block, bytes) else block.size_bytes
            if at <= start < min(end, at + size):
                stop = min(end, at + size)
                parts.append(self._proved(at, block)[start - at : stop - at])
                start = stop
        if start < end:
            if self._is_strict or self._handle is None:
                raise OSError(f"bytes {start:,} to {end:,} belong to no row group of the chunk")
            parts.append(self._handle.read(start, end))
        return b"".join(parts)

    def _proved(self, at: int, block: bytes | _Block) -> bytes:
        if isinstance(block, bytes):
            return block
        data = self._handle.read(at, at + block.size_bytes) if self._handle else b""
        if xxhash.xxh3_128_digest(data) != block.digest:
            raise SourceChanged(f"bytes from {at:,} on changed while they were read")
        return data
