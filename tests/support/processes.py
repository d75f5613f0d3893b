"""Real processes that tests start, watch, freeze and kill.

A `Started` leads its own process group. Its leader is not reaped before `close`, so the group's number cannot be given
to anyone else, and a signal can only ever reach what the test started. Output goes to files: a killed process loses
none of what it wrote, and none blocks on a full pipe.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.support.zygote import Forked, Zygote, zygote_of

POLL_S = 0.02


class DeadlinePassed(AssertionError):
    """What a test waited for did not happen in time."""


def wait_until(condition: Callable[[], object], *, deadline_s: float, what: str) -> None:
    """Come back when `condition` holds. Raises DeadlinePassed that says `what` was waited for."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise DeadlinePassed(f"{what}: not within {deadline_s} s")
        time.sleep(POLL_S)


class Started:
    """A command running in a process group of its own. Use as a context manager: nothing of it outlives the test.

    With a `zygote` the command's arguments are given to a process that is forked from it, instead of a new program.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        zygote: Zygote | None = None,
    ) -> None:
        self.command = list(command)
        self._outputs = tempfile.TemporaryDirectory(prefix="holdfast-output-")
        self._stdout, self._stderr = (Path(self._outputs.name, name) for name in ("stdout", "stderr"))
        try:
            self._process = self._begin(cwd, env, zygote)
        except BaseException:
            self._outputs.cleanup()
            raise
        self.pid = self._process.pid

    def _begin(
        self, cwd: Path | None, env: dict[str, str] | None, zygote: Zygote | None
    ) -> subprocess.Popen[bytes] | Forked:
        with self._stdout.open("wb") as out, self._stderr.open("wb") as err:
            if zygote:
                return zygote.fork(self.command[1:], cwd or Path.cwd(), env or dict(os.environ), out, err)
            return subprocess.Popen(
                self.command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        return self._stderr.read_text(encoding="utf-8", errors="replace")

    @property
    def exit_code(self) -> int | None:
        """The leader's exit code, -N when signal N killed it, None while it runs."""
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def wait(self, *, deadline_s: float) -> int:
        """The exit code, once the leader ended."""
        self.wait_until(lambda: self.exit_code is not None, deadline_s=deadline_s, what="exit")
        assert self.exit_code is not None
        return self.exit_code

    def wait_for_line(self, pattern: str, *, deadline_s: float) -> str:
        """The first line of either output with `pattern` in it. Fails at once when the process ends without it."""

        def lines() -> list[str]:
            return [line for line in (self.stdout + self.stderr).splitlines() if re.search(pattern, line)]

        self.wait_until(
            lambda: lines() or self.exit_code is not None, deadline_s=deadline_s, what=f"a line with {pattern!r}"
        )
        if not lines():
            raise DeadlinePassed(f"ended with {self.exit_code} and no line with {pattern!r}\n{self._told()}")
        return lines()[0]

    def wait_until(self, condition: Callable[[], object], *, deadline_s: float, what: str) -> None:
        """As the function of this name, and tells what the process had said when the deadline passed."""
        try:
            wait_until(condition, deadline_s=deadline_s, what=what)
        except DeadlinePassed as late:
            raise DeadlinePassed(f"{late}\n{self._told()}") from None

    def members(self) -> list[int]:
        """The living processes of the group, the leader first."""
        return sorted(process.pid for process in psutil.process_iter() if self._is_living_member(process))

    def kill(self, *, deadline_s: float = 30) -> None:
        """kill -9 the whole group, and come back when none of it is left, not even a thread of its leader."""
        os.killpg(self.pid, signal.SIGKILL)
        self.wait_until(
            lambda: self.exit_code is not None and not self.members(), deadline_s=deadline_s, what="death of the group"
        )

    def kill_member(self, pid: int) -> None:
        """kill -9 one process of the group."""
        if pid not in self.members():
            raise ProcessLookupError(f"process {pid} is not of the group {self.pid}; nothing was killed")
        os.kill(pid, signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send the leader a signal, as a scheduler would (SIGTERM) or a terminal (SIGINT)."""
        os.kill(self.pid, number)

    def freeze(self) -> None:
        """SIGSTOP the whole group: alive, silent, and unaware of the time that passes."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        if self._process.returncode is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            with suppress(ChildProcessError):
                while True:
                    os.waitpid(-self.pid, 0)  # its orphans, which are ours
        self._outputs.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_living_member(self, process: psutil.Process) -> bool:
        try:
            return os.getpgid(process.pid) == self.pid and process.status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, psutil.NoSuchProcess):
            return False

    def _told(self) -> str:
        return f"command: {' '.join(self.command)}\nstdout: {self.stdout[-2000:]}\nstderr: {self.stderr[-4000:]}"


def start_cli(*arguments: str, cwd: Path, env: dict[str, str] | None = None, fresh: bool = False) -> Started:
    """Start the installed `holdfast` command in a directory. Of HOLDFAST_* it sees only what `env` gives it.

    It is forked from a warm process (see zygote.py), or a new program where a test wants a `fresh` one, or where `env`
    has names that are not Holdfast's: a Python may read them as it starts.
    """
    script = Path(sys.executable).with_name("holdfast")
    given = env or {}
    warm = not fresh and all(name.startswith("HOLDFAST_") for name in given)
    zygote = zygote_of(script) if warm else None
    return Started([str(script), *arguments], cwd=cwd, env=clean_environment() | given, zygote=zygote)


def run_cli(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, deadline_s: float = 60, fresh: bool = False
) -> tuple[int, str, str]:
    """Run the installed `holdfast` command to its end: exit code, stdout, stderr."""
    with start_cli(*arguments, cwd=cwd, env=env, fresh=fresh) as started:
        return started.wait(deadline_s=deadline_s), started.stdout, started.stderr


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
