"""The walk from a wrong number to its line: load, a correction, `explain`, `changes`; and what is said when it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, items

MODEL = """/*---
key = ["name"]
[columns]
name = "string(40)"
amount = "decimal(12,2)"
---*/
SELECT name, SUM(amount) AS amount FROM items GROUP BY name
"""


@pytest.fixture
def project(sqlite_url: str, tmp_path: Path) -> ItemsProject:
    project = ItemsProject(tmp_path / "project", sqlite_url)
    (project.directory / "models" / "gold").mkdir(parents=True)
    (project.directory / "models" / "gold" / "by_name.sql").write_text(MODEL)
    return project


def test_the_walk_from_a_wrong_number_to_its_line(project: ItemsProject) -> None:
    project.write(HEADER + items(1, 30), "a.csv")
    project.load()
    first = project.told("runs")["runs"][0]["id"]
    project.told("build")
    odd = '8,"item\x1b[31m\n0008",8.25'
    before = HEADER + "7,item 0007,70.5\n7,item 0007,7.001\n"
    project.write(f"{before}{odd}\n", "b.csv")
    project.load()
    last = project.told("runs")["runs"][0]["id"]

    told = project.told("explain", "items", "id=7")
    assert told["row"] | {"_origin": None} == {"id": "7", "name": "item 0007", "amount": "70.50", "_origin": None}
    source = told["source"]
    assert (source["state"], source["file"], source["line"], source["raw"]) == (
        "read", "data/b.csv", 2, "7,item 0007,70.5"
    )  # fmt: skip
    assert (source["run"]["id"], told["differs_from_source"], told["rejects"]["total"]) == (last, [], 1)
    ((change,), (change_source,)) = (
        told["history"]["changes"][0]["columns"],
        [told["history"]["changes"][0]["replaced"]],
    )
    assert change == {"column": "amount", "old": "7.25", "new": "70.50"}
    assert (change_source["file"], change_source["line"], change_source["run"]["id"]) == ("data/a.csv", 8, first)
    assert told["models"][0]["cells"] == [
        {
            "partition": "",
            "key": {"name": "item 0007"},
            "row": {"name": "item 0007", "amount": "7.25"},
            "is_current": False,
        }
    ]
    cell = project.told("explain", "gold.by_name", "name=item 0007")
    assert (cell["row"]["amount"], cell["row_now"]["amount"], cell["is_current"]) == ("7.25", "70.50", False)
    assert [row["file"] for row in cell["inputs"][0]["since_build"]] == ["data/b.csv"]

    code, out, err = project.run("explain", "items", "id=8")
    assert code == 0, err
    place = f"came from  data/b.csv (version 1), line 4, byte {len(before)}, {len(odd)} bytes"
    for line in (place, "  name     item\\x1b[31m\\n0008"):
        assert line in out.splitlines()
    assert "\x1b" not in out
    code, out, err = project.run("changes", "items", "--since", last, "--rows")
    assert code == 0, err
    assert "amount  -               1  7.25        70.50      +63.25" in out
    assert "id=7  amount: 7.25 -> 70.50" in out
    assert project.told("changes", "items", "--since", last, "--column", "amount")["sums"][0]["difference"] == "63.25"

    (project.directory / "data" / "b.csv").unlink()
    gone = project.told("explain", "items", "id=7")
    assert (gone["source"]["state"], gone["source"]["raw"], gone["differs_from_source"]) == ("gone", None, None)
    assert "there is no such file" in gone["source"]["why"]


def test_a_row_that_is_not_there_and_conditions_that_are_none(project: ItemsProject) -> None:
    error = project.refused("explain", "items", "id=1", exit_code=1)
    assert error["message"] == "there is no table items yet, so no row with id=1"
    project.write(HEADER + items(1, 30) + "40,item,bad\n")
    project.load()
    code, out, _ = project.run("explain", "items", "id=40", "--json")
    told = json.loads(out)
    assert (code, told["error"]["code"], told["rejects"]["total"]) == (1, "RowNotFound", 1)
    assert told["rejects"]["first"][0]["line"] == 32
    assert "1 rejected record of that key" in told["error"]["message"]
    assert project.refused("explain", "items", "id=41", exit_code=1)["message"] == "no row of items has id=41"
    project.execute("UPDATE items SET name = 'same' WHERE id < 3")
    code, out, err = project.run("explain", "items", "name=same")
    assert (code, out.split()) == (2, ["id", "1", "2"])
    assert "hint: add conditions, as in: holdfast explain items id=1" in err
    for given, message in {
        "nope=1": "items has no column 'nope'; expected column=value",
        "id": "'id' is no condition; expected column=value",
        "id=x": "id='x' is no bigint: expected a whole number: digits, with a sign or without",
    }.items():
        assert project.refused("explain", "items", given)["message"] == message
    assert project.refused("explain", "nonesuch", "id=1")["message"].startswith("'nonesuch' is neither a dataset nor")
    assert "no run 'X'" in project.refused("changes", "items", "--since", "X")["message"]
    elsewhere = project.refused("explain", "items", "id=5", "name=nobody", exit_code=1)
    assert elsewhere["message"].endswith("; the row with that key has name=item 0005"), "it is there"
    code, out, _ = project.run("changes", "items", "--partition", "2024-13")
    assert (code, "no value was changed in partition 2024-13" in out) == (0, True), "others may have been"
