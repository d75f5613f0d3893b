"""What runs several workers: processes of this machine, or a cluster's tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkerError:
    """Why a worker gave up, in a form that crosses processes."""

    code: str
    message: str
    hint: str
    exit_code: int


Task = Callable[[str], WorkerError | None]


class Executor(Protocol):
    def run(
        self,
        task: Task,
        argument: str,
        *,
        workers: int,
        is_wanted: Callable[[], bool],
        is_stopping: Callable[[], bool],
    ) -> list[WorkerError]:
        """Run `task(argument)` in `workers` processes until all have ended; returns the errors they gave up with.

        `task` is importable by name. A process that dies is started anew while `is_wanted()`. Once `is_stopping()`,
        the processes are asked to stop.
        """
        ...
