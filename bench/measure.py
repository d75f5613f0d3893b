"""One command, measured: wall time, processor time, peak memory.

Owns how a figure is taken. Processor time of the client is that of the process tree as the kernel counted it; that of a
server is what all of its processes used meanwhile. Memory is the resident set of the whole tree, looked at 4 times a
second (the kernel's own peak of a child begins with that of the process that forked it): a look walks all processes
of the machine, and more of them would take processor time from the contender that uses both cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.25
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Measured:
    wall_s: float
    client_s: float
    server_s: float
    rss_mb: float


def median(runs: Sequence[Measured]) -> Measured:
    """The median of each figure by itself; of memory the greatest."""
    return Measured(
        wall_s=statistics.median(run.wall_s for run in runs),
        client_s=statistics.median(run.client_s for run in runs),
        server_s=statistics.median(run.server_s for run in runs),
        rss_mb=max(run.rss_mb for run in runs),
    )


def measure(command: Sequence[str | Path], cwd: Path, server_pid: int | None = None) -> Measured:
    """Run a command to its end. Raises CalledProcessError, with what it said, when it fails."""
    # settings of the person's own session must not decide what is measured
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    server_before_s = server_cpu_s(server_pid)
    start = time.monotonic()
    with (cwd / "output").open("w+") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output)
        watch = _Watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - start
        peak_mb = watch.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            print(output.read(), file=sys.stderr)
            raise subprocess.CalledProcessError(process.returncode, list(map(str, command)))
    return Measured(wall_s, usage.ru_utime + usage.ru_stime, server_cpu_s(server_pid) - server_before_s, peak_mb)


def server_cpu_s(pid: int | None) -> float:
    """Processor time of a server and all children it has or had."""
    if pid is None:
        return 0.0
    time.sleep(SETTLE_S)  # a backend whose client is gone ends, and is counted with its parent
    parent = psutil.Process(pid)
    living = sum(sum(child.cpu_times()[:2]) for child in parent.children())
    return float(living + sum(parent.cpu_times()[:4]))


class _Watch(threading.Thread):
    """Remembers the greatest memory a process and its descendants had together."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self._peak = 0
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.wait(LOOK_EVERY_S):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
                self._peak = max(self._peak, sum(process.memory_info().rss for process in tree))
            except psutil.NoSuchProcess:
                continue

    def stop(self) -> float:
        """The peak in MiB."""
        self._done.set()
        self.join()
        return self._peak / 2**20
