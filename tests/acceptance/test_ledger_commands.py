"""What people and programs ask the ledger: plan, status, runs, chunks, doctor, db upgrade. Looking changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.engine.migrate import LATEST
from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items


@pytest.fixture
def project(shared_url: str, tmp_path: Path) -> ItemsProject:
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 40) + "41,item,bad\n")
    return project


def relations(project: ItemsProject) -> int:
    """How many tables of ours the database has."""
    catalogue = (
        "SELECT COUNT(*) AS n FROM sqlite_master"
        if project.url.startswith("sqlite")
        else "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema IN ('ops', 'public', 'main')"
    )
    return int(project.query(catalogue)[0]["n"])


def test_looking_at_an_empty_database_writes_nothing(project: ItemsProject) -> None:
    plan = project.told("plan", "items")
    assert plan["table"] == "items"
    assert plan["chunks"]["new"] > 1
    assert plan["chunks"]["waiting"] == 0
    assert plan["rows_about"] >= 41
    assert [file["uri"] for file in plan["files"]] == ["data/a.csv"]
    assert project.told("status")["datasets"] == []
    assert project.told("chunks", "items")["chunks"] == []
    assert project.told("rejects", "list", "items")["rejects"] == []
    doctor = project.told("doctor")
    assert all(finding["good"] for finding in doctor["findings"])
    assert "none yet" in next(f["found"] for f in doctor["findings"] if f["what"] == "ledger")
    assert relations(project) == 0


def test_what_a_load_left_in_the_ledger(project: ItemsProject) -> None:
    plan = project.told("plan", "items")
    loaded = project.told("load", "items")
    total = loaded["datasets"][0]["chunks"]["total"]
    assert total == plan["chunks"]["new"]

    status = project.told("status")["datasets"][0]
    assert (status["dataset"], status["table_name"], status["files"]) == ("items", "items", 1)
    assert (status["chunks"], status["done"], status["ready"]) == (total, total, 0)
    assert (status["rows_read"], status["rows_inserted"], status["rows_rejected"]) == (41, 40, 1)
    assert status["rejects_open"] == 1

    runs = project.told("runs")["runs"]
    assert [(run["id"], run["command"], run["status"], run["exit_code"]) for run in runs] == [
        (loaded["run_id"], "load", "done", 0)
    ]
    assert project.told("runs", loaded["run_id"])["runs"] == runs
    assert project.refused("runs", "01NOSUCHRUN")["code"] == "UsageError"

    chunks = project.told("chunks", "items")["chunks"]
    assert len(chunks) == total
    assert chunks[0]["span_start"] == 0
    assert chunks[-1]["span_end"] == (project.directory / "data/a.csv").stat().st_size
    assert [c["span_start"] for c in chunks[1:]] == [c["span_end"] for c in chunks[:-1]], "every byte has one owner"
    assert project.told("chunks", "items", "--state", "failed")["chunks"] == []

    again = project.told("plan", "items")
    assert (again["chunks"]["new"], again["files"][0]["what"]) == (0, "known as data/a.csv version 1")


def test_the_same_for_people(project: ItemsProject) -> None:
    project.load()
    told = {}
    for command in (("status",), ("runs",), ("chunks", "items"), ("plan", "items"), ("doctor",), ("db", "upgrade")):
        code, out, err = project.run(*command)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        told[command[0]] = out
    assert told["status"].startswith("items  into items · 1 file · ")
    assert "1 open reject: holdfast rejects list items" in told["status"]
    assert " load " in told["runs"]
    assert "data/a.csv" in told["chunks"]
    assert told["plan"].startswith("items  1 file · nothing new · into items")
    assert "BAD" not in told["doctor"]
    assert told["db"] == f"the ledger is current (version {LATEST})\n"


def test_the_ledger_is_made_once(project: ItemsProject) -> None:
    first = project.told("db", "upgrade")
    assert (first["found"], first["version"]) == (0, LATEST)
    assert project.told("db", "upgrade")["found"] == LATEST


@pytest.mark.parametrize(
    ("statement", "said", "hint"),
    [
        (
            "INSERT INTO {table} (version, checksum, applied_at) SELECT 99, checksum, applied_at FROM {table}"
            " WHERE version = 1",
            f"the ledger is version 99, this Holdfast knows up to {LATEST}; nothing was touched",
            "upgrade Holdfast",
        ),
        (
            "UPDATE {table} SET checksum = 'other'",
            "the ledger's version 1 was not made by this Holdfast; nothing was touched",
            "restore the ledger from a backup",
        ),
    ],
    ids=["newer", "tampered"],
)
def test_a_strange_ledger_is_refused(project: ItemsProject, statement: str, said: str, hint: str) -> None:
    project.load()
    project.execute(statement.format(table=project.ops("migration")))
    project.write(HEADER + items(1, 60))
    for command in (("load", "items"), ("db", "upgrade")):
        error = project.refused(*command)
        assert error["code"] == "LedgerError"
        assert said in error["message"]
        assert hint in error["hint"]
    code, out, _ = project.run("doctor", "--json")
    assert code == 2
    assert said in out
    assert project.rows() == as_rows(items(1, 40))


def test_usage_mistakes(sqlite_url: str, tmp_path: Path) -> None:
    """Exit 2 and a way on, in JSON too; unknown words are not silently left out."""
    project = ItemsProject(tmp_path / "project", sqlite_url)
    for arguments in (
        ["load"],
        ["load", "items", "--wrokers", "2"],
        ["lode", "items"],
        ["load", "items", "--workers", "0"],
    ):
        code, out, err = project.run(*arguments, "--json")
        assert code == 2, arguments
        assert json.loads(out)["error"]["code"] == "UsageError"
        assert "hint: see: holdfast" in err
    error = project.refused("load", "items", "--executor", "ray")
    assert "expected: local" in error["message"]
