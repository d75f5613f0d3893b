"""Started processes can be watched, frozen and killed, and nothing else can."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.processes import DeadlinePassed, Started, clean_environment, wait_until

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""
TICKER = """
import itertools, time
for n in itertools.count():
    print("tick", n, flush=True)
    time.sleep(0.01)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_and_exit_code_are_collected() -> None:
    with Started(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")) as started:
        assert started.wait(deadline_s=10) == 3
        assert (started.stdout, started.stderr) == ("out\n", "err\n")


def test_kill_takes_the_children_too() -> None:
    with Started(python(FAMILY)) as started:
        child = int(started.wait_for_line("^child", deadline_s=10).split()[1])
        assert started.members() == sorted([started.pid, child])
        started.kill()
        assert started.members() == []
        assert started.exit_code == -signal.SIGKILL
        assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_children_are_killed_even_after_their_leader_died() -> None:
    with Started(python(FAMILY)) as started:
        child = int(started.wait_for_line("^child", deadline_s=10).split()[1])
        started.kill_member(started.pid)
        started.wait(deadline_s=10)
        assert started.members() == [child]
    wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE,
               deadline_s=10, what="death of the orphan")  # fmt: skip


def test_a_process_of_someone_else_is_not_killed() -> None:
    with Started(python(TICKER)) as one, Started(python(TICKER)) as other:
        with pytest.raises(ProcessLookupError, match="not of the group"):
            one.kill_member(other.pid)
        with pytest.raises(ProcessLookupError, match="not of the group"):
            one.kill_member(os.getpid())
        assert other.exit_code is None


def test_a_frozen_process_is_silent_until_it_is_thawed() -> None:
    with Started(python(TICKER)) as started:
        started.wait_for_line("tick 1", deadline_s=10)
        started.freeze()
        wait_until(lambda: psutil.Process(started.pid).status() == psutil.STATUS_STOPPED, deadline_s=5, what="stop")
        said = started.stdout
        time.sleep(0.2)
        assert started.stdout == said
        started.thaw()
        started.wait_until(lambda: len(started.stdout) > len(said), deadline_s=5, what="more ticks")


def test_a_line_that_never_comes_fails_with_what_was_said() -> None:
    with Started(python("print('something else')")) as started, pytest.raises(DeadlinePassed, match="something else"):
        started.wait_for_line("wanted", deadline_s=10)


def test_the_deadline_is_kept() -> None:
    with Started(python(TICKER)) as started, pytest.raises(DeadlinePassed, match="exit: not within"):
        started.wait(deadline_s=0.1)


def test_settings_of_the_test_run_do_not_leak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOLDFAST_DB", "sqlite:///elsewhere.db")
    show = "import os; print([n for n in os.environ if n.startswith('HOLDFAST_')])"
    with Started(python(show), cwd=tmp_path, env=clean_environment()) as started:
        started.wait(deadline_s=10)
        assert started.stdout == "[]\n"
