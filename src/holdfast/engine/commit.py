"""The commit transaction: a chunk's rows, rejects and ledger line, all or nothing (P1), behind the fence (P6).

A commit whose answer was lost is looked up in the ledger, never guessed (P12).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from holdfast.domain.chunk import ChunkState
from holdfast.domain.counts import RowCounts
from holdfast.domain.errors import RejectBudgetExceeded, RowsUnaccounted
from holdfast.domain.origin import origin_of
from holdfast.domain.reject import Reject
from holdfast.engine.claims import Claim, fence, lock_chunk
from holdfast.engine.faults import reach
from holdfast.engine.landing import landing_table, waiting_relation
from holdfast.engine.ledger import Load, lock_load
from holdfast.engine.merge import (
    Way,
    Written,
    write_asking,
    write_direct,
    write_keyless,
    write_landing,
    write_merge,
)
from holdfast.engine.pages import write_page
from holdfast.engine.reading import ReadyChunk
from holdfast.ports.database import Database, Transaction
from holdfast.touches import add_touches

RAW_CHARS_MAX = 65_536


@dataclass(slots=True)
class WayChooser:
    """Which way the next chunk takes. A key met twice costs the copy that found it, so a few chunks after it merge."""

    merges_left: int = 0
    merges_after_conflict: int = 8

    def prefers_merge(self) -> bool:
        if self.merges_left:
            self.merges_left -= 1
            return True
        return False

    def met_conflict(self) -> None:
        self.merges_left = self.merges_after_conflict


def commit_chunk(
    database: Database, load: Load, claim: Claim, ready: ReadyChunk, *, run_id: str, chooser: WayChooser
) -> Way:
    """Commit a chunk. Raises ClaimLost, RejectBudgetExceeded or the database's errors; then nothing was written.

    Only after CommitUnknown it may have been: ask `was_committed`.
    """
    with database.transaction() as tx:
        reach("commit.begun")
        kind = fence(tx, claim)
        reach("commit.fenced")
        load = replace(load, kind=kind)
        asks = not database.traits.has_savepoints
        written = _write_rows(tx, load, ready, chooser, run_id, asks=asks)
        reach("commit.rows_written")
        table = waiting_relation(load) if written.way == "landing" else load.contract.table
        add_touches(tx, table, run_id, written.touches, dataset=load.dataset, chunk=claim.number)
        reach("commit.touched")
        write_rejects(tx, claim, ready, run_id)
        reach("commit.rejects_written")
        _check_budget(tx, load, claim, len(ready.rejects))
        _finish(tx, claim, ready, written, run_id)
        if ready.page:
            write_page(tx, claim, ready.page)
            reach("commit.page_added")
        reach("commit.finished")
    reach("commit.committed")
    return written.way


def was_committed(database: Database, claim: Claim) -> bool:
    """After a COMMIT without an answer: did it happen? The lock waits for a commit still under way."""
    with database.transaction() as tx:
        state, epoch = lock_chunk(tx, claim)
        return state in (ChunkState.DONE, ChunkState.LANDED) and epoch == claim.epoch


def _write_rows(
    tx: Transaction, load: Load, ready: ReadyChunk, chooser: WayChooser, run_id: str, *, asks: bool
) -> Written:
    contract = load.contract
    if load.kind.lands:
        return write_landing(tx, contract, landing_table(load), ready.rows)
    if not contract.primary_key:
        return write_keyless(tx, contract, ready.rows)
    if asks:
        return write_asking(tx, contract, ready.rows, run_id)
    if not chooser.prefers_merge():
        written = write_direct(tx, contract, ready.rows)
        if written:
            return written
        chooser.met_conflict()
    return write_merge(tx, contract, ready.rows, run_id)


def write_rejects(tx: Transaction, claim: Claim, ready: ReadyChunk, run_id: str) -> None:
    tx.run_many(
        "reject_insert",
        [
            {
                "dataset": claim.dataset,
                "origin": origin_of(claim.number, reject.row),
                "file_number": claim.file_number,
                "run_id": run_id,
                "line": reject.line,
                "byte_offset": reject.byte_offset,
                "byte_length": len(reject.raw),
                **reject_columns(reject, ready.encoding),
            }
            for reject in ready.rejects
        ],
    )


def reject_columns(reject: Reject, encoding: str) -> dict[str, str]:
    """Code, reasons and raw text as the ledger keeps them. Bytes that are no text are written as \\xNN."""
    return {
        "code": reject.reasons[0].code,
        "reasons": _storable(json.dumps([asdict(reason) for reason in reject.reasons], ensure_ascii=False)),
        "raw": _storable(reject.raw.decode(encoding, "backslashreplace")),
    }


def _storable(text: str) -> str:
    """No NUL (PostgreSQL's text has none) and no lone surrogate; not longer than a person could read."""
    clean = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    return clean if len(clean) <= RAW_CHARS_MAX else clean[:RAW_CHARS_MAX] + " [cut]"


def _check_budget(tx: Transaction, load: Load, claim: Claim, rejected: int) -> None:
    """Stop before the COMMIT that would exceed the load's budget. The load's row is the last lock taken."""
    if not rejected:
        return
    allowed = lock_load(tx, load.dataset, load.number).rejects_max  # as it is now: a later start may have changed it
    if allowed is None:
        return
    row = tx.run("rejects_of_load", dataset=load.dataset, load_number=load.number).rows[0]
    total = int(row["rejected"]) + rejected
    if total > allowed:
        stays = "nothing of this load is visible" if load.kind.lands else "chunks committed before stay"
        error = RejectBudgetExceeded(
            f"{load.dataset}: {total:,} rows rejected with chunk {claim.number}, max_rejects allows {allowed:,};"
            f" nothing of this chunk was committed, {stays}",
            hint=f"see: holdfast rejects list {load.dataset}; or load again with a higher --max-rejects",
        )
        error.allowed = allowed
        raise error


def _finish(tx: Transaction, claim: Claim, ready: ReadyChunk, written: Written, run_id: str) -> None:
    counts = RowCounts(
        read=ready.read,
        inserted=written.inserted,
        updated=written.updated,
        unchanged=written.unchanged,
        superseded=written.superseded + ready.superseded,
        rejected=len(ready.rejects),
    )
    state = ChunkState.LANDED if written.way == "landing" else ChunkState.DONE
    line = LedgerLine(state, written.way, counts, ready.blank_lines, ready.comment_lines)
    finish_chunk(tx, claim.dataset, claim.number, claim.epoch, line, run_id)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """What the ledger says of a chunk that was written. Making one proves the counts add up (P3)."""

    state: ChunkState
    way: Way
    counts: RowCounts
    blank_lines: int
    comment_lines: int


def finish_chunk(tx: Transaction, dataset: str, number: int, epoch: int, line: LedgerLine, run_id: str) -> None:
    """Write the ledger's line about a chunk. Raises RowsUnaccounted when the chunk is not there to be written."""
    touched = tx.run(
        "finish_chunk",
        dataset=dataset,
        number=number,
        epoch=epoch,
        run_id=run_id,
        state=str(line.state),
        way=line.way,
        blank_lines=line.blank_lines,
        comment_lines=line.comment_lines,
        **asdict(line.counts),
    ).count
    if touched != 1:
        raise RowsUnaccounted(f"chunk {number} of {dataset} vanished from the ledger; nothing was committed")
