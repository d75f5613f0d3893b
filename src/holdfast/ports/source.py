"""What the engine asks of a source: list files, stamp them, read spans. Bytes only; parsing is elsewhere."""

from __future__ import annotations

from typing import Protocol

from holdfast.domain.chunk import FileStamp


class SourceHandle(Protocol):
    """One open file. Reads past the end return fewer bytes; nothing is cached."""

    def read(self, start: int, end: int) -> bytes: ...

    def close(self) -> None: ...


class Source(Protocol):
    def list(self, patterns: list[str]) -> list[FileStamp]:
        """The files the patterns name, in natural name order. Raises SourceError for a pattern that names none."""
        ...

    def stamp(self, uri: str) -> FileStamp: ...

    def open(self, uri: str) -> SourceHandle: ...

    def unpack(self, uri: str, compression: str) -> SourceHandle:
        """The content of a compressed file. Reading on is quick; reading backwards starts again from the beginning."""
        ...
