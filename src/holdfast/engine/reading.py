"""From a claim to rows ready to write: read the span, prove its bytes are those pinned (P8), parse, one row a key.

All of it happens outside any transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.domain.contract import Contract
from holdfast.domain.reject import Reject
from holdfast.engine.claims import Claim
from holdfast.engine.faults import reach
from holdfast.engine.forms import form_named
from holdfast.engine.ledger import FileVersion
from holdfast.ports.source import Source

if TYPE_CHECKING:
    import pyarrow as pa

    from holdfast.engine.pages import PageEnd
    from holdfast.parsing.parsed import ParsedChunk


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
    page: PageEnd | None = None  # where it is a page: what leads on from it


def ready_chunk(
    parsed: ParsedChunk,
    contract: Contract,
    claim: Claim,
    encoding: str,
    *,
    in_key_order: bool,
    page: PageEnd | None = None,
) -> ReadyChunk:
    """One row a key of what was parsed, with its `_origin`."""
    from holdfast.engine.ordering import dedupe, order_and_dedupe, with_origins

    lessen = order_and_dedupe if in_key_order else dedupe
    rows, superseded = lessen(with_origins(parsed.table, claim.number), contract)
    return ReadyChunk(
        rows=rows,
        read=parsed.read,
        superseded=superseded,
        rejects=parsed.rejects,
        blank_lines=parsed.blank_lines,
        comment_lines=parsed.comment_lines,
        encoding=encoding,
        page=page,
    )


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

    pool = pa.system_memory_pool()  # one heap with numpy's and Python's: what one of them frees another can use
    pa.set_memory_pool(pool)
    reach("parse.begun")
    parsed = form_named(file.layout.form).parse(source, contract, file, claim, digits_max)
    ready = ready_chunk(parsed, contract, claim, file.layout.encoding, in_key_order=in_key_order)
    reach("parse.done")
    del parsed
    pool.release_unused()  # what parsing took beyond the rows is not kept while they are written
    return ready
