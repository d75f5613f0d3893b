"""Loads that could not end: the way on is to mend the file, to bring it back, or to deliver another one."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

BAD = "31,item,bad\n32,item,bad\n"


@pytest.mark.parametrize(
    ("disposition", "publish"), [("merge", "auto"), ("merge", "load"), ("append", "auto"), ("replace", "auto")]
)
def test_a_load_over_its_budget_goes_on_with_the_mended_file(
    shared_url: str, tmp_path: Path, disposition: str, publish: str
) -> None:
    """The new version takes the place of the one that was stopped; its bad rows count no more."""
    top = f'publish = "{publish}"\nmax_rejects = 1'
    project = ItemsProject(tmp_path / "project", shared_url, disposition, top=top)
    project.write(HEADER + items(1, 30) + BAD + items(33, 60))
    project.refused("load", "items", exit_code=3)
    project.write(HEADER + items(1, 60))
    project.load()
    assert project.rows() == as_rows(items(1, 60))
    project.check_balance()
    status = project.told("status")["datasets"][0]
    assert (status["stopped"], status["rejects_open"]) == ([], 0)
    assert (status["ready"], status["claimed"], status["landed"], status["failed"]) == (0, 0, 0, 0)


def test_a_file_that_is_gone_does_not_keep_others_from_loading(shared_url: str, tmp_path: Path) -> None:
    """Exit 1 as long as its rows are owed, and what else there is gets loaded."""
    project = ItemsProject(tmp_path / "project", shared_url)
    first = project.write(HEADER + items(1, 60), "a.csv")
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="parse.begun:2=kill")
    assert code == -signal.SIGKILL, err
    content = first.read_bytes()
    first.unlink()
    project.write(HEADER + items(101, 120), "b.csv")
    error = project.refused("load", "items", exit_code=1)
    assert error["code"] == "ChunkFailed"
    assert "cannot read data/a.csv: there is no such file" in error["message"]
    assert set(as_rows(items(101, 120))) <= set(project.rows())

    project.write(content, "a.csv")
    project.load()
    assert project.rows() == as_rows(items(1, 60) + items(101, 120))


@pytest.mark.also_on("mysql")
def test_a_row_the_table_refuses_fails_its_chunk_only(shared_url: str, tmp_path: Path) -> None:
    """A rule of the table that the contract does not know: the chunk says so, and is tried again by the next load.

    DuckDB adds no rule to a table that is there; see test_landing_trouble.
    """
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 20))
    project.load()
    if project.url.startswith("sqlite"):
        rule = "CREATE TRIGGER no_30 BEFORE INSERT ON items WHEN NEW.id = 30 BEGIN SELECT RAISE(ABORT, 'not 30'); END"
        drop = "DROP TRIGGER no_30"
    else:
        rule = "ALTER TABLE items ADD CONSTRAINT no_30 CHECK (id <> 30)"
        drop = "ALTER TABLE items DROP CONSTRAINT no_30"
    project.execute(rule)
    project.write(HEADER + items(1, 60))
    error = project.refused("load", "items", exit_code=1)
    assert error["code"] == "ChunkFailed"
    assert "1 chunk(s) failed, others are committed" in error["message"]
    assert "holdfast chunks items --state failed" in error["hint"]
    kept = project.rows()
    assert 30 not in [number for number, _, _ in kept]
    assert 60 in [number for number, _, _ in kept], "the chunks after it went on"
    project.execute(drop)
    project.load()
    assert project.rows() == as_rows(items(1, 60))
    project.check_balance()
