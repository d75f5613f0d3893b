"""One command, measured: wall time, processor time, peak memory, how it ended.

Owns how a figure is taken. Processor time of the client is that of the process tree as the kernel counted it; that of a
server is what all of its processes used meanwhile. Memory is the resident set, of the whole tree and of its largest
process, looked at 4 times a second (the kernel's own peak of a child begins with that of the process that forked it):
a look walks all processes of the machine, and more of them would take processor time from the contender that uses both
cores.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.25
SETTLE_S = 0.5
OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Measured:
    wall_s: float
    client_s: float
    server_s: float
    rss_mb: float
    largest_mb: float
    """The peak of the one process that had most."""
    exit_code: int = 0
    killed: bool = False
    """It was still running when its time was over."""


def measure(command: Sequence[str | Path], cwd: Path, server_pid: int | None = None) -> Measured:
    """Run a command to its end. Raises CalledProcessError, with what it said, when it fails."""
    measured = observe(command, cwd, server_pid)
    if measured.exit_code:
        print((cwd / OUTPUT).read_text(errors="replace"), file=sys.stderr)
        raise subprocess.CalledProcessError(measured.exit_code, list(map(str, command)))
    return measured


def observe(
    command: Sequence[str | Path],
    cwd: Path,
    server_pid: int | None = None,
    kill_after_s: float | None = None,
    env: dict[str, str] | None = None,
    output: Path | None = None,
) -> Measured:
    """Run a command to its end, however it ends; what it says goes to `output`, by default a file in `cwd`.

    After `kill_after_s` its whole process group gets SIGKILL.
    """
    # settings of the person's own session must not decide what is measured; programs are installed compiled
    ours = ("HOLDFAST_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    server_before_s = server_cpu_s(server_pid)
    start = time.monotonic()
    with (output or cwd / OUTPUT).open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**inherited, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        watch = _Watch(process.pid, kill_after_s)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _kill_group(process.pid)
            raise
        wall_s = time.monotonic() - start
        watch.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
    client_s = usage.ru_utime + usage.ru_stime
    server_s = server_cpu_s(server_pid) - server_before_s
    return Measured(wall_s, client_s, server_s, watch.tree_mb, watch.largest_mb, process.returncode, watch.killed)


def server_cpu_s(pid: int | None) -> float:
    """Processor time of a server and all children it has or had."""
    if pid is None:
        return 0.0
    time.sleep(SETTLE_S)  # a backend whose client is gone ends, and is counted with its parent
    parent = psutil.Process(pid)
    total = sum(parent.cpu_times()[:4])
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:2])
    return float(total)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class _Watch(threading.Thread):
    """Remembers the greatest memory a process and its descendants had, and kills them when their time is over."""

    def __init__(self, pid: int, kill_after_s: float | None) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._end = time.monotonic() + kill_after_s if kill_after_s is not None else None
        self._done = threading.Event()
        self.tree_mb = 0.0
        self.largest_mb = 0.0
        self.killed = False
        self.start()

    def run(self) -> None:
        while not self._done.wait(self._pause_s()):
            if self._end is not None and time.monotonic() >= self._end:
                self.killed = True
                _kill_group(self._pid)
                return
            self._look()

    def _pause_s(self) -> float:
        if self._end is None:
            return LOOK_EVERY_S
        return max(0.0, min(LOOK_EVERY_S, self._end - time.monotonic()))

    def _look(self) -> None:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self._pid)
            sizes = [process.memory_info().rss / 2**20 for process in [root, *root.children(recursive=True)]]
            self.tree_mb = max(self.tree_mb, sum(sizes))
            self.largest_mb = max(self.largest_mb, *sizes)

    def stop(self) -> None:
        self._done.set()
        self.join()
