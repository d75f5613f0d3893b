"""Opening a source file for its content: as it lies, or out of its archive. And what identifies an archive.

The ledger knows a file by the hash of its content, however it was packed: the same data delivered plain and as gzip is
known. So that an unchanged archive need not be unpacked to learn that, its own hash is kept with its version.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import xxhash

from holdfast.domain.chunk import FileStamp
from holdfast.domain.compression import compression_of
from holdfast.domain.contract import CsvFormat
from holdfast.domain.errors import SourceError
from holdfast.engine.ledger import FileVersion
from holdfast.ports.source import Source, SourceHandle

READ_BYTES = 1024 * 1024  # at once: what is read is still in the processor's cache when it is hashed
RATIO_FROM_BYTES = 64 * 1024 * 1024  # a small file of equal rows may well expand a thousand times


def open_content(source: Source, uri: str, compression: str) -> SourceHandle:
    """What the file holds: `compression` is empty where that is the file itself."""
    return source.unpack(uri, compression) if compression else source.open(uri)


@contextmanager
def opened(source: Source, uri: str, compression: str) -> Iterator[SourceHandle]:
    handle = open_content(source, uri, compression)
    try:
        yield handle
    finally:
        handle.close()


@dataclass(frozen=True, slots=True)
class Identified:
    """A listed file. `content_hash` is empty where nothing says yet what it holds."""

    stamp: FileStamp
    content_hash: str = ""


def identify(source: Source, form: CsvFormat, stamps: list[FileStamp], current: list[FileVersion]) -> list[Identified]:
    """What can be said of listed files by proof: the same archive, the same strong ETag, means the same content.

    A compressed file that is not known is unpacked once here, from its first byte to its last: so it is whole, within
    its limits, and its content has a size. Raises SourceError where it is not.
    """
    proved = {(file.uri, file.modified, file.layout.compression): file for file in current}
    found = []
    for listed in stamps:
        compression = compression_of(listed.uri, form.compression)
        stamp = _stamped_archive(source, listed, compression) if compression else listed
        known = proved.get((stamp.uri, stamp.modified, compression)) if stamp.is_proof else None
        if known and (compression or known.size_bytes == stamp.size_bytes):
            found.append(Identified(replace(stamp, size_bytes=known.size_bytes), known.content_hash))
        elif compression:
            found.append(_unpacked(source, form, stamp))
        else:
            found.append(Identified(stamp))
    return found


def _stamped_archive(source: Source, stamp: FileStamp, compression: str) -> FileStamp:
    if stamp.is_proof:
        return replace(stamp, compression=compression)
    with opened(source, stamp.uri, "") as handle:
        _, digest = _hash_to_end(handle, stamp.size_bytes)
    return replace(stamp, modified=f"xxh3:{digest}", compression=compression, is_proof=True)


def _unpacked(source: Source, form: CsvFormat, stamp: FileStamp) -> Identified:
    """The stamp of the archive's content, read once."""
    by_ratio = max(RATIO_FROM_BYTES, stamp.size_bytes * form.expansion_ratio_max)
    bytes_max = min(form.expanded_bytes_max, by_ratio)
    with opened(source, stamp.uri, stamp.compression) as handle:
        size_bytes, digest = _hash_to_end(handle, bytes_max)
    if size_bytes > bytes_max:
        key = "expansion_ratio_max" if bytes_max == by_ratio else "expanded_bytes_max"
        raise SourceError(
            f"{stamp.uri} expands to more than {bytes_max:,} bytes, from {stamp.size_bytes:,}; reading it was given up,"
            " nothing was loaded",
            hint=f"if it is to be that large, raise {key} under [format] in the contract",
        )
    return Identified(replace(stamp, size_bytes=size_bytes), digest)


def _hash_to_end(handle: SourceHandle, bytes_max: int) -> tuple[int, str]:
    """Size and hash of all there is, given up once it is more than `bytes_max`."""
    digest, size = xxhash.xxh3_128(), 0
    while size <= bytes_max and (data := handle.read(size, size + READ_BYTES)):
        digest.update(data)
        size += len(data)
    return size, digest.hexdigest()
