"""A forked `holdfast` is what a new program is: its own group and files, the same words and the same end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.processes import Started, run_cli, start_cli, wait_until
from tests.support.usage_project import UsageProject

STOP_HERE = {"HOLDFAST_FAULT": "chunk.ready:1=stop"}


@pytest.fixture
def project(tmp_path: Path, sqlite_url: str) -> UsageProject:
    return UsageProject(tmp_path / "project", sqlite_url, rows=500, chunk_bytes=8_192)


def test_it_says_and_returns_what_a_new_program_does(tmp_path: Path) -> None:
    for arguments in (["nonsense"], ["contract", "check", "nix", "--json"]):
        assert run_cli(*arguments, cwd=tmp_path) == run_cli(*arguments, cwd=tmp_path, fresh=True)


def test_one_job_leaves_nothing_for_the_next(project: UsageProject, tmp_path: Path) -> None:
    """Directory, environment and faults are each process's own."""
    env = {"HOLDFAST_DB": project.url, "HOLDFAST_FAULT": "commit.begun=kill"}
    assert run_cli("load", "usage", cwd=project.directory, env=env) == (-signal.SIGKILL, "", "")
    code, _, err = run_cli("load", "usage", cwd=project.directory)
    assert (code, err) == (0, "")
    assert (project.directory / "holdfast.db").exists(), "its default, for HOLDFAST_DB is gone"
    code, _, err = run_cli("load", "usage", cwd=tmp_path)
    assert code == 2, "no project here"


def test_it_leads_a_group_and_is_not_reaped_before_the_end(project: UsageProject) -> None:
    with project.start("load", "usage", **STOP_HERE) as load:
        wait_until(lambda: _status(load) == psutil.STATUS_STOPPED, deadline_s=30, what="the fault")
        process = psutil.Process(load.pid)
        assert (os.getpgid(load.pid), os.getsid(load.pid), process.ppid()) == (load.pid, load.pid, os.getpid())
        assert process.num_fds() < 20
        load.kill()
        assert load.exit_code == -signal.SIGKILL
        assert _status(load) == psutil.STATUS_ZOMBIE
    assert not psutil.pid_exists(load.pid)


def test_its_workers_are_new_processes_of_its_group_and_reaped_with_it(project: UsageProject) -> None:
    with project.start("load", "usage", "--workers", "2", **STOP_HERE) as load:
        load.wait_until(lambda: len(_workers(load)) == 2, deadline_s=60, what="two workers")
        pids = [worker.pid for worker in _workers(load)]
        assert set(pids) < set(load.members())
        load.kill()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        start_cli("--help", cwd=tmp_path / "nowhere")
    assert run_cli("--version", cwd=tmp_path)[0] == 0, "and the next one starts"


def _status(started: Started) -> str:
    return str(psutil.Process(started.pid).status())


def _workers(started: Started) -> list[psutil.Process]:
    children = psutil.Process(started.pid).children()
    return [child for child in children if child.status() == psutil.STATUS_STOPPED]
