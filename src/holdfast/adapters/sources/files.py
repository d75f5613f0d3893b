"""Local files as a source: which there are, what they look like from outside, their bytes.

Owns: globs, natural name order, and names that stay the same on another machine (relative to the project, `/` between
parts). Promises that every failure is a SourceError that names the file. Bytes are read with pread, never mapped: a
file truncated under a map kills the process with SIGBUS, under pread it is a short read the engine can notice.
"""

from __future__ import annotations

import glob
import os
import re
import stat
from pathlib import Path

from holdfast.domain.chunk import FileStamp
from holdfast.domain.errors import SourceError


class LocalFiles:
    """Files under, or beside, a project directory. Relative names and patterns start from there."""

    def __init__(self, root: str | Path) -> None:
        self._root = os.path.abspath(root)  # noqa: PTH100 - resolve() would follow links and change the names

    def stamp(self, uri: str) -> FileStamp:
        try:
            status = os.stat(self._path(uri))  # noqa: PTH116 - one call, no Path made per file
        except OSError as error:
            raise _unreadable(uri, error, "; nothing was read") from error
        _require_regular(uri, status.st_mode)
        return FileStamp(uri=uri, size_bytes=status.st_size, modified=str(status.st_mtime_ns))

    def open(self, uri: str) -> LocalFile:
        return LocalFile(uri, self._path(uri))

    def _matches(self, pattern: str) -> list[str]:
        path = self._path(pattern)
        if os.path.lexists(path) or not glob.has_magic(pattern):
            return [self._uri(path, pattern)]  # a name with brackets in it is first of all a name
        names = map(self._path, glob.glob(pattern, root_dir=self._root, recursive=True))  # noqa: PTH207 - names as given
        found = [name for name in names if not Path(name).is_dir()]
        if not found:
            raise SourceError(
                f"no file matches {pattern!r}: looked in {self._root}; nothing was read",
                hint="check the pattern; names are relative to the directory of holdfast.toml",
            )
        return [self._uri(p, pattern) for p in found]

    def _path(self, uri: str) -> str:
        return os.path.normpath(os.path.join(self._root, uri))  # noqa: PTH118 - keeps `..` and links as text

    def _uri(self, path: str, given: str) -> str:
        relative = os.path.relpath(path, self._root)
        outside = Path(relative).parts[:1] == (os.pardir,)
        uri = Path(path if outside and Path(given).is_absolute() else relative).as_posix()
        if any("\ud800" <= letter <= "\udfff" for letter in uri):  # bytes that are no text, as Python spells them
            raise SourceError(
                f"file name {uri!a} is not UTF-8, so the ledger cannot record it; nothing was read",
                hint="rename the file",
            )
        return uri

    def list(self, patterns: list[str]) -> list[FileStamp]:
        """The files the patterns name, each once, in natural name order. Raises SourceError for one that names none."""
        uris = {uri for pattern in patterns for uri in self._matches(pattern)}
        return [self.stamp(uri) for uri in sorted(uris, key=natural_key)]


class LocalFile:
    """One open regular file."""

    def __init__(self, uri: str, path: str) -> None:
        self._uri = uri
        try:
            # NONBLOCK: a fifo must be refused, not waited for
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(uri, error) from error
        try:
            _require_regular(uri, os.fstat(self._descriptor).st_mode)
        except SourceError:
            self.close()
            raise

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end); fewer where the file ends sooner."""
        parts, at = [], start
        try:
            while at < end and (part := os.pread(self._descriptor, end - at, at)):
                parts.append(part)  # one pread gives at most 2 GB
                at += len(part)
        except OSError as error:
            raise _unreadable(self._uri, error) from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def natural_key(name: str) -> tuple[list[list[str | int]], str]:
    """Sorts `day-2` before `day-10`, folder by folder; the name itself decides between equals like `1` and `01`."""
    folders = name.casefold().split("/")
    return [[int(p) if p.isdecimal() else p for p in re.split("([0-9]+)", folder)] for folder in folders], name


def _require_regular(uri: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise SourceError(
            f"{uri} is a directory; a source is a file; nothing was read",
            hint=f"name its files with a pattern, as in {uri.rstrip('/')}/*.csv",
        )
    if not stat.S_ISREG(mode):
        raise SourceError(
            f"{uri} is a pipe, socket or device; a source must be a regular file, which can be read again after a "
            "crash; nothing was read",
            hint="write the data to a file first",
        )


def _unreadable(uri: str, error: OSError, state: str = "") -> SourceError:
    """`state`: what became of the data, where this place knows it; else the caller says so."""
    found = {
        FileNotFoundError: "there is no such file",
        PermissionError: "this user may not read it",
    }.get(type(error), error.strerror or str(error))
    return SourceError(
        f"cannot read {uri}: {found}{state}", hint="check the name and its permissions (names start at the project)"
    )
