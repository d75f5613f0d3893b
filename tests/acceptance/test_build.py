"""`holdfast build` as a person runs it: what it prints, what it ends with, what it leaves in the ledger."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.models_project import DAILY, FIRST, ModelsProject


def test_build_tells_what_it_did_and_why(sqlite_url: str, tmp_path: Path) -> None:
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    code, out, err = project.cli("build")
    assert (code, err) == (0, "")
    assert "silver.daily  3 of 3 partitions built · 3 rows new · 0 rows changed · 0 rows gone · " in out
    project.load("late.csv", [(5, "2024-05-31", "EUR", "2.25")])

    code, out, _ = project.cli("build", "--dry-run")
    assert code == 0
    assert out.splitlines()[0] == "silver.daily  1 partition to build · 2 up to date"
    assert out.splitlines()[1].startswith("  2024-05-31  late file late.csv, chunk ")
    assert "gold.monthly  0 partitions to build · 1 may follow · " in out
    assert "  2024-05  if silver.daily 2024-05-31 comes out different" in out.splitlines()
    assert project.wanted(), "a dry run builds nothing"

    code, out, _ = project.cli("build", "--json")
    told = json.loads(out)
    assert (code, told["status"], told["exit_code"]) == (0, "done", 0)
    code, out, _ = project.cli("build", "silver.daily", "--dry-run", "--reset", "--month", "2024-05")
    assert out.splitlines() == ["silver.daily  1 partition to build · 0 up to date", "  2024-05-31  reset"]
    daily = told["models"][0]
    assert (daily["model"], daily["built"], daily["current"], daily["updated"]) == ("silver.daily", 1, 2, 1)
    assert set(daily["partitions"][0]["stages"]) == {"stage", "check", "delete", "update", "insert", "commit"}
    stages = project.query("ops.stage")
    assert {"build", "build.stage", "build.commit"} <= {
        row["stage"] for row in stages if row["run_id"] == told["run_id"]
    }


def test_mistakes_and_failures_have_their_exit_codes(sqlite_url: str, tmp_path: Path) -> None:
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    code, _, err = project.cli("build", "nonesuch")
    assert code == 2
    assert "no model 'nonesuch'; there are: silver.daily, gold.by_currency, gold.monthly" in err
    assert "'nonesuch' is neither a dataset nor a model; datasets: " in project.cli("check", "nonesuch")[2]
    project.write("silver/daily", DAILY.replace("SELECT day, currency", "SELECT day, NULL AS currency"))
    code, out, err = project.cli("build", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "PartitionsFailed"
    assert (
        "silver.daily 2024-05-31 (and 2 more) could not be built: of what the SELECT gives 1 row is without currency"
        in err
    )
    assert [one["status"] for one in json.loads(out)["models"][0]["partitions"]] == ["failed"] * 3
