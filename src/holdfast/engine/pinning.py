"""The proof that the bytes read are those the plan pinned (P8)."""

from __future__ import annotations

import xxhash

from holdfast.domain.chunk import Span
from holdfast.domain.errors import SourceChanged, SourceError
from holdfast.engine.claims import Claim
from holdfast.engine.ledger import FileVersion
from holdfast.engine.opening import open_content
from holdfast.ports.source import Source, SourceHandle

CHANGED_HINT = "run the load again: it plans the new version, keeps what is equal and loads what changed"


def hash_bytes(data: bytes | memoryview) -> str:
    return xxhash.xxh3_128_hexdigest(data)


def read_pinned(source: Source, file: FileVersion, claim: Claim) -> bytes:
    """The span's bytes, proved to be those the plan pinned."""
    handle = open_for(source, file, claim)
    try:
        data = handle.read(claim.span.start, claim.span.end)
    except SourceError as error:
        raise SourceError(f"{error.message}; {state(claim)}", hint=error.hint) from error
    finally:
        handle.close()
    if len(data) != claim.span.size_bytes:
        raise SourceChanged(
            f"{file.uri} shrank while it was loaded: chunk {claim.number} ends at byte {claim.span.end:,} and only"
            f" {claim.span.start + len(data):,} are left; {state(claim)}",
            hint=CHANGED_HINT,
        )
    if hash_bytes(data) != claim.span_hash:
        raise SourceChanged(
            f"{file.uri} changed while it was loaded: bytes {_range(claim.span)} are not those the plan pinned;"
            f" {state(claim)}",
            hint=CHANGED_HINT,
        )
    return data


def open_for(source: Source, file: FileVersion, claim: Claim) -> SourceHandle:
    """The file of a claimed chunk, open. An error says what became of the chunk."""
    try:
        return open_content(source, file.uri, file.layout.compression)
    except SourceError as error:
        raise SourceError(f"{error.message}; {state(claim)}", hint=error.hint) from error


def state(claim: Claim) -> str:
    return f"nothing of chunk {claim.number} was committed, chunks done before stay"


def _range(span: Span) -> str:
    return f"{span.start:,} to {span.end:,}"
