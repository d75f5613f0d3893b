"""Workers as threads of this process, for a database that only one process may have open.

None of them can die alone: what kills one kills the process, and the next load takes their chunks over.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from holdfast.ports.executor import Task, WorkerError

POLL_S = 0.1


class ThreadExecutor:
    """`grace_s`: how long workers have to stop in good order. Then `interrupt` is called, and they are left behind.

    `is_ending`: for the task to look at; a thread cannot be told otherwise.
    """

    def __init__(self, grace_s: float, interrupt: Callable[[], None]) -> None:
        self._grace_s = grace_s
        self._interrupt = interrupt
        self._errors: list[WorkerError] = []
        self.is_ending = False

    def run(
        self,
        task: Task,
        argument: str,
        *,
        workers: int,
        is_wanted: Callable[[], bool],
        is_stopping: Callable[[], bool],
    ) -> list[WorkerError]:
        """As the port says, but none is started anew: a thread that ends is not killed, it has an error to tell."""
        del is_wanted
        running = [
            threading.Thread(target=self._work, args=(task, argument), name=f"holdfast-worker-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in running:
            thread.start()
        try:
            while any(thread.is_alive() for thread in running) and not is_stopping():
                time.sleep(POLL_S)
        finally:
            self.is_ending = is_stopping() or sys.exc_info()[0] is not None
            self._wait(running, self._grace_s + 1)
        return list(self._errors)

    def _work(self, task: Task, argument: str) -> None:
        error = task(argument)
        if error:
            self._errors.append(error)

    def _wait(self, running: list[threading.Thread], seconds: float) -> None:
        for limit_s, then in ((seconds, self._interrupt), (self._grace_s + 1, None)):
            deadline = time.monotonic() + limit_s
            for thread in running:
                thread.join(max(0.0, deadline - time.monotonic()))
            if then and any(thread.is_alive() for thread in running):
                then()
