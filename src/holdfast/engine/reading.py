"""From a claim to rows ready to write: read the span, prove its bytes are those pinned (P8), parse, one row a key.

All of it happens outside any transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from holdfast.domain.chunk import Span
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceChanged, SourceError
from holdfast.domain.reject import Reject
from holdfast.engine.claims import Claim
from holdfast.engine.faults import reach
from holdfast.engine.ledger import FileLayout, FileVersion
from holdfast.parsing import csv
from holdfast.ports.source import Source

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class ReadyChunk:
    """A chunk's rows, typed, with `_origin`, one a key, in key order unless they land; and all that was left out."""

    rows: pa.Table
    read: int
    superseded: int
    rejects: list[Reject]
    blank_lines: int
    comment_lines: int
    encoding: str


def hash_bytes(data: bytes | memoryview) -> str:
    return xxhash.xxh3_128_hexdigest(data)


def read_chunk(
    source: Source,
    contract: Contract,
    file: FileVersion,
    claim: Claim,
    *,
    digits_max: int | None,
    in_key_order: bool = True,
) -> ReadyChunk:
    """Read, prove and parse a chunk. Raises SourceChanged when the bytes are no longer those of the plan."""
    import pyarrow as pa  # here: a load that has nothing to do shall not wait for it

    from holdfast.engine.ordering import dedupe, order_and_dedupe, with_origins
    from holdfast.parsing.records import count_lines

    pool = pa.system_memory_pool()  # one heap with numpy's and Python's: what one of them frees another can use
    pa.set_memory_pool(pool)
    reach("parse.begun")
    data = read_pinned(source, file, claim)
    reach("parse.read")
    start = max(claim.span.start, file.layout.data_start)
    end = max(start, min(claim.span.end, file.layout.data_end))
    skipped = data[: start - claim.span.start]
    data = data[start - claim.span.start : end - claim.span.start]
    parsed = csv.parse_chunk(
        data,
        bound_layout(contract, file.layout, file.uri),
        contract,
        first_line=claim.first_line + count_lines(skipped, file.layout.newline, file.layout.encoding),
        base_offset=start,
        digits_max=digits_max,
    )
    del data  # the rows are there twice while they are put in order; their text need not be there as well
    lessen = order_and_dedupe if in_key_order else dedupe
    rows, superseded = lessen(with_origins(parsed.table, claim.number), contract)
    reach("parse.done")
    ready = ReadyChunk(
        rows=rows,
        read=parsed.read,
        superseded=superseded,
        rejects=parsed.rejects,
        blank_lines=parsed.blank_lines,
        comment_lines=parsed.comment_lines,
        encoding=file.layout.encoding,
    )
    del parsed
    pool.release_unused()  # what parsing took beyond the rows is not kept while they are written
    return ready


def bound_layout(contract: Contract, layout: FileLayout, uri: str) -> csv.Layout:
    header = csv.Header(
        names=layout.names,
        data_start=layout.data_start,
        newline=layout.newline,
        encoding=layout.encoding,
    )
    return csv.bind(contract, header, uri)


def read_pinned(source: Source, file: FileVersion, claim: Claim) -> bytes:
    """The span's bytes, proved to be those the plan pinned."""
    hint = "run the load again: it plans the new version, keeps what is equal and loads what changed"
    try:
        handle = source.open(file.uri)
    except SourceError as error:
        raise SourceError(f"{error.message}; {_state(claim)}", hint=error.hint) from error
    try:
        data = handle.read(claim.span.start, claim.span.end)
    finally:
        handle.close()
    if len(data) != claim.span.size_bytes:
        raise SourceChanged(
            f"{file.uri} shrank while it was loaded: chunk {claim.number} ends at byte {claim.span.end:,} and only"
            f" {claim.span.start + len(data):,} are left; {_state(claim)}",
            hint=hint,
        )
    if hash_bytes(data) != claim.span_hash:
        raise SourceChanged(
            f"{file.uri} changed while it was loaded: bytes {_range(claim.span)} are not those the plan pinned;"
            f" {_state(claim)}",
            hint=hint,
        )
    return data


def _range(span: Span) -> str:
    return f"{span.start:,} to {span.end:,}"


def _state(claim: Claim) -> str:
    return f"nothing of chunk {claim.number} was committed, chunks done before stay"
