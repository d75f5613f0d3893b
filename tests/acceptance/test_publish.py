"""When rows become visible: loads that show as a whole, replaced tables, keys met twice, entities kept whole."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from holdfast.domain.origin import chunk_of
from tests.acceptance.items_project import COLUMNS, HEADER, ItemsProject, as_rows, items
from tests.support.catalogues import tables_like


@pytest.mark.also_on("mysql")
@pytest.mark.parametrize("disposition", ["merge", "append", "replace"])
def test_a_load_that_shows_as_a_whole(database_url: str, tmp_path: Path, disposition: str) -> None:
    """Killed in the middle: readers see nothing of it. Run again: everything."""
    top = 'publish = "load"' if disposition != "replace" else ""
    project = ItemsProject(tmp_path / "project", database_url, disposition, top=top)
    project.write(HEADER + items(1, 60))
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.finished:1=kill")
    assert code == -signal.SIGKILL, err
    assert project.rows() == []
    told = project.load("--workers", "2")
    assert told["chunks"]["done"] == told["chunks"]["total"]
    assert project.rows() == as_rows(items(1, 60))
    project.check_balance()
    assert not [name for name in tables(project) if "landing" in name], "what rows waited in is gone"


def tables(project: ItemsProject) -> list[str]:
    return [row["name"] for row in project.query(tables_like(project.url, "%"))]


@pytest.mark.also_on("mysql")
def test_over_its_budget_a_whole_load_shows_nothing(database_url: str, tmp_path: Path) -> None:
    top = 'publish = "load"\nmax_rejects = 1'
    project = ItemsProject(tmp_path / "project", database_url, top=top)
    project.write(HEADER + items(1, 60) + "61,item,bad\n62,item,bad\n")
    error = project.refused("load", "items", exit_code=3)
    assert error["code"] == "RejectBudgetExceeded"
    assert "nothing of this load is visible" in error["message"]
    assert project.rows() == []
    assert project.load("--max-rejects", "2")["rejected"] == 2
    assert project.rows() == as_rows(items(1, 60))


@pytest.mark.also_on("mysql")
def test_a_replaced_table_holds_what_the_files_hold_now(database_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", database_url, "replace")
    project.write(HEADER + items(1, 40), "a.csv")
    project.write(HEADER + items(41, 60), "b.csv")
    project.load()
    assert project.rows() == as_rows(items(1, 60))
    assert project.load()["files"] == {"loaded": 0, "known": 2}

    project.write(HEADER + items(41, 50, "changed"), "b.csv")
    project.load()
    assert project.rows() == as_rows(items(1, 40) + items(41, 50, "changed"))

    (project.directory / "data" / "a.csv").unlink()
    project.write(HEADER + items(70, 80), "c.csv")
    project.load()
    assert project.rows() == as_rows(items(41, 50, "changed") + items(70, 80))
    project.check_balance()


@pytest.mark.also_on("mysql")
def test_a_sequence_beats_the_order_of_delivery(database_url: str, tmp_path: Path) -> None:
    """The row with the greatest `version` wins, though it came first; equal versions: the later row."""
    columns = {**COLUMNS, "version": "int"}
    project = ItemsProject(tmp_path / "project", database_url, top='sequence = "version"', columns=columns)
    head = "id,name,amount,version\n"
    project.write(head + "1,newest,1.00,9\n2,first,1.00,5\n3,only,1.00,1\n", "a.csv")
    project.load()
    project.write(head + "1,older,2.00,8\n2,second,2.00,5\n", "b.csv")
    told = project.load()
    assert (told["read"], told["updated"], told["superseded"]) == (2, 1, 1)
    assert [name for _, name, _ in project.rows()] == ["newest", "second", "only"]


def test_an_entity_stays_in_one_chunk(sqlite_url: str, tmp_path: Path) -> None:
    """Chunks of about 256 bytes are ten rows; an entity of forty rows makes its chunk longer."""
    columns = {**COLUMNS, "customer": "string(10)"}
    project = ItemsProject(tmp_path / "project", sqlite_url, top='entity = ["customer"]', columns=columns)
    sizes = {"small": 3, "large": 40, "middle": 12, "last": 25}
    owners = [name for name, size in sizes.items() for _ in range(size)]
    lines = "".join(f"{n},item,1.00,{owner}\n" for n, owner in enumerate(owners))
    project.write("id,name,amount,customer\n" + lines)
    assert project.load()["chunks"]["done"] > 1
    rows = project.query("SELECT customer, _origin FROM items")
    places = {(row["customer"], chunk_of(row["_origin"])) for row in rows}
    assert len(rows) == sum(sizes.values())
    assert len(places) == len(sizes), "one chunk each"


@pytest.mark.also_on("mysql")
@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_rows_that_a_ledger_which_is_gone_left_waiting_are_not_published(
    database_url: str, tmp_path: Path, disposition: str
) -> None:
    """The new ledger counts from one again, so its first load waits in a table of the same name."""
    project = ItemsProject(tmp_path / "project", database_url, disposition, top='publish = "load"')
    project.write(HEADER + items(1, 20))
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.begun:1=kill")
    assert code == -signal.SIGKILL, err
    forget(project)
    assert [name for name in tables(project) if "landing" in name]
    project.write(HEADER + items(21, 40))
    project.load()
    assert project.rows() == as_rows(items(21, 40))
    project.check_balance()
    assert not [name for name in tables(project) if "landing" in name]


def forget(project: ItemsProject) -> None:
    """Drop the ledger."""
    if project.url.startswith(("sqlite", "mysql")):
        project.execute(*(f"DROP TABLE {name}" for name in tables(project) if name.startswith("ops_")))
    else:
        project.execute("DROP SCHEMA ops CASCADE")
