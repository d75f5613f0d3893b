"""The worker loop: claim, read, commit, until nothing is left. The same loop whatever runs it.

An empty claim is not "finished": what is left is counted, loads that are complete are closed, and a chunk in another
worker's hand is waited for, because that worker may die.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from holdfast.domain.errors import (
    ClaimLost,
    CommitUnknown,
    ConstraintViolation,
    HoldfastError,
    PlaceLost,
    RejectBudgetExceeded,
    SourceError,
    StatementFailed,
    UniqueViolation,
)
from holdfast.engine.claims import Claim, Claimant
from holdfast.engine.commit import WayChooser, commit_chunk, was_committed
from holdfast.engine.faults import reach
from holdfast.engine.ledger import FileVersion, Load, get_file, get_load, lock_load, set_load_status
from holdfast.engine.owed import Owed
from holdfast.engine.publish import close_load
from holdfast.engine.readahead import ReadAhead
from holdfast.engine.reading import ReadyChunk, read_chunk
from holdfast.engine.recovery import keep_trying
from holdfast.ports.clock import Clock
from holdfast.ports.database import Database
from holdfast.ports.pages import Pages
from holdfast.ports.source import Source

T = TypeVar("T")
log = structlog.get_logger("holdfast.worker")
POLL_S = 0.25
DEAD_CHECK_EVERY = 4  # polls


@dataclass(slots=True)
class Worker:
    """One worker on what a run owes. `is_stopping` is asked between chunks; `lone`: no other worker of this run."""

    database: Database
    source: Source
    pages: Pages
    clock: Clock
    claimant: Claimant
    owed: Owed
    is_stopping: Callable[[], bool]
    retry_for_s: float
    lone: bool = True
    chooser: WayChooser = field(default_factory=WayChooser)
    _loads: dict[int, Load] = field(default_factory=dict)
    _files: dict[int, FileVersion] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        return self.owed.dataset

    def run(self) -> None:
        """Work until every open load that is owed is closed, or cannot be."""
        ahead = ReadAhead(self._read)
        self._try(self.claimant.expire_dead, "looking for dead workers")
        polls = 0
        try:
            while not self.is_stopping():
                claim = self._try(lambda: self.claimant.claim(self.owed), "claiming a chunk")
                if claim:
                    self._do(claim, ahead)
                elif self._try(self._settled, "looking for work left"):
                    return
                else:
                    polls += 1
                    if polls % DEAD_CHECK_EVERY == 0:
                        self._try(self.claimant.expire_dead, "looking for dead workers")
                    self.clock.sleep(POLL_S)
        finally:
            ahead.close()

    def _try(self, work: Callable[[], T], what: str) -> T:
        return keep_trying(work, what=what, retry_for_s=self.retry_for_s, is_stopping=self.is_stopping)

    def _do(self, claim: Claim, ahead: ReadAhead) -> None:
        """Do one chunk. An error that concerns the chunk alone fails the chunk; any other ends the worker."""
        try:
            ready = ahead.take(claim)
            if self.lone:
                guess = self._try(lambda: self.claimant.guess_next(claim), "looking ahead")
                if guess:
                    ahead.start(guess)
            self._commit(claim, ready)
        except ClaimLost as lost:
            log.info("claim lost", chunk=claim.number, detail=lost.message)
        except (UniqueViolation, ConstraintViolation, StatementFailed, SourceError, MemoryError) as error:
            text = str(error) or type(error).__name__
            log.error("chunk failed", chunk=claim.number, error=text)
            is_lost = isinstance(error, PlaceLost)
            self._try(lambda: self.claimant.fail(claim, text, is_lost=is_lost), "marking a chunk failed")
        except RejectBudgetExceeded as over:
            log.info("rejects over budget", ledger_level="error", chunk=claim.number, detail=over.message)
            if self._stopped_load(claim, over):
                raise
        except BaseException:
            self._release(claim)
            raise

    def _commit(self, claim: Claim, ready: ReadyChunk) -> None:
        load = self._load(claim.load_number)
        reach("chunk.ready")

        def commit_once() -> None:
            try:
                commit_chunk(self.database, load, claim, ready, run_id=self.claimant.run_id, chooser=self.chooser)
            except CommitUnknown:
                if not self._try(lambda: was_committed(self.database, claim), "asking whether a COMMIT happened"):
                    raise

        self._try(commit_once, f"committing chunk {claim.number}")

    def _read(self, claim: Claim) -> ReadyChunk:
        load = self._load(claim.load_number)
        digits_max, in_key_order = self.database.traits.exact_digits_max, not load.kind.lands
        if claim.place:
            from holdfast.engine.pages import read_page

            return read_page(self.pages, load.contract, claim, digits_max=digits_max, in_key_order=in_key_order)
        file = self._file(claim.file_number)
        return read_chunk(
            self.source,
            load.contract,
            file,
            claim,
            digits_max=digits_max,
            in_key_order=in_key_order,
        )

    def _load(self, number: int) -> Load:
        if number not in self._loads:
            self._loads[number] = self._try(lambda: get_load(self.database, self.dataset, number), "reading a load")
        return self._loads[number]

    def _file(self, number: int) -> FileVersion:
        if number not in self._files:
            self._files[number] = self._try(lambda: get_file(self.database, self.dataset, number), "reading a file")
        return self._files[number]

    def _release(self, claim: Claim) -> None:
        try:
            self.claimant.release(claim)
        except HoldfastError as error:
            log.debug("could not release; the lease will end by itself", error=error.message)

    def _stopped_load(self, claim: Claim, over: RejectBudgetExceeded) -> bool:
        """Give the chunk back and stop its load, unless somebody has given it another budget since."""

        def stop() -> bool:
            with self.database.transaction() as tx:
                load = lock_load(tx, self.dataset, claim.load_number)
                is_over = load.status != "open" or load.rejects_max == over.allowed
                if is_over and load.status == "open":
                    set_load_status(tx, load, "stopped", over.message)
                tx.run("release_chunk", dataset=self.dataset, number=claim.number, epoch=claim.epoch)
                return is_over

        return self._try(stop, "stopping a load over its budget")

    def _settled(self) -> bool:
        """Is there nothing this worker could do or wait for? Closes loads whose chunks are all written."""
        busy = self._busy()
        with self.database.reading() as tx:
            loads = [row["number"] for row in tx.run("open_loads", dataset=self.dataset).rows]
        for number in loads:
            if number <= self.owed.last and number not in busy:
                close_load(self.database, get_load(self.database, self.dataset, number), run_id=self.claimant.run_id)
        self._loads.clear()  # one that could not be published as a whole is another kind of load now
        if busy:
            return False  # what was under way a moment ago may be written by now, and is to be closed
        return not self._busy()  # closing may have made work

    def _busy(self) -> set[int]:
        """Owed loads with chunks that are to do, or in somebody's hand."""
        with self.database.reading() as tx:
            states = tx.run("work_left", dataset=self.dataset).rows
        under_way = {row["load_number"] for row in states if row["state"] in ("ready", "claimed")}
        return {number for number in under_way if number <= self.owed.last}
