"""Commands frozen at a named point, so that a test decides what happens between two of their steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.items_project import ItemsProject
from tests.support.processes import Started


@contextmanager
def frozen(project: ItemsProject, *arguments: str, at: str) -> Iterator[Started]:
    """The command, stopped at this point. The block does what is to happen meanwhile, and thaws it."""
    with project.start(*arguments, HOLDFAST_FAULT=f"{at}=stop") as started:
        started.wait_until(
            lambda: _is_stopped(started) or started.exit_code is not None, deadline_s=30, what=f"{at} to be reached"
        )
        assert started.exit_code is None, f"it ended without reaching {at}: {started.stderr}"
        yield started


def thaw(started: Started) -> int:
    """Let it go on, to its end; its exit code."""
    started.thaw()
    return started.wait(deadline_s=60)


def _is_stopped(started: Started) -> bool:
    return Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
