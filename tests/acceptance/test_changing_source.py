"""A source that changes while it is loaded is never mixed (P8): the load stops, and the next one ends right."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

OLD = HEADER + items(1, 100)


def shrunk(_: str) -> str:
    return HEADER + items(1, 50)


def edited(content: str) -> str:
    """The same length, other bytes in every chunk."""
    return content.replace("item", "ITEM")


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize(("change", "said"), [(shrunk, "shrank"), (edited, "changed")])
def test_a_file_that_changes_under_a_load(
    database_url: str, tmp_path: Path, change: Callable[[str], str], said: str
) -> None:
    project = ItemsProject(tmp_path / "project", database_url, "append")
    path = project.write(OLD)
    with project.start("load", "items", "--json", HOLDFAST_FAULT="parse.begun:2=stop") as load:
        load.wait_until(lambda: is_stopped(load.pid), deadline_s=30, what="the load to stand before its second chunk")
        path.write_text(change(OLD))
        load.signal(signal.SIGCONT)
        assert load.wait(deadline_s=30) == 1, load.stderr
        error = json.loads(load.stdout)["error"]
        assert "Traceback" not in load.stderr
    assert error["code"] == "SourceChanged"
    assert f"data/a.csv {said} while it was loaded" in error["message"]
    assert "nothing of chunk" in error["message"]
    assert "run the load again" in error["hint"]
    assert set(project.rows()) < set(as_rows(items(1, 100))), "whole chunks of the old version, nothing of the new"

    project.load()
    assert project.rows() == as_rows(change(OLD).removeprefix(HEADER))
    project.check_balance()


def test_a_file_that_vanishes_under_a_load(sqlite_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url)
    path = project.write(OLD)
    with project.start("load", "items", HOLDFAST_FAULT="parse.begun:2=stop") as load:
        load.wait_until(lambda: is_stopped(load.pid), deadline_s=30, what="the load to stand before its second chunk")
        path.unlink()
        load.signal(signal.SIGCONT)
        assert load.wait(deadline_s=30) == 1
        assert "cannot read data/a.csv: there is no such file; nothing of chunk" in load.stderr
    path.write_text(OLD)
    project.load()
    assert project.rows() == as_rows(items(1, 100))
