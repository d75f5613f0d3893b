"""Files, spans and chunks: what a plan is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChunkState(StrEnum):
    READY = "ready"
    CLAIMED = "claimed"
    LANDED = "landed"  # its rows wait in the landing table for the load's publish
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"  # belonged to a version of the file, or a load, that was given up


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, end) of a source file; of a page: its number in the extraction, and the next one."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class PlannedChunk:
    """A span that commits at once, with what pins it. `first_line` is 1-based; `lines` counts physical lines.

    `place`: where a page begins, as JSON; None: the chunk is a span of bytes.
    """

    span: Span
    span_hash: str
    first_line: int
    lines: int
    place: str | None = None


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What a source says about a file without reading it. Changes of it are hints; hashes are proof.

    `is_proof`: `modified` names the bytes themselves (a strong ETag, the hash of an archive): where it is the same, so
    are they. Of a compressed file, `size_bytes` is at first the archive's, and that of what it holds once it was read.
    """

    uri: str
    size_bytes: int
    modified: str
    compression: str = ""
    is_proof: bool = False
