"""`holdfast run`, a whole day: what fails holds up only what is made of it, and ops tells all of it afterwards."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, items
from tests.unit.docs.pages import blocks

MODEL = """/*---
key = "day"
partition = {{ column = "day" }}
[columns]
day = "date"
amount = "decimal(12,2)"
---*/
SELECT day, SUM(amount) AS amount FROM {table} GROUP BY day
"""
DAYS = "id,day,amount\n"


def daily(project: ItemsProject, exit_code: int = 0, **env: str) -> dict[str, Any]:
    code, out, err = project.run("run", "--json", **env)
    assert code == exit_code, f"exit {code}\n{out}\n{err}"
    told: dict[str, Any] = json.loads(out)
    return told


def shop(directory: Path, url: str) -> ItemsProject:
    """Datasets `bad` (a row too many is rejected) and `items`, and a model of each."""
    columns = {"id": "bigint", "day": "date", "amount": "decimal(12,2)"}
    project = ItemsProject(directory, url, top="partition = 'day'", form="chunk_bytes = 4096", columns=columns)
    project.write(DAYS + "".join(f"{number},2024-06-{number % 3 + 1:02},{number}.25\n" for number in range(1, 100)))
    project.write_contract("bad", "bad")
    path = directory / "contracts" / "bad.toml"
    path.write_text("max_rejects = 0\n" + path.read_text().replace("data/*.csv", "bad.csv"))
    (directory / "bad.csv").write_text(DAYS + "1,2024-06-01,1.00\nx,2024-07-01,2.00\n")
    (directory / "models").mkdir()
    for table in ("items", "bad"):
        (directory / "models" / f"of_{table}.sql").write_text(MODEL.format(table=table))
    return project


@pytest.mark.also_on("mysql")
def test_a_day_with_a_dataset_that_fails_and_the_day_after(database_url: str, tmp_path: Path) -> None:
    project = shop(tmp_path / "project", database_url)
    day = daily(project, exit_code=3)
    steps = {(step["step"], step["of"]): step for step in day["steps"]}
    assert [step["step"] for step in day["steps"]] == ["load", "load", "build", "check", "prune"]
    assert steps["load", "bad"]["error"]["code"] == "RejectBudgetExceeded"
    assert steps["load", "items"]["status"] == steps["build", None]["status"] == "done"
    assert steps["build", None]["skipped"] == "of_bad: made of what failed"
    assert (day["status"], day["error"]["code"]) == ("failed", "RejectBudgetExceeded")

    (tmp_path / "project" / "bad.csv").write_text(DAYS + "1,2024-06-01,1.00\n2,2024-07-01,2.00\n")
    code, out, err = project.run("load", "bad", "--max-rejects", "1")  # the file that was refused goes on first
    assert code == 0, f"{out}{err}"
    assert daily(project)["status"] == "done"
    code, out, _ = project.run("run")
    assert code == 0
    assert out.count("nothing to do") == 2
    assert "of_items  0 of 3 partitions built" in out

    months = project.query(f"SELECT * FROM {project.ops('processed_months')} ORDER BY id")
    names = ["id", "month_key", "year", "month", "processed_at", "updated_at", "status"]
    assert [list(row) for row in months] == [names, names]
    assert list(months[0].values())[:4] == [202406, "2024-06", 2024, 6]
    assert [row["status"] for row in months] == ["completed", "completed"]
    seen = project.query(f"SELECT DISTINCT stage, status FROM {project.ops('pipeline_checkpoint')}")
    assert {("load", "failed"), ("load", "completed"), ("chunk", "completed"), ("partition", "completed")} <= {
        (row["stage"], row["status"]) for row in seen
    }


def test_a_contract_that_is_not_sound_holds_up_only_what_is_made_of_it(sqlite_url: str, tmp_path: Path) -> None:
    project = shop(tmp_path / "project", sqlite_url)
    path = tmp_path / "project" / "contracts" / "bad.toml"
    path.write_text(path.read_text().replace("primary_key", "primary_keys"))
    day = daily(project, exit_code=2)
    steps = {(step["step"], step["of"]): step for step in day["steps"]}
    assert (steps["load", "bad"]["status"], day["error"]["code"]) == ("failed", "ContractError")
    assert (steps["build", None]["status"], steps["check", None]["status"]) == ("done", "done")
    assert steps["build", None]["skipped"] == "of_bad: made of what failed"
    assert project.query("SELECT COUNT(*) AS days FROM of_items") == [{"days": 3}]


def test_a_dataset_whose_files_are_given_by_hand_is_left_out_and_what_is_made_of_it_built(
    sqlite_url: str, tmp_path: Path
) -> None:
    project = shop(tmp_path / "project", sqlite_url)
    path = tmp_path / "project" / "contracts" / "bad.toml"
    path.write_text(path.read_text().replace("source = 'bad.csv'\n", ""))
    (tmp_path / "project" / "bad.csv").write_text(DAYS + "1,2024-06-01,1.00\n")
    code, _, err = project.run("load", "bad", "bad.csv")
    assert code == 0, err
    day = daily(project)
    steps = {(step["step"], step["of"]): step for step in day["steps"]}
    assert steps["load", "bad"]["skipped"].startswith("bad: its contract names no source")
    assert project.query("SELECT COUNT(*) AS days FROM of_bad") == [{"days": 1}]


def test_the_five_questions_are_answered_by_plain_sql(postgres_url: str, tmp_path: Path) -> None:
    """After a day with a failure: every query of the page, as it is written there."""
    project = shop(tmp_path / "project", postgres_url)
    daily(project, exit_code=3)
    health, failures, levels, slow, months, trace = (project.query(sql.strip().rstrip(";")) for sql in _questions())
    by_name = {row["pipeline_name"]: row for row in health}
    assert (by_name["bad"]["total"], by_name["bad"]["failures"], by_name["bad"]["successes"]) == (1, 1, 0)
    assert (by_name["items"]["successes"], by_name["items"]["failures"]) == (1, 0)
    assert by_name["items"]["avg_duration_ms"] > 0
    assert {("bad", "run"), ("bad", "work"), ("-", "load")} <= {(r["pipeline_name"], r["stage"]) for r in failures}
    assert {row["level"]: row["lines"] for row in levels}["error"] >= 2
    assert {row["month_key"] for row in months} == {"2024-06"}
    assert [row["avg_ms"] for row in slow] == sorted((row["avg_ms"] for row in slow), reverse=True)
    assert {"plan", "work", "run"} <= {row["stage"] for row in trace}
    assert {"planned", "rejects over budget", "run ended"} <= {row["message"] for row in trace}


def _questions() -> list[str]:
    return blocks("docs/asking-ops.md", "sql")


def test_a_day_fetches_the_rates_that_rows_lack_and_only_those(sqlite_url: str, tmp_path: Path) -> None:
    project = shop(tmp_path / "project", sqlite_url)
    directory = tmp_path / "project"
    (directory / "contracts" / "bad.toml").unlink()
    (directory / "models" / "of_bad.sql").unlink()
    contract = directory / "contracts" / "items.toml"
    contract.write_text(contract.read_text() + "\n[[columns]]\nname = 'currency'\ntype = 'string(3)'\n")
    project.write("id,day,amount,currency\n1,2024-06-03,1.00,EUR\n2,2024-06-05,1.00,EUR\n")
    (directory / "rates.csv").write_text(
        "date,currency,rate\n" + "".join(f"2024-06-{day:02},EUR,1.1\n" for day in range(1, 9))
    )
    (directory / "holdfast.toml").write_text(
        "[fx]\nprovider = 'file'\ncurrencies = ['EUR']\n[fx.file]\npath = 'rates.csv'\nrate_is = 'usd_per_unit'\n"
        "[[fx.coverage]]\ndataset = 'items'\ndate = 'day'\ncurrency = 'currency'\n"
    )
    first, second = daily(project), daily(project)
    assert [step["step"] for step in first["steps"]] == ["load", "fx", "build", "check", "prune"]
    days = project.query("SELECT rate_date FROM fx_rates ORDER BY rate_date")
    assert {str(row["rate_date"])[:10] for row in days} == {"2024-06-03", "2024-06-04", "2024-06-05"}
    assert second["steps"][1]["skipped"] == "every row has a rate"


def test_a_signal_ends_the_day_at_once(shared_url: str, tmp_path: Path) -> None:
    project = shop(tmp_path / "project", shared_url)
    with project.start("run", "--json", HOLDFAST_FAULT="claim.committed:1=stop") as started:
        stat = Path(f"/proc/{started.pid}/stat")
        started.wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", deadline_s=30, what="a claim")
        started.signal(signal.SIGTERM)
        started.thaw()
        assert started.wait(deadline_s=60) == 143
        told = json.loads(started.stdout)
    assert (told["status"], told["exit_code"]) == ("interrupted", 143)
    assert [step["step"] for step in told["steps"]] == ["load"]
    assert not project.exists("of_items")


def test_workers_log_for_their_run_and_a_killed_one_is_told_by_the_next(shared_url: str, tmp_path: Path) -> None:
    """Two worker processes; the whole run killed; then a load that ends."""
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 200))
    assert project.run("load", "items", HOLDFAST_FAULT="claim.made:3=kill")[0] == -signal.SIGKILL
    (killed,) = project.query(f"SELECT id, status FROM {project.ops('run')}")
    assert killed["status"] == "running"
    code, out, err = project.run("load", "items", "--workers", "2", "--json")
    assert code == 0, err
    run_id = json.loads(out)["run_id"]
    (row,) = project.query(f"SELECT status, ended_at, error FROM {project.ops('run')} WHERE id = '{killed['id']}'")
    assert (row["status"], row["error"], bool(row["ended_at"])) == ("interrupted", "its process is gone", True)
    assert not project.query(f"SELECT * FROM {project.ops('worker')}")
    told = project.told("logs", "--run", run_id)["logs"]
    assert {"planned", "load done", "run ended"} <= {line["message"] for line in told}
    assert {line["pipeline_name"] for line in told} == {"items"}
