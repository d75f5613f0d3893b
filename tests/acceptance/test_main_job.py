"""The main job: a large file with duplicates and broken rows becomes a table whose every row can be accounted for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.support.usage_project import UsageProject

CODES = {
    "impossible_date": "E_DATE",
    "not_an_integer": "E_INT",
    "empty_key": "E_NULL",
    "unknown_currency": "E_ONE_OF",
    "not_a_number": "E_DECIMAL",
    "too_many_decimals": "E_SCALE",
    "too_large": "E_PRECISION",
    "negative": "E_RANGE",
    "missing_field": "E_RAGGED",
    "extra_field": "E_RAGGED",
    "bare_quote": "E_QUOTE",
    "open_quote": "E_QUOTE",
}
DATASET_KEYS = {
    *("dataset", "table", "read", "inserted", "updated", "unchanged", "superseded", "rejected"),
    *("files", "chunks", "ways", "rows_per_s"),
}


def rejects_by_code(project: UsageProject) -> dict[str, int]:
    rows = project.query(f"SELECT code, COUNT(*) AS n FROM {project.ops('reject')} GROUP BY code")
    return {row["code"]: row["n"] for row in rows}


def expected_by_code(project: UsageProject) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind, count in project.truth["rejected_by_kind"].items():
        counts[CODES[kind]] = counts.get(CODES[kind], 0) + count
    return counts


@pytest.mark.parametrize(("rows", "workers", "crlf"), [(600_000, 1, False), (150_000, 4, True)])
def test_many_rows(database_url: str, tmp_path: Path, rows: int, workers: int, crlf: bool) -> None:
    """Counts, rejects by kind and sums of money are those of the generator, whoever did the work."""
    size = {"rows": rows, "dup": 0.02, "bad": 0.001, "chunk_bytes": rows * 4}
    project = UsageProject(tmp_path / "project", database_url, **size, crlf=crlf, fresh=True)
    told = project.load("--workers", str(workers))
    assert told["read"] == project.truth["rows"]
    assert told["rejected"] == project.truth["rejected"]
    assert told["table_rows"] == told["inserted"] == project.truth["keys"]
    assert told["chunks"]["done"] == told["chunks"]["total"] > 10
    project.check_accounts()
    assert rejects_by_code(project) == expected_by_code(project)


def test_what_was_loaded_is_known(database_url: str, tmp_path: Path) -> None:
    """Run again, delivered under another name, or named by a run key: nothing to do, and the table is the same."""
    project = UsageProject(tmp_path / "project", database_url, rows=1_000)
    code, out, err = project.run("load", "usage", "--json", "--run-key", "2026-11-21")
    assert code == 0, err
    first = json.loads(out)
    assert set(first) == {"status", "exit_code", "run_id", "duration_s", "datasets"}
    dataset = first["datasets"][0]
    assert set(dataset) >= DATASET_KEYS
    assert dataset["files"] == {"loaded": 1, "known": 0}
    assert set(dataset["chunks"]) == {"done", "total", "failed"}
    assert set(dataset["ways"]) == {"direct", "merge", "landing"}
    assert sum(dataset["ways"].values()) == dataset["chunks"]["done"]
    before = project.contents()

    again = json.loads(project.run("load", "usage", "--json", "--run-key", "2026-11-21")[1])
    assert again["run_id"] == first["run_id"], "nothing was done now: it is the report of the run that did it"
    assert again["datasets"][0]["read"] == dataset["read"]

    shutil.copy(project.file, project.file.with_name("again.csv"))
    told = project.load()
    assert (told["read"], told["files"]) == (0, {"loaded": 0, "known": 2})
    code, out, _ = project.run("load", "usage")
    assert code == 0
    assert out.startswith("usage  nothing to do: 2 files known")
    assert project.contents() == before
    project.check_accounts()


def test_the_line_for_people(sqlite_url: str, tmp_path: Path) -> None:
    """One line a dataset, exact numbers, and where the rejects are."""
    project = UsageProject(tmp_path / "project", sqlite_url, rows=2_000)
    code, out, err = project.run("load", "usage")
    assert (code, err) == (0, "")
    line, kept = out.splitlines()
    truth = project.truth
    assert line.startswith(f"usage  2,000 read · {truth['keys']:,} inserted · ")
    assert f" superseded · {truth['rejected']:,} rejected · " in line
    assert " rows/s · run " in line
    assert kept.strip() == "rejected rows are kept: holdfast rejects list usage"
    assert "\x1b" not in out
