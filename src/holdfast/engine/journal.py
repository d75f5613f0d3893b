"""What a run tells the ledger about itself: its stages and the lines it logged.

Lines wait here and are written together: every few seconds by a thread of their own, the rest with the run's end. So
they cost no transaction of the work's, and the work never fails by them: what cannot be written now is kept for the
next time, what there is no room for is counted, and the count is written. A process that is killed takes the last
seconds of them with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from holdfast.domain.errors import CommitUnknown, DatabaseError, UniqueViolation
from holdfast.domain.text import details, storable
from holdfast.engine.run_id import new_run_id
from holdfast.ports.database import Database, Transaction

log = structlog.get_logger("holdfast.journal")
LINES_MAX = 5_000
KEY_CHARS_MAX = 2_000
FLUSH_EVERY_S = 5.0
LOCK_TIMEOUT_S = 1.0
_open: dict[str, Journal] = {}


@dataclass(slots=True, kw_only=True)
class StageLine:
    """One stage of a run. `began` and `ended` are this process's monotonic seconds; `ended` None: under way."""

    pipeline_name: str
    run_id: str
    stage: str
    key: str = ""
    value: str | None = None
    status: str = "running"
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=new_run_id)

    def binds(self) -> dict[str, Any]:
        """The row's values: moments as seconds ago, for the database's clock to place."""
        now = time.monotonic()
        return {
            "id": self.id,
            "pipeline_name": storable(self.pipeline_name, 255),
            "run_id": self.run_id,
            "stage": storable(self.stage, 63),
            "checkpoint_key": storable(self.key, KEY_CHARS_MAX),
            "checkpoint_value": None if self.value is None else storable(self.value, KEY_CHARS_MAX),
            "stage_status": self.status,
            "started_ago_s": max(0.0, now - self.began),
            "ended_ago_s": None if self.ended is None else max(0.0, now - self.ended),
            "duration_ms": None if self.ended is None else round((self.ended - self.began) * 1000),
            "metadata": details(self.metadata),
        }


class Journal:
    """The lines of one run in this process. Any thread may add to it."""

    def __init__(self, database: Database, run_id: str, pipeline: str) -> None:
        self.run_id = run_id
        self.pipeline = pipeline
        self._database = database
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._logs: list[tuple[float, dict[str, Any]]] = []
        self._stages: dict[str, StageLine] = {}
        self._written: set[str] = set()  # stages that have a row, and are under way
        self._dropped = 0
        self._number = 0

    def add_log(self, line: Mapping[str, Any]) -> None:
        """A line of the log as `observe/ledger_log.py` gives it. Returns at once, whatever the database does."""
        with self._lock:
            if len(self._logs) >= LINES_MAX:
                self._dropped += 1
                return
            self._number += 1
            made = new_run_id()  # its first half is the moment; lines of one moment stay in their order
            self._logs.append((time.monotonic(), {**line, "id": f"{made[:10]}{self._number % 10**6:06}{made[16:]}"}))
        self._wake()

    def add_stage(self, line: StageLine) -> None:
        """A stage that began, or one that was added before and has ended."""
        with self._lock:
            if line.id in self._stages or len(self._stages) < LINES_MAX:
                self._stages[line.id] = line
            else:
                self._dropped += 1
        self._wake()

    def drop_stage(self, line: StageLine) -> None:
        """Forget a stage of which there is nothing to say. One that has a row already is kept."""
        with self._lock:
            if line.id not in self._written:
                self._stages.pop(line.id, None)

    def write(self, tx: Transaction, taken: _Taken) -> None:
        """Write what was taken within the caller's transaction."""
        now = time.monotonic()
        tx.run_many("stage_add", [line for line, is_new in taken.stages if is_new])
        for line, is_new in taken.stages:
            if not is_new:
                tx.run("stage_end", **{name: line[name] for name in _ENDS})
        logs = [*taken.logs, (now, self._dropped_line(taken.dropped))] if taken.dropped else taken.logs
        tx.run_many("log_add", [{**line, "ago_s": max(0.0, now - at)} for at, line in logs])

    def take(self) -> _Taken:
        """What waits to be written. Give it back where it was not."""
        with self._lock:
            logs, self._logs = self._logs, []
            dropped, self._dropped = self._dropped, 0
            lines = [line for line in self._stages.values() if line.ended is not None or line.id not in self._written]
            stages = [(line.binds(), line.id not in self._written) for line in lines]
            for line in lines:
                if line.ended is None:
                    self._written.add(line.id)
                else:
                    self._written.discard(line.id)
                    del self._stages[line.id]
        return _Taken(logs, stages, lines, dropped)

    def give_back(self, taken: _Taken) -> None:
        """It was not written: it waits again, in front of what came meanwhile."""
        with self._lock:
            room = max(0, LINES_MAX - len(self._logs))
            self._dropped += taken.dropped + len(taken.logs[room:])
            self._logs[:0] = taken.logs[:room]
            for line, (_, is_new) in zip(taken.lines, taken.stages, strict=True):
                self._stages[line.id] = line
                (self._written.discard if is_new else self._written.add)(line.id)

    def flush(self) -> None:
        """Write what waits, in a short transaction of its own. Never raises; what was not written waits on."""
        with self._writing:
            taken = self.take()
            if not taken:
                return
            try:
                with self._database.transaction(lock_timeout_s=LOCK_TIMEOUT_S) as tx:
                    self.write(tx, taken)
            except (CommitUnknown, UniqueViolation) as error:  # it is there, or was there before
                log.debug("lines of the journal may be lost", error=error.message)
            except Exception as error:  # whatever it is, it is not the work's
                self.give_back(taken)
                log.debug("the journal could not be written; it is tried again", error=str(error))

    @contextmanager
    def alone(self) -> Iterator[_Taken]:
        """What waits, while the thread writes nothing: a stage's end must not be written before its beginning is there.

        Nothing, where the thread hangs in the database.
        """
        is_free = self._writing.acquire(timeout=LOCK_TIMEOUT_S * 5)
        try:
            yield self.take() if is_free else _Taken([], [], [], 0)
        finally:
            if is_free:
                self._writing.release()

    def close(self) -> None:
        """The thread ends. What waits is for the caller to write."""
        self._ended.set()
        if self._thread:
            self._thread.join(timeout=LOCK_TIMEOUT_S * 2)

    def _wake(self) -> None:
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._flush_on, name="holdfast-journal", daemon=True)
                self._thread.start()

    def _flush_on(self) -> None:
        while not self._ended.wait(FLUSH_EVERY_S):
            self.flush()

    def _dropped_line(self, dropped: int) -> dict[str, Any]:
        return {
            "id": new_run_id(), "level": "warning", "logger": "holdfast.journal", "module": "journal",
            "function_name": "take", "line_number": 0, "pipeline_name": self.pipeline, "run_id": self.run_id,
            "message": f"{dropped:,} lines were dropped: there was no room for them",
            "metadata": details({"dropped": dropped}),
        }  # fmt: skip


_ENDS = ("id", "checkpoint_value", "stage_status", "ended_ago_s", "duration_ms", "metadata")


@dataclass(slots=True)
class _Taken:
    """Log lines with their moments; rows of stages, and whether each is new; the stages; lines without room."""

    logs: list[tuple[float, dict[str, Any]]]
    stages: list[tuple[dict[str, Any], bool]]
    lines: list[StageLine]
    dropped: int

    def __bool__(self) -> bool:
        return bool(self.logs or self.stages or self.dropped)


def journal_of(run_id: str) -> Journal | None:
    """The run's journal, where the run, or a worker of it, is under way in this process."""
    return _open.get(run_id)


def add_log(line: Mapping[str, Any]) -> None:
    """A line for the journal of the run it names. One of no run, or of a run that is not under way here, is left."""
    if journal := _open.get(line.get("run_id", "")):
        journal.add_log(line)


@contextmanager
def kept_journal(database: Database, run_id: str, pipeline: str) -> Iterator[Journal]:
    """Within the block what this thread logs is the run's. What waits at its end is written, if it can be."""
    with structlog.contextvars.bound_contextvars(run_id=run_id, pipeline=pipeline):
        if there := _open.get(run_id):
            yield there
            return
        journal = _open[run_id] = Journal(database, run_id, pipeline)
        try:
            yield journal
        finally:
            del _open[run_id]
            journal.close()
            journal.flush()


def write_with(journal: Journal, database: Database, name: str, **binds: Any) -> None:
    """Run a named statement and write what waits in the same transaction; where that fails, the statement alone."""
    with journal.alone() as taken:
        try:
            with database.transaction() as tx:
                tx.run(name, **binds)
                journal.write(tx, taken)
        except CommitUnknown:
            raise
        except DatabaseError as error:
            log.debug("the journal could not be written", error=error.message)
            with database.transaction() as tx:
                tx.run(name, **binds)
            journal.give_back(taken)
