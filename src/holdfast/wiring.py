"""The only place that joins adapters to the engine. The command line, the library and the web service call it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from holdfast.adapters.databases import connect
from holdfast.adapters.sources.everywhere import Everywhere
from holdfast.adapters.sources.web_pages import WebPages
from holdfast.domain.contract import Contract
from holdfast.domain.errors import HoldfastError, Interrupted, SourceError, WorkerFailed
from holdfast.engine import loading
from holdfast.engine.claims import Claimant
from holdfast.engine.drifting import remembered, sentences
from holdfast.engine.heartbeat import Heartbeat
from holdfast.engine.journal import add_log, kept_journal
from holdfast.engine.loading import LoadReport
from holdfast.engine.migrate import upgrade
from holdfast.engine.owed import Owed, owed_now, with_successors
from holdfast.engine.place import this_process
from holdfast.engine.planner import Plan
from holdfast.engine.recovery import keep_trying
from holdfast.engine.runs import done_run_of_key, recorded_run
from holdfast.engine.stages import recorded_stage
from holdfast.engine.stopping import StopRequest, stop_on_signals
from holdfast.engine.sweeping import try_to_sweep
from holdfast.observe import ledger_log, log
from holdfast.ports.clock import SystemClock
from holdfast.ports.database import Database, Row
from holdfast.ports.executor import Executor, Task, WorkerError
from holdfast.ports.source import Source

if TYPE_CHECKING:
    from holdfast.engine.replay import Mended, ReplayReport
    from holdfast.outbound.client import Client

# What only some commands or an actual load need is imported by them: a known file shall be recognised at once.

T = TypeVar("T")
log_lines = structlog.get_logger("holdfast.load")
PROGRESS_EVERY_S = 0.5
POOL_SIZE = 5
OnProgress = Callable[[Row], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process needs to know to work. Times in seconds; crosses to worker processes as JSON."""

    url: str
    project_dir: str = "."
    workers: int = 1
    grace_s: float = 20.0
    lease_s: float = 15.0
    heartbeat_s: float = 5.0
    retry_for_s: float = 300.0
    landing_rows_min: int | None = None  # None: as the engine says
    remote: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)  # by scheme; may hold secrets
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)  # limits and patience by source, as in Policy


@dataclass(frozen=True, slots=True)
class LoadResult:
    """A run's end: what it did, and the error that kept it from finishing, if any."""

    run_id: str
    duration_s: float
    report: LoadReport
    error: HoldfastError | None = None
    done_before: bool = False  # this is an earlier run, which did what the run key names; nothing was done now


@contextmanager
def open_project(settings: Settings, *, bring_up_to_date: bool = True) -> Iterator[Project]:
    """Connect, bring the ledger up to date (unless told to leave it), and close the pool at the end."""
    log.setup_by_default()
    ledger_log.send_to(add_log)
    database = connect(settings.url, pool_size=POOL_SIZE + 2 * settings.workers)  # made when needed, so none too many
    try:
        if bring_up_to_date:
            upgrade(database)
        project = Project(settings, database)
        try:
            yield project
        finally:
            project.files.close()
            project.pages.close()
    finally:
        database.close()


class Project:
    """An open project: a database with an up-to-date ledger, and a place for source files."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        self.files = Everywhere(settings.project_dir, settings.remote, retry_for_s=settings.retry_for_s)
        self.source: Source = self.files
        self.pages = WebPages(self._client)

    def plan(self, contract: Contract, sources: list[str]) -> Plan:
        """What a load would do. Writes nothing."""
        patterns = sources or contract.source
        rows_min = self.settings.landing_rows_min
        return loading.plan(self.database, self.source, contract, patterns, landing_rows_min=rows_min)

    def chunks_waiting(self, dataset: str) -> int:
        """How many chunks of earlier plans are still to do."""
        return loading.chunks_waiting(self.database, dataset)

    def load(
        self,
        contract: Contract,
        sources: list[str],
        *,
        max_rejects: str | int | None = None,
        run_key: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> LoadResult:
        """Load a dataset. What stops it once it is planned is in the result, with the counts so far."""
        began = time.monotonic()
        done_before = run_key and done_run_of_key(self.database, contract.name, run_key)
        if done_before:
            report = self._report(contract, done_before, files_known=0, owed=None)
            return LoadResult(done_before, time.monotonic() - began, report, done_before=True)
        try_to_sweep(self.database)
        with (
            stop_on_signals(self.settings.grace_s) as stop,
            recorded_run(self.database, contract.name, "load", run_key) as run,
        ):
            prepared = self._prepare(contract, sources, run.id, max_rejects)
            owed = self._try(lambda: owed_now(self.database, contract.name), "looking for work")
            if owed:
                with self._progress(owed, on_progress):
                    owed, run.error = self._work_off(contract, run.id, stop, owed)
            report = self._report(contract, run.id, files_known=prepared.files_known, owed=owed)
            report.warnings.extend(sentences(prepared.plan.noted))
        return LoadResult(run.id, time.monotonic() - began, report, run.error)

    def _prepare(
        self, contract: Contract, sources: list[str], run_id: str, max_rejects: str | int | None
    ) -> loading.Prepared:
        with recorded_stage(run_id, "plan") as stage:
            prepared = self._try(
                lambda: loading.prepare(
                    self.database,
                    self.source,
                    contract,
                    sources or contract.source,
                    run_id=run_id,
                    max_rejects=max_rejects,
                    landing_rows_min=self.settings.landing_rows_min,
                ),
                "planning",
            )
            found = {"files": len(prepared.plan.files), "files_known": prepared.files_known}
            stage.metadata.update(found)
        log_lines.info("planned", **found)
        return prepared

    def work(self, datasets: list[str]) -> list[LoadResult]:
        """Be a bare worker on what is planned; returns what was done for each dataset that had work."""
        try_to_sweep(self.database)
        with self.database.reading() as tx:
            waiting = [row["dataset"] for row in tx.run("datasets_with_work").rows]
        results = []
        with stop_on_signals(self.settings.grace_s) as stop:
            for dataset in (name for name in waiting if not datasets or name in datasets):
                contract = loading.contract_in_ledger(self.database, dataset)
                if contract:  # else another worker was quicker
                    results.append(self._work_on(contract, stop))
                stop.raise_if_asked()
        return results

    def replay(self, contract: Contract, mended: Path | None) -> tuple[str, ReplayReport]:
        """Load rejects again: from a mended export, or as they are (after the contract was mended)."""
        from holdfast.engine import replay as replaying

        with self.database.reading() as tx:
            contract = remembered(tx, contract)
        with recorded_run(self.database, contract.name, "replay") as run:
            if mended is None:
                records = replaying.raw_as_mended(self.database, contract)
            else:
                records = _read_mended(mended, contract)
            return run.id, self._try(lambda: replaying.replay(self.database, contract, records, run.id), "replaying")

    def _work_on(self, contract: Contract, stop: StopRequest) -> LoadResult:
        began = time.monotonic()
        owed = self._try(lambda: owed_now(self.database, contract.name), "looking for work")
        with recorded_run(self.database, contract.name, "work") as run:
            if owed:
                owed, run.error = self._work_off(contract, run.id, stop, owed, is_bare=True)
            report = self._report(contract, run.id, files_known=0, owed=owed)
        return LoadResult(run.id, time.monotonic() - began, report, run.error)

    def _work_off(
        self, contract: Contract, run_id: str, stop: StopRequest, owed: Owed, *, is_bare: bool = False
    ) -> tuple[Owed, HoldfastError | None]:
        """Let workers work until nothing is owed. Returns what was, in the end, and why some of it is left, if so."""
        workers = 1 if is_bare else self.settings.workers
        with recorded_stage(run_id, "work", workers=workers) as stage:
            if workers == 1:
                error = self._guarded(run_id, stop, owed, lone=not is_bare)
            else:
                error = _worst(self._run_workers(run_id, stop, owed))
            if stop:
                stage.interrupt()
            elif error:
                stage.fail(error.message)
        grown = self._try(lambda: with_successors(self.database, owed), "looking for work left")
        if grown != owed and not (stop or error):
            return self._work_off(contract, run_id, stop, grown, is_bare=is_bare)
        left = self._try(lambda: loading.verdict(self.database, contract, owed), "looking for work left")
        if stop and left:
            return owed, stop.interrupted()
        return owed, left and (error or left)

    def _run_workers(self, run_id: str, stop: StopRequest, owed: Owed) -> list[WorkerError]:
        """Several workers: processes, or threads of this one where no other may have the database open."""

        def run(executor: Executor, task: Task, argument: str) -> list[WorkerError]:
            return executor.run(
                task,
                argument,
                workers=min(self.settings.workers, max(1, self.chunks_waiting(owed.dataset))),
                is_wanted=lambda: loading.is_open(self.database, owed),
                is_stopping=lambda: bool(stop),
            )

        if not self.database.traits.one_process:
            from holdfast.adapters.executors.local import LocalExecutor

            told = json.dumps({"settings": asdict(self.settings), "run_id": run_id, "owed": asdict(owed)})
            return run(LocalExecutor(self.settings.grace_s), run_worker, told)
        from holdfast.adapters.executors.threads import ThreadExecutor

        threads = ThreadExecutor(self.settings.grace_s, interrupt=self.database.close)

        def work(_: str) -> WorkerError | None:
            try:
                self.run_worker_loop(run_id, owed, lambda: bool(stop) or threads.is_ending, lone=False)
            except HoldfastError as error:
                return _told(error)
            return None

        return run(threads, work, "")

    def _guarded(self, run_id: str, stop: StopRequest, owed: Owed, *, lone: bool) -> HoldfastError | None:
        try:
            self.run_worker_loop(run_id, owed, lambda: bool(stop), lone=lone)
        except HoldfastError as error:
            return error
        return None

    def run_worker_loop(self, run_id: str, owed: Owed, is_stopping: Callable[[], bool], *, lone: bool) -> None:
        """One worker in this process, with a lease of its own."""
        from holdfast.engine.worker import Worker

        claimant = Claimant(self.database, uuid.uuid4().hex, run_id, this_process(), self.settings.lease_s)
        worker = Worker(
            self.database,
            self.source,
            self.pages,
            SystemClock(),
            claimant,
            owed,
            is_stopping,
            self.settings.retry_for_s,
            lone=lone,
        )
        self._try(claimant.join, "signing on")
        with kept_journal(self.database, run_id, owed.dataset), Heartbeat(claimant, self.settings.heartbeat_s):
            worker.run()

    def _client(self, source: str, secrets: Sequence[str]) -> Client:
        """A client that keeps to a source's limits, together with all processes that share the ledger."""
        from holdfast.outbound.client import Client
        from holdfast.outbound.ledger_limiter import LedgerLimiter
        from holdfast.outbound.policy import Policy

        policy = Policy(**{**self.settings.sources.get(source, {}), "source": source})
        return Client(policy, LedgerLimiter(self.database), secrets=secrets)

    def _report(self, contract: Contract, run_id: str, *, files_known: int, owed: Owed | None) -> LoadReport:
        with recorded_stage(run_id, "report") as stage:
            report = self._try(
                lambda: loading.report(self.database, contract, run_id=run_id, files_known=files_known, owed=owed),
                "counting",
            )
            stage.metadata.update(asdict(report.counts))
        log_lines.info("counted", **asdict(report.counts))
        for warning in report.warnings:
            log_lines.info(warning, ledger_level="warning")
        return report

    def _try(self, work: Callable[[], T], what: str) -> T:
        return keep_trying(work, what=what, retry_for_s=self.settings.retry_for_s)

    @contextmanager
    def _progress(self, owed: Owed, on_progress: OnProgress | None) -> Iterator[None]:
        """Tell `on_progress` how far the ledger says the owed loads are, twice a second, while the block runs."""
        if on_progress is None:
            yield
            return
        ended = threading.Event()

        def tell() -> None:
            while not ended.wait(PROGRESS_EVERY_S):
                try:
                    on_progress(loading.progress(self.database, owed))
                except HoldfastError:
                    continue  # the workers say what is wrong

        thread = threading.Thread(target=tell, name="holdfast-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=PROGRESS_EVERY_S * 4)


def _read_mended(path: Path, contract: Contract) -> list[Mended]:
    from holdfast.engine import replay as replaying

    try:
        with path.open(encoding="utf-8", newline="") as file:
            return replaying.read_mended(file, contract, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"cannot read {path}: {error}; nothing was replayed", hint="name a file made by: holdfast rejects export"
        ) from error


def run_worker(task: str) -> WorkerError | None:
    """A worker process from its first line to its last; what an executor runs."""
    told = json.loads(task)
    parent = os.getppid()
    settings = Settings(**told["settings"])
    log.setup(os.environ.get("HOLDFAST_LOG_LEVEL", "warning"))
    log.register_password_of(settings.url)
    log.register_secrets_of(settings.remote)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells the whole group; the parent passes it on as SIGTERM
    try:
        with stop_on_signals(settings.grace_s, (signal.SIGTERM,)) as stop, open_project(settings) as project:
            owed = Owed(**told["owed"])
            project.run_worker_loop(told["run_id"], owed, lambda: bool(stop) or os.getppid() != parent, lone=False)
            stop.raise_if_asked()
    except HoldfastError as error:
        return _told(error)
    return None


def _told(error: HoldfastError) -> WorkerError:
    return WorkerError(error.code, error.message, error.hint, error.exit_code)


def _worst(errors: list[WorkerError]) -> HoldfastError | None:
    """One error to report for several: an interruption only if there is nothing worse."""
    ranked = sorted(errors, key=lambda e: e.code == Interrupted.__name__)
    if not ranked:
        return None
    first = ranked[0]
    return WorkerFailed(first.message, hint=first.hint, code=first.code, exit_code=first.exit_code)
