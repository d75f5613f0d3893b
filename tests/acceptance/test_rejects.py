"""Rejects: seen, exported, mended and loaded again at their own place; and budgets that stop a load."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

GOOD = items(1, 20)
BROKEN = "21,item,1.999\n22,item,abc\nx,item,1.00\n24,item,1.00,more\n"


def mend(exported: Path, mended: Path, fixes: dict[str, dict[str, str]]) -> None:
    """Write the export anew; `fixes` maps a raw text (its beginning) to the values a person corrected."""
    with exported.open(newline="") as source, mended.open("w", newline="") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, list(reader.fieldnames or []))
        writer.writeheader()
        for row in reader:
            for beginning, values in fixes.items():
                if row["_raw"].startswith(beginning):
                    row.update(values)
            writer.writerow(row)


@pytest.fixture
def project(shared_url: str, tmp_path: Path) -> ItemsProject:
    return ItemsProject(tmp_path / "project", shared_url)


def test_list_and_show_say_where_and_why(project: ItemsProject) -> None:
    project.write(HEADER + GOOD + BROKEN)
    assert project.load()["rejected"] == 4
    told = project.told("rejects", "list", "items")
    assert {row["code"]: row["rejects"] for row in told["codes"]} == {
        "E_SCALE": 1,
        "E_DECIMAL": 1,
        "E_INT": 1,
        "E_RAGGED": 1,
    }
    content = project.directory.joinpath("data/a.csv").read_bytes()
    for reject, line in zip(told["rejects"], BROKEN.splitlines(), strict=True):
        assert reject["uri"] == "data/a.csv"
        assert content[reject["byte_offset"] :][: reject["byte_length"]] == line.encode()
        assert content[: reject["byte_offset"]].count(b"\n") + 1 == reject["line"]
        assert reject["raw"] == line
    first = told["rejects"][0]
    code, out, err = project.run("rejects", "show", "items", str(first["origin"]))
    assert code == 0, err
    assert "data/a.csv (version 1), line 22, byte " in out
    assert "E_SCALE in column amount" in out
    assert "'1.999'" in out
    assert "raw: 21,item,1.999" in out
    code, out, _ = project.run("rejects", "list", "items")
    assert out.startswith("items  4 open rejects\n")
    assert project.refused("rejects", "show", "items", "7")["code"] == "UsageError"


@pytest.mark.also_on("mysql")
def test_mended_rejects_end_in_the_table_of_the_mended_file(project: ItemsProject) -> None:
    """Replayed twice is replayed once; what is still broken stays, with what is wrong with it now."""
    # 5 comes again after its broken row, so the mended row must lose; 24 is broken only in its number of fields
    later = "5,the last,5.00\n"
    project.write(HEADER + GOOD + BROKEN + "5,broken,5.001\n" + later)
    project.load()
    exported, mended = project.directory / "rejects.csv", project.directory / "mended.csv"
    code, _, err = project.run("rejects", "export", "items", "-o", str(exported))
    assert code == 0, err
    mend(
        exported,
        mended,
        {"21,": {"amount": "2.00"}, "22,": {"amount": ""}, "x,": {"id": "23"}, "5,broken": {"amount": "5.00"}},
    )
    report = project.told("rejects", "replay", "items", str(mended))
    assert (report["offered"], report["replayed"], report["still_rejected"], report["skipped"]) == (5, 4, 1, 0)
    assert (report["inserted"], report["superseded"]) == (3, 1)
    expected = as_rows(GOOD + "21,item,2.00\n23,item,1.00\n24,item,1.00\n" + "5,broken,5.00\n" + later)
    assert project.rows() == expected
    project.check_balance()

    again = project.told("rejects", "replay", "items", str(mended))
    assert (again["replayed"], again["still_rejected"], again["skipped"]) == (0, 1, 4)
    assert project.rows() == expected
    codes = project.told("rejects", "list", "items")["codes"]
    assert codes == [{"code": "E_NULL", "rejects": 1}], "the reason of the mended row, not of the old one"


def test_after_the_contract_was_mended_rejects_load_as_they_are(project: ItemsProject) -> None:
    project.columns["name"] = "string(40); pattern = '[a-z]+ [0-9]+'"
    project.write_contract()
    project.write(HEADER + GOOD + "21,ITEM 21,21.25\n" + BROKEN)
    assert project.load()["rejected"] == 5
    project.columns["name"] = "string(40)"
    project.write_contract()
    report = project.told("rejects", "replay", "items")
    assert (report["offered"], report["replayed"], report["still_rejected"]) == (4, 1, 3), (
        "no contract reads a ragged row"
    )
    assert project.rows() == as_rows(GOOD + "21,ITEM 21,21.25\n")
    project.check_balance()


@pytest.mark.also_on("mysql")
def test_an_append_replays_each_row_once(shared_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", shared_url, "append")
    project.write(HEADER + GOOD + BROKEN)
    project.load()
    exported, mended = project.directory / "rejects.csv", project.directory / "mended.csv"
    project.run("rejects", "export", "items", "-o", str(exported))
    mend(exported, mended, {"21,": {"amount": "2.00"}})
    assert project.told("rejects", "replay", "items", str(mended))["inserted"] == 2
    assert project.told("rejects", "replay", "items", str(mended))["inserted"] == 0
    assert project.rows() == as_rows(GOOD + "21,item,2.00\n24,item,1.00\n")
    project.check_balance()


def test_what_is_no_export_is_refused(project: ItemsProject) -> None:
    project.write(HEADER + GOOD)
    project.load()
    wrong = project.directory / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    error = project.refused("rejects", "replay", "items", str(wrong))
    assert "is not an export of items's rejects" in error["message"]
    assert "nothing was replayed" in error["message"]
    error = project.refused("rejects", "replay", "items", str(project.directory / "absent.csv"))
    assert "absent.csv" in error["message"]


def test_a_budget_in_rows_stops_the_load(project: ItemsProject) -> None:
    """What was committed stays, nothing of the chunk does; a higher budget goes on from there."""
    project.top = "max_rejects = 3"
    project.write_contract()
    project.write(HEADER + GOOD + BROKEN + items(25, 60))
    code, _, err = project.run("load", "items")
    assert code == 3
    assert "error: items: 4 rows rejected with chunk" in err
    assert "max_rejects allows 3; nothing of this chunk was committed, chunks committed before stay" in err
    assert "hint: see: holdfast rejects list items; or load again with a higher --max-rejects" in err
    assert set(project.rows()) < set(as_rows(GOOD))
    project.check_balance()
    status = project.told("status")["datasets"][0]
    assert len(status["stopped"]) == 1

    assert project.load("--max-rejects", "4")["rejected"] == 4
    assert project.rows() == as_rows(GOOD + items(25, 60))
    assert project.told("status")["datasets"][0]["stopped"] == []


@pytest.mark.also_on("duckdb")
def test_workers_share_one_budget(project: ItemsProject) -> None:
    """However they race, what they commit together is within it, and the error is the same as a lone worker's."""
    lines = [f"{n},item,{'bad' if n % 10 == 0 else '1.00'}\n" for n in range(1, 1001)]
    project.write(HEADER + "".join(lines))
    error = project.refused("load", "items", "--workers", "3", "--max-rejects", "30", exit_code=3)
    assert error["code"] == "RejectBudgetExceeded"
    assert project.told("status")["datasets"][0]["rejects_open"] <= 30
    project.check_balance()
    project.load("--workers", "3", "--max-rejects", "100")
    assert len(project.rows()) == 900
    assert project.told("status")["datasets"][0]["rejects_open"] == 100


@pytest.mark.parametrize(("share", "exit_code"), [("6%", 3), ("7%", 0)])
def test_a_budget_as_a_share(sqlite_url: str, tmp_path: Path, share: str, exit_code: int) -> None:
    """4 of 60 rows are 6.7%."""
    project = ItemsProject(tmp_path / "project", sqlite_url)
    project.write(HEADER + GOOD + BROKEN + items(25, 60))
    code, _, err = project.run("load", "items", "--max-rejects", share)
    assert code == exit_code, err


@pytest.mark.parametrize("words", ["-1", "101%", "many"])
def test_a_budget_that_makes_no_sense(sqlite_url: str, tmp_path: Path, words: str) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url)
    code, _, err = project.run("load", "items", f"--max-rejects={words}")
    assert code == 2
    assert f"max_rejects '{words}': write a number of rows (100) or a share of them (0.5%)" in err
