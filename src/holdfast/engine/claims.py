"""Claims: which worker has which chunk, for how long, and the fence that keeps zombies out (P6).

The lease only saves double work. What makes a commit correct is `fence`: it locks the chunk row inside the commit
transaction and finds its own epoch there, or raises ClaimLost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.domain.chunk import ChunkState, Span
from holdfast.domain.errors import ClaimLost
from holdfast.domain.page import Place
from holdfast.engine.faults import reach
from holdfast.engine.ledger import LoadKind
from holdfast.engine.owed import Owed
from holdfast.engine.place import Process, process_start
from holdfast.ports.database import Database, Row, Transaction

CRASHES_MAX = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A hold on one chunk. `epoch` grows with every claim of it."""

    dataset: str
    number: int
    load_number: int
    file_number: int
    ordinal: int
    span: Span
    span_hash: str
    first_line: int
    epoch: int
    place: str | None = None  # where a page begins, as JSON; None: the chunk is a span of bytes


def claim_of(dataset: str, row: Row) -> Claim:
    """A chunk's line as a claim: what reading it takes, also for who only looks."""
    return Claim(
        dataset=dataset,
        number=row["number"],
        load_number=row["load_number"],
        file_number=row["file_number"],
        ordinal=row["ordinal"],
        span=Span(row["span_start"], row["span_end"]),
        span_hash=row["span_hash"],
        first_line=row["first_line"],
        epoch=row["epoch"],
        place=row["place"],
    )


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker, as far as claims go."""

    database: Database
    worker: str
    run_id: str
    process: Process
    lease_s: float

    def join(self) -> None:
        with self.database.transaction() as tx:
            tx.run(
                "worker_join",
                worker=self.worker,
                run_id=self.run_id,
                place=self.process.place,
                pid=self.process.pid,
                process_start=self.process.start,
                lease_s=self.lease_s,
            )

    def beat(self) -> None:
        with self.database.transaction() as tx:
            tx.run("worker_beat", worker=self.worker, lease_s=self.lease_s)

    def leave(self) -> None:
        with self.database.transaction() as tx:
            tx.run("worker_leave", worker=self.worker)

    def claim(self, owed: Owed) -> Claim | None:
        """The next chunk of the owed loads to do, now ours; None: none is free (which is not the same as finished)."""
        with self.database.transaction() as tx:
            reach("claim.begun")
            tx.run("fail_poisoned", dataset=owed.dataset, crashes_max=CRASHES_MAX)
            row = tx.run(
                "claim_chunk", dataset=owed.dataset, load_max=owed.last, worker=self.worker, run_id=self.run_id
            ).first
            reach("claim.made")
        reach("claim.committed")
        return claim_of(owed.dataset, row) if row else None

    def guess_next(self, claim: Claim) -> Claim | None:
        """The chunk a lone worker would most likely claim after this one. Not a claim."""
        with self.database.reading() as tx:
            row = tx.run("next_ready_chunk", dataset=claim.dataset, number=claim.number).first
        return claim_of(claim.dataset, row) if row else None

    def release(self, claim: Claim) -> None:
        with self.database.transaction() as tx:
            tx.run("release_chunk", dataset=claim.dataset, number=claim.number, epoch=claim.epoch)

    def fail(self, claim: Claim, error: str, *, is_lost: bool = False) -> None:
        """`is_lost`: a page that no later load can go on at."""
        with self.database.transaction() as tx:
            if is_lost and claim.place:
                place = replace(Place.from_json(claim.place), lost=True).to_json()
                tx.run("page_lost", dataset=claim.dataset, number=claim.number, epoch=claim.epoch, place=place)
            tx.run("fail_chunk", dataset=claim.dataset, number=claim.number, epoch=claim.epoch, error=error)

    def expire_dead(self) -> int:
        """End the leases of workers of this machine whose processes are gone; returns how many there were."""
        with self.database.transaction() as tx:
            believed = tx.run("workers_at_place", place=self.process.place).rows
            dead = [row for row in believed if process_start(row["pid"]) != row["process_start"]]
            for row in dead:
                tx.run("worker_expire", worker=row["id"])
        return len(dead)


def fence(tx: Transaction, claim: Claim) -> LoadKind:
    """Lock the chunk row and prove the claim still holds; returns what its load is now. Raises ClaimLost."""
    row = tx.run("lock_chunk", dataset=claim.dataset, number=claim.number).rows[0]
    state, epoch = ChunkState(row["state"]), row["epoch"]
    if state is not ChunkState.CLAIMED or epoch != claim.epoch:
        raise ClaimLost(
            f"chunk {claim.number} of {claim.dataset} is {state}, epoch {epoch}; this worker held epoch {claim.epoch};"
            " this transaction wrote nothing"
        )
    return LoadKind(row["load_kind"])


def lock_chunk(tx: Transaction, claim: Claim) -> tuple[ChunkState, int]:
    """State and epoch of the chunk, locked until the transaction ends."""
    row = tx.run("lock_chunk", dataset=claim.dataset, number=claim.number).rows[0]
    return ChunkState(row["state"]), row["epoch"]
