"""Loads of one dataset that others plan while one is under way: each answers for its own plan, and for all of that."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items
from tests.support.processes import Started


def wait_until_frozen(load: Started) -> None:
    stat = Path(f"/proc/{load.pid}/stat")
    load.wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", deadline_s=60, what="freezing")


def plan_and_die(project: ItemsProject) -> None:
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="plan.committed=kill")
    assert code == -signal.SIGKILL, err


@pytest.mark.also_on("mysql")
def test_a_load_is_done_when_its_own_plan_is(shared_url: str, tmp_path: Path) -> None:
    """Another file, planned meanwhile by somebody who died since, is neither loaded nor answered for."""
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 30), "a.csv")
    with project.start("load", "items", "--json", HOLDFAST_FAULT="publish.committed=stop") as load:
        wait_until_frozen(load)
        project.write(HEADER + items(31, 60), "b.csv")
        plan_and_die(project)
        load.thaw()
        assert load.wait(deadline_s=60) == 0, load.stderr
        told = json.loads(load.stdout)["datasets"][0]
    assert told["read"] == 30
    assert told["chunks"]["done"] == told["chunks"]["total"]
    assert project.rows() == as_rows(items(1, 30))
    assert project.load()["read"] == 30
    assert project.rows() == as_rows(items(1, 60))
    project.check_balance()


@pytest.mark.parametrize("disposition", ["merge", "append", "replace"])
def test_a_load_is_not_done_before_what_went_over_to_another(sqlite_url: str, tmp_path: Path, disposition: str) -> None:
    """The file grew and was planned anew by somebody who died since: chunks not written yet are that plan's now."""
    project = ItemsProject(tmp_path / "project", sqlite_url, disposition)
    project.write(HEADER + items(1, 60))
    with project.start("load", "items", "--json", HOLDFAST_FAULT="chunk.ready:2=stop") as load:
        wait_until_frozen(load)
        project.write(HEADER + items(1, 90))
        plan_and_die(project)
        load.thaw()
        assert load.wait(deadline_s=60) == 0, load.stderr
    assert project.rows() == as_rows(items(1, 90))
    assert {state for _, state in project.chunks()} <= {"done", "dropped"}
    project.check_balance()
