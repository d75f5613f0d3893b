"""`holdfast verify`: what is proved, what differs and what cannot be proved, by the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, items


@pytest.fixture
def project(sqlite_url: str, tmp_path: Path) -> ItemsProject:
    return ItemsProject(tmp_path / "project", sqlite_url)


def verify(project: ItemsProject, *more: str) -> tuple[int, dict[str, Any]]:
    code, out, err = project.run("verify", "items", "--json", *more)
    assert out, err
    told = json.loads(out)
    assert told["exit_code"] == code
    return code, told


def write(project: ItemsProject, name: str, text: str) -> Path:
    file = project.directory / "data" / name
    file.write_text(text)
    return file


def test_a_deleted_an_edited_and_an_inserted_row(project: ItemsProject) -> None:
    project.write(HEADER + items(1, 60))
    project.load()
    code, out, err = project.run("verify", "items")
    assert (code, err) == (0, "")
    assert out.startswith("items  proved  60 expected · 60 found · 0 missing · 0 extra · 0 different · ")
    project.query("DELETE FROM items WHERE id = 7 RETURNING id")
    project.query("UPDATE items SET amount = 30.26 WHERE id = 30 RETURNING id")
    project.query("INSERT INTO items VALUES (700, 'item', 1.5, -1) RETURNING id")
    code, told = verify(project)
    assert (code, told["status"]) == (3, "different")
    counts = {"expected": 60, "found": 60, "missing": 1, "extra": 1, "different": 1}
    assert told["rows"] == {**counts, "unverified": 0, "mended": 0, "lost": 0}
    by_kind = {difference["kind"]: difference for difference in told["differences"]}
    assert (by_kind["missing"]["key"], by_kind["missing"]["line"]) == ({"id": 7}, 8)
    assert (by_kind["extra"]["key"], by_kind["extra"]["file"]) == ({"id": 700}, None)
    changed = by_kind["different"]
    assert (changed["columns"], changed["file"], changed["line"]) == (["amount"], "data/a.csv", 31)
    assert (changed["source"]["amount"], changed["table"]["amount"]) == ("30.25", "30.26")
    assert len(told["chunks"]) == 3
    code, out, _ = project.run("verify", "items", "--most", "1")
    assert code == 3
    assert "DIFFERENT" in out
    assert "extra  id=700" in out
    assert "2 more" in out
    run = project.told("runs")["runs"][0]
    assert (run["command"], run["status"], run["exit_code"]) == ("verify", "failed", 3)


def test_what_cannot_be_read_again_is_never_passed(project: ItemsProject) -> None:
    """Gone, changed, put back: only what is there as it was loaded proves anything."""
    kept = write(project, "kept.csv", HEADER + items(1, 20))
    gone = write(project, "gone.csv", HEADER + items(21, 50))
    project.load()
    text = gone.read_text()
    gone.unlink()
    code, told = verify(project)
    assert (code, told["status"]) == (3, "unverified")
    assert told["rows"]["unverified"] == 30
    assert [(part["file"], part["rows"]) for part in told["unverified"]] == [("data/gone.csv", 30)]
    project.query("DELETE FROM items WHERE id = 33 RETURNING id")
    code, told = verify(project)
    assert (told["status"], told["rows"]["lost"], told["rows"]["unverified"]) == ("different", 1, 29)
    gone.write_text(text)
    assert verify(project)[1]["differences"][0]["key"] == {"id": 33}
    kept.write_text(kept.read_text().replace("item 0005", "item 5000"))
    told = verify(project)[1]
    assert [(part["file"], part["reason"].split(":")[0]) for part in told["unverified"]] == [
        ("data/kept.csv", "changed")
    ]
    assert 0 < told["unverified"][0]["rows"] < 20  # only the chunk whose bytes changed


def test_an_older_version_matters_only_where_rows_rest_on_it(project: ItemsProject) -> None:
    write(project, "a.csv", HEADER + items(1, 30))
    project.load()
    write(project, "a.csv", HEADER + items(1, 30, name="thing"))
    project.load()
    assert verify(project)[1]["status"] == "done"
    write(project, "a.csv", HEADER + items(6, 30, name="piece"))
    project.load()
    code, told = verify(project)
    assert (code, told["status"], told["rows"]["unverified"], told["rows"]["found"]) == (3, "unverified", 5, 30)
    assert "older version" in told["unverified"][0]["reason"]


def test_a_mended_row_is_compared_with_what_it_was_mended_to(project: ItemsProject) -> None:
    """No source says it, so the ledger does; and no other row can pass for it."""
    project.write(HEADER + items(1, 5) + "6,item,abc\n" + items(7, 9))
    project.load()
    _, exported, _ = project.run("rejects", "export", "items")
    mended = project.directory / "mended.csv"
    mended.write_text(exported.replace(",6,item,abc,", ",6,mended,1.00,"))
    project.told("rejects", "replay", "items", str(mended))
    code, told = verify(project)
    assert (code, told["rows"]["mended"], told["rows"]["expected"]) == (0, 1, 9)
    project.execute(
        "UPDATE items SET amount = 1.01 WHERE id = 6",
        "UPDATE items SET amount = 0, _origin = (SELECT _origin FROM items WHERE id = 6) WHERE id = 3",
    )
    differences = {d["key"]["id"]: (d["kind"], d["columns"]) for d in verify(project)[1]["differences"]}
    assert differences == {3: ("different", ["amount"]), 6: ("different", ["amount"])}
    project.execute("DELETE FROM items WHERE id = 6")
    assert "a row of it was loaded, and is gone" in project.run("explain", "items", "id=6")[2]


def test_other_ways_of_writing_and_a_sample(tmp_path: Path) -> None:
    for disposition in ("append", "replace"):
        project = ItemsProject(tmp_path / disposition, f"sqlite:///{tmp_path}/{disposition}.db", disposition)
        write(project, "a.csv", HEADER + items(1, 40) + items(1, 3))
        project.load()
        write(project, "a.csv", HEADER + items(1, 50))
        project.load()
        assert verify(project)[1]["rows"]["expected"] == 50
        project.query("UPDATE items SET name = name || '.' RETURNING id")
        code, told = verify(project, "--sample", "30%", "--seed", "1")
        assert code == 3
        assert 0 < told["rows"]["different"] == told["rows"]["expected"] < 50
        assert told["sample"] == {"share": 0.3, "seed": 1, "chunks": 1, "of": 4}


def test_what_is_not_in_the_table_yet_is_left_out_and_said(tmp_path: Path, sqlite_url: str) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, top="max_rejects = 0")
    project.write(HEADER + items(1, 30) + "31,item,bad\n" + items(32, 60))
    project.refused("load", "items", exit_code=3)
    code, told = verify(project)
    assert (code, told["status"], told["differences"]) == (3, "unverified", [])
    assert (told["rows"]["missing"], told["rows"]["found"]) == (0, len(project.rows()))
    assert "UNVERIFIED" in project.run("verify", "items")[1]
    assert sum(told["unfinished"].values()) > 0
    assert 0 < told["rows"]["found"] < 30


def test_a_column_that_came_later_is_null_before(tmp_path: Path, sqlite_url: str) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, top="drift = 'evolve'")
    write(project, "a.csv", HEADER + items(1, 10))
    project.load()
    project.columns["note"] = "string(9); nullable = true"
    project.write_contract()
    write(project, "b.csv", "id,name,amount,note\n11,item,1.00,new\n10,item 0010,10.25,again\n")
    project.load()
    assert verify(project)[1]["status"] == "done"
    project.execute("UPDATE items SET note = '' WHERE id = 3")
    assert verify(project)[1]["differences"][0]["columns"] == ["note"]


def test_mistakes_are_told_in_words(project: ItemsProject) -> None:
    refused = project.refused("verify", "items")
    assert "nothing was loaded" in refused["message"]
    assert "no dataset 'itms'" in project.refused("verify", "itms")["message"]
    project.write(HEADER + items(1, 3))
    project.load()
    assert project.refused("verify", "items", "--sample", "0%")["code"] == "UsageError"
    project.query("ALTER TABLE items RENAME TO elsewhere")
    assert project.refused("verify", "items")["code"] == "TargetMismatch"
