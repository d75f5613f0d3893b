"""All places files lie in, as one source: local names, addresses like `s3://bucket/key`, and archives in either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.adapters.sources.archives import ArchiveHandle, Archives
from holdfast.adapters.sources.files import LocalFiles, natural_key
from holdfast.domain.chunk import FileStamp
from holdfast.ports.source import SourceHandle

if TYPE_CHECKING:
    from holdfast.adapters.sources.remote import RemoteFiles

RemoteOptions = dict[str, dict[str, Any]]


class Everywhere:
    """A project's sources. `options`: what `[remote.s3]` and its like say; `retry_for_s`: patience with networks."""

    def __init__(self, root: str | Path, options: RemoteOptions | None = None, *, retry_for_s: float = 300.0) -> None:
        self._local = LocalFiles(root)
        self._options = options or {}
        self._retry_for_s = retry_for_s
        self._remote: RemoteFiles | None = None
        self._archives = Archives(self)

    def list(self, patterns: list[str]) -> list[FileStamp]:
        """The files the patterns name, each once, in natural name order. Raises SourceError for one that names none."""
        local = [pattern for pattern in patterns if not is_remote(pattern)]
        remote = [pattern for pattern in patterns if is_remote(pattern)]
        stamps = self._local.list(local) if local else []
        if remote:
            stamps = sorted([*stamps, *self._far().list(remote)], key=lambda stamp: natural_key(stamp.uri))
        return stamps

    def stamp(self, uri: str) -> FileStamp:
        return self._far().stamp(uri) if is_remote(uri) else self._local.stamp(uri)

    def open(self, uri: str) -> SourceHandle:
        return self._far().open(uri) if is_remote(uri) else self._local.open(uri)

    def unpack(self, uri: str, compression: str) -> ArchiveHandle:
        return self._archives.unpack(uri, compression)

    def close(self) -> None:
        self._archives.close()
        if self._remote:
            self._remote.close()

    def _far(self) -> RemoteFiles:
        if self._remote is None:
            from holdfast.adapters.sources.remote import RemoteFiles

            self._remote = RemoteFiles(self._options, retry_for_s=self._retry_for_s)
        return self._remote


def is_remote(name: str) -> bool:
    """`s3://...`, but not a file whose name has a colon in it."""
    scheme, found, _ = name.partition("://")
    return bool(found) and scheme.isalnum()
