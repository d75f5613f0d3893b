"""A table that is there already: used when it can hold every row, refused with every difference when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

FITTING = (
    "CREATE TABLE items (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL, amount NUMERIC(12,2) NOT NULL,"
    " {extra} _origin BIGINT NOT NULL DEFAULT -1)"
)


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> ItemsProject:
    project = ItemsProject(tmp_path / "project", database_url)
    project.write(HEADER + items(1, 20))
    return project


@pytest.mark.also_on("mysql")
def test_a_table_that_fits_is_used(project: ItemsProject) -> None:
    """Its own further column may be there if it may be empty; a row of the same key that was there is updated."""
    project.execute(
        FITTING.format(extra="note VARCHAR(10),"),
        "INSERT INTO items (id, name, amount, note) VALUES (7, 'by hand', 1, 'mine'), (99, 'by hand', 2, 'mine')",
    )
    told = project.load()
    assert (told["inserted"], told["updated"]) == (19, 1)
    assert project.rows() == as_rows(items(1, 20) + "99,by hand,2.00\n")
    assert project.query("SELECT id, note FROM items WHERE note IS NOT NULL ORDER BY id") == [
        {"id": 7, "note": "mine"},
        {"id": 99, "note": "mine"},
    ]


@pytest.mark.also_on("mysql")
def test_a_table_that_does_not_fit_is_refused_with_every_difference(project: ItemsProject) -> None:
    project.execute(
        "CREATE TABLE items (id BIGINT NOT NULL, name VARCHAR(10) NOT NULL PRIMARY KEY CHECK (length(name) <= 10),"
        " amount NUMERIC(12,1) NOT NULL,"
        " owner VARCHAR(10) NOT NULL)",
        "INSERT INTO items (id, name, amount, owner) VALUES (1, 'by hand', 1, 'me')",
    )
    error = project.refused("load", "items")
    assert error["code"] == "TargetMismatch"
    for difference in (
        "column 'name' is string(10), the contract says string(40)",
        "column 'amount' is decimal(12,1), the contract says decimal(12,2)",
        "column '_origin' (bigint) is missing: add it with ALTER TABLE",
        "column 'owner' is NOT NULL and not in the contract",
        "the primary key is (name), the contract says (id)",
        "nothing was loaded",
    ):
        assert difference in error["message"]
    assert project.rows() == [(1, "by hand", "1.00")]


def test_a_table_belongs_to_one_dataset(project: ItemsProject) -> None:
    project.load()
    project.write_contract(name="others", table="items")
    error = project.refused("load", "others")
    assert "table 'items' belongs to dataset 'items'; nothing was loaded" in error["message"]
    places = {"postgresql": "public", "mysql": sa.make_url(project.url).database}
    same = f"{places.get(project.url.partition(':')[0], 'main')}.items"
    project.write_contract(name="spelled_otherwise", table=same)
    error = project.refused("load", "spelled_otherwise")
    assert f"table '{same}' holds rows with an _origin of Holdfast's" in error["message"]
    assert len(project.rows()) == 20
    project.check_balance()
