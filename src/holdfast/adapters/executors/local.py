"""Workers as processes of this machine. A worker that is killed is replaced while there is work left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from holdfast.ports.executor import Task, WorkerError

POLL_S = 0.1
RESTARTS_MAX = 10  # of one run: a chunk that kills its workers is failed by the ledger after three


@dataclass(slots=True)
class _Running:
    process: BaseProcess
    answers: Connection


def _entry(task: Task, argument: str, answers: Connection) -> None:
    answers.send(task(argument))


class LocalExecutor:
    """`grace_s`: how long a worker has to stop in good order before it is killed."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._context = multiprocessing.get_context("spawn")

    def run(
        self,
        task: Task,
        argument: str,
        *,
        workers: int,
        is_wanted: Callable[[], bool],
        is_stopping: Callable[[], bool],
    ) -> list[WorkerError]:
        running = [self._start(task, argument) for _ in range(workers)]
        errors: list[WorkerError] = []
        restarts = 0
        try:
            while running:
                if is_stopping():
                    return errors + self._stop(running)
                for worker in [w for w in running if not w.process.is_alive()]:
                    running.remove(worker)
                    answered, error = _answer(worker)
                    if error:
                        errors.append(error)
                    elif not answered and not errors and is_wanted():
                        restarts += 1
                        if restarts > RESTARTS_MAX:
                            errors.append(_keep_dying(worker.process))
                        else:
                            running.append(self._start(task, argument))
                time.sleep(POLL_S)
        finally:
            self._stop(running)
        return errors

    def _start(self, task: Task, argument: str) -> _Running:
        mine, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_entry, args=(task, argument, theirs), name="holdfast-worker")
        process.start()
        theirs.close()
        return _Running(process, mine)

    def _stop(self, running: list[_Running]) -> list[WorkerError]:
        """Ask every worker to stop, wait for the grace period, then kill what is left."""
        for worker in running:
            if worker.process.is_alive() and worker.process.pid:
                os.kill(worker.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + self._grace_s + 1
        for worker in running:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        errors = [error for _, error in map(_answer, running) if error]
        running.clear()
        return errors


def _answer(worker: _Running) -> tuple[bool, WorkerError | None]:
    """Did the worker end with an answer, and which. None that died by a signal did."""
    try:
        if worker.answers.poll():
            return True, worker.answers.recv()
    except (EOFError, OSError):
        pass
    finally:
        worker.answers.close()
    return False, None


def _keep_dying(process: BaseProcess) -> WorkerError:
    return WorkerError(
        code="WorkersDied",
        message=f"worker processes died {RESTARTS_MAX + 1} times in this run, the last with code {process.exitcode};"
        " what was committed stays",
        hint="look for the out-of-memory killer in the system's log; load again with fewer --workers",
        exit_code=1,
    )
