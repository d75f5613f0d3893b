"""What runs several workers: processes of this machine, or a cluster's tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Executor(Protocol):
    def run(self, task: Callable[[str], int], argument: str, *, workers: int, is_wanted: Callable[[], bool]) -> None:
        """Run `task(argument)` in `workers` processes until all have ended; one that dies is started anew while wanted.

        `task` must be importable by name. A stop signal to this process is passed on to the workers.
        """
        ...
