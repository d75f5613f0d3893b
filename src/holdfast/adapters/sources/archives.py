"""Compressed files as a source sees them: their content, read forwards.

Owns: gzip, bz2 and zstd streams (Arrow's: they refuse what is cut short, and take several members or frames as one),
and zips of one file. Promises that content comes out as it went in, or a SourceError names the file: truncated,
corrupt, encrypted, followed by bytes that are none of it. Memory does not grow with the content.

A stream that was read to some place is kept when its reader is done, for the next chunk of the same file: a worker that
takes one chunk after the other unpacks the file once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdfast.domain.chunk import FileStamp
from holdfast.domain.errors import SourceError
from holdfast.ports.source import SourceHandle

SKIP_BYTES = 1024 * 1024  # at once
KEPT_MAX = 2
_MAGIC = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "zip": b"PK", "zstd": b""}  # a zstd file may begin with a skippable frame
_ASKED_MAX = 64 * 1024 * 1024  # a zip's directory is read at once, and a hostile one is large


class RawSource(Protocol):
    """Where archives lie."""

    def stamp(self, uri: str) -> FileStamp: ...

    def open(self, uri: str) -> SourceHandle: ...


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Stream:
    """A decompressor and how far it has come; `stamp` is what the archive looked like when it was opened."""

    uri: str
    compression: str
    stamp: FileStamp
    raw: SourceHandle
    reader: _Reader
    at: int = 0
    is_broken: bool = False

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only where the content ends."""
        parts: list[bytes] = []
        wanted = size
        try:
            while wanted and (part := self.reader.read(wanted)):
                parts.append(part)
                wanted -= len(part)
        except SourceError:
            self.is_broken = True
            raise
        except Exception as error:  # zipfile alone raises six kinds for bytes that are not what they should be
            self.is_broken = True
            raise _corrupt(self.uri, self.compression, self.at + size - wanted, error) from error
        self.at += size - wanted
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        self.reader.close()
        self.raw.close()


@dataclass(slots=True)
class Archives:
    """Unpacks files of one source, and keeps a few streams for who reads on. Safe to use from several threads."""

    source: RawSource
    _kept: list[_Stream] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def unpack(self, uri: str, compression: str) -> ArchiveHandle:
        return ArchiveHandle(self, uri, compression)

    def stream(self, uri: str, compression: str, start: int) -> _Stream:
        """One that has not come further than `start`: a kept one if the archive is still the same, else a new one."""
        stamp = self.source.stamp(uri)
        with self._lock:
            fitting = [s for s in self._kept if (s.uri, s.compression, s.stamp) == (uri, compression, stamp)]
            best = max((s for s in fitting if s.at <= start), key=lambda s: s.at, default=None)
            if best:
                self._kept.remove(best)
                return best
        raw = self.source.open(uri)
        try:
            return _Stream(uri, compression, stamp, raw, _reader(raw, stamp, compression))
        except BaseException:
            raw.close()
            raise

    def give_back(self, stream: _Stream) -> None:
        with self._lock:
            if not stream.is_broken:
                self._kept.append(stream)
            going = [stream] if stream.is_broken else self._kept[:-KEPT_MAX]
            self._kept = self._kept[-KEPT_MAX:]
        for one in going:
            one.close()

    def close(self) -> None:
        with self._lock:
            going, self._kept = self._kept, []
        for stream in going:
            stream.close()


@dataclass(slots=True)
class ArchiveHandle:
    """The content of one archive, by spans. Meant for reading on: a span before the last one starts anew."""

    archives: Archives
    uri: str
    compression: str
    _stream: _Stream | None = None

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end) of the content; fewer where it ends sooner."""
        if self._stream and self._stream.at > start:
            self.close()
        if self._stream is None:
            self._stream = self.archives.stream(self.uri, self.compression, start)
        while self._stream.at < start:
            if not self._stream.read(min(SKIP_BYTES, start - self._stream.at)):
                return b""
        return self._stream.read(end - start)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream:
            self.archives.give_back(stream)


@dataclass(slots=True)
class _RawFile:
    """A source's handle as Python's libraries like to see a file."""

    handle: SourceHandle
    size_bytes: int
    at: int = 0
    closed: bool = False
    mode: str = "rb"

    def read(self, size: int = -1) -> bytes:
        end = self.size_bytes if size < 0 else min(self.size_bytes, self.at + size)
        if end - self.at > _ASKED_MAX:
            raise ValueError(f"its directory takes more than {_ASKED_MAX:,} bytes")
        data = self.handle.read(self.at, end) if end > self.at else b""
        self.at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = max(0, offset + (0, self.at, self.size_bytes)[whence])
        return self.at

    def tell(self) -> int:
        return self.at

    def flush(self) -> None: ...

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True


def _reader(raw: SourceHandle, stamp: FileStamp, compression: str) -> _Reader:
    magic = _MAGIC[compression]
    head = raw.read(0, min(4, stamp.size_bytes))
    if not head or not head.startswith(magic):
        found = f"begins with bytes {head.hex()}" if head else "is empty"
        raise SourceError(
            f"{stamp.uri} is no {compression} file: it {found}; nothing was read",
            hint='fetch it again; or, if its name misleads, set compression = "none" under [format] in the contract',
        )
    opening: Callable[[_RawFile, FileStamp, str], _Reader] = _zip if compression == "zip" else _arrow
    return opening(_RawFile(raw, stamp.size_bytes), stamp, compression)


def _arrow(file: _RawFile, _stamp: FileStamp, compression: str) -> _Reader:
    import pyarrow as pa

    stream: _Reader = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), compression)
    return stream


def _zip(file: _RawFile, stamp: FileStamp, compression: str) -> _Reader:
    import zipfile

    try:
        archive = zipfile.ZipFile(_as_binary(file))
        members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    except Exception as error:
        raise _corrupt(stamp.uri, compression, 0, error) from error
    if len(members) != 1:
        names = ", ".join(m.filename for m in members[:5]) + (", ..." if len(members) > 5 else "")
        raise SourceError(
            f"{stamp.uri} holds {len(members)} files{f' ({names})' if names else ''}; a zip must hold one;"
            " nothing was read",
            hint="unpack it and name its files with a pattern",
        )
    if members[0].flag_bits & 1:
        raise SourceError(f"{stamp.uri} is encrypted; nothing was read", hint="decrypt it first")
    try:
        return archive.open(members[0])
    except RuntimeError as error:  # what zipfile says of a method it has not
        raise SourceError(
            f"{stamp.uri} is compressed in a way ({members[0].compress_type}) that is not supported; nothing was read",
            hint="pack it again with deflate, the usual way",
        ) from error
    except Exception as error:
        raise _corrupt(stamp.uri, compression, 0, error) from error


def _as_binary(file: _RawFile) -> Any:
    return file


def _corrupt(uri: str, compression: str, at: int, error: Exception) -> SourceError:
    cut = isinstance(error, EOFError) or "runcated" in str(error)
    found = "ends before its content does" if cut else f"is damaged ({str(error) or type(error).__name__})"
    return SourceError(
        f"{uri}: the {compression} file {found}, after {at:,} bytes of content; nothing of it was loaded",
        hint=f"fetch or make the file again; to look at it: {_TEST.get(compression, 'unpack it')}",
    )


_TEST = {"gzip": "gzip -t", "bz2": "bzip2 -t", "zstd": "zstd -t", "zip": "unzip -t"}
