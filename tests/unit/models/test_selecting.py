"""What is built of what there is: selections, days looked back upon, models that lack their inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.errors import TargetMismatch, UsageError
from holdfast.wiring_models import Ask
from tests.support.models_project import BY_CURRENCY, DAILY, FIRST, ModelsProject


def test_a_selection_builds_no_more_than_was_asked_for(sqlite_url: str, tmp_path: Path) -> None:
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    result = project.build("monthly", month="2024-06")
    assert [(report.model, report.built, report.stale_upstream) for report in result.models] == [
        ("gold.monthly", [], ["silver.daily"])
    ]
    assert project.built("silver.daily", month="2024-06") == {"silver.daily": ["2024-06-01", "2024-06-02"]}
    assert project.built("silver.daily", "monthly", year=2024) == {
        "silver.daily": ["2024-05-31"],
        "gold.monthly": ["2024-05", "2024-06"],
    }
    assert project.built() == {"gold.by_currency": [""]}
    project.check()


def test_a_lookback_sees_the_days_before_and_is_built_for_them(sqlite_url: str, tmp_path: Path) -> None:
    rolling = """/*---
key = ["day"]
partition = { column = "day" }
[columns]
day = "date"
amount = "decimal(12,2)"
[inputs."bronze.sales"]
lookback_days = 1
---*/
SELECT a.day, SUM(b.amount) AS amount FROM (SELECT DISTINCT day FROM bronze.sales) AS a
JOIN bronze.sales AS b ON b.day = a.day OR b.day < a.day GROUP BY a.day
"""
    project = ModelsProject(sqlite_url, tmp_path, {"rolling": rolling})
    project.load("first.csv", FIRST)
    project.built()
    assert project.contents("rolling") == [("2024-05-31", "1.50"), ("2024-06-01", "201.60"), ("2024-06-02", "200.40")]
    project.load("late.csv", [(9, "2024-06-01", "USD", "10.00")])
    assert project.built() == {"rolling": ["2024-06-01", "2024-06-02"]}
    assert project.contents("rolling")[1:] == [("2024-06-01", "211.60"), ("2024-06-02", "210.40")]


def test_rows_that_are_older_than_the_notes_of_changes_are_built(sqlite_url: str, tmp_path: Path) -> None:
    """Of a ledger that was upgraded: the table itself says which days it has."""
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    project.execute("DELETE FROM {}", "ops.touch")
    project.load("late.csv", [(9, "2024-06-02", "EUR", "1.00")])
    assert project.built()["silver.daily"] == ["2024-05-31", "2024-06-01", "2024-06-02"]
    project.check()
    assert project.built() == {}


def test_another_grain_and_a_table_of_somebody_else_are_refused(sqlite_url: str, tmp_path: Path) -> None:
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    project.built()
    project.write("silver/daily", DAILY.replace('column = "day" }', 'column = "day", grain = "month" }'))
    error = project.build("silver.daily").error
    assert "was built by partitions like 2024-05-31" in (error.message if error else "")
    assert project.built("silver.daily", reset=True) == {"silver.daily": ["2024-05", "2024-06"]}
    project.built()
    project.check()
    project.execute("DELETE FROM {}", "ops.model_partition")
    for reset in (False, True):
        error = project.build("silver.daily", reset=reset).error
        assert "silver.daily holds rows that no build put there; it is as it was" in (error.message if error else "")
    with pytest.raises(TargetMismatch, match="no build put there"):
        project.wanted()


def test_a_dry_run_tells_of_the_table_what_a_build_would(sqlite_url: str, tmp_path: Path) -> None:
    project = ModelsProject(sqlite_url, tmp_path)
    project.load("first.csv", FIRST)
    assert set(project.wanted()["silver.daily"].values()) == {"never built"}
    project.built()
    project.execute("DROP TABLE {}", "silver.daily")
    days = ["2024-05-31", "2024-06-01", "2024-06-02"]
    assert project.wanted() == {"silver.daily": dict.fromkeys(days, "its table is gone")}
    project.write("silver/daily", DAILY.replace('column = "day" }', 'column = "day", grain = "month" }'))
    assert project.wanted()["silver.daily"] == dict.fromkeys(["2024-05", "2024-06"], "its table is gone")
    assert project.built()["silver.daily"] == ["2024-05", "2024-06"]
    project.check()
    project.write("silver/daily", DAILY.replace("sales =", "number =").replace("AS sales", "AS number"))
    assert set(project.wanted(reset=True)["silver.daily"].values()) == {"reset"}
    with pytest.raises(TargetMismatch, match="column 'number'"):
        project.wanted()


def test_without_its_input_a_model_says_what_to_load(sqlite_url: str, tmp_path: Path) -> None:
    """Nothing is there to be partitioned yet; a model of the whole table has its one partition, and fails."""
    project = ModelsProject(sqlite_url, tmp_path)
    result = project.build("by_currency")
    assert "there is no table silver.daily yet: build it first" in (result.error.message if result.error else "")
    project.write("gold/by_currency", BY_CURRENCY.replace("silver.daily", "bronze.sales"))
    result = project.build()
    assert "there is no table bronze.sales yet: load it first" in (result.error.message if result.error else "")


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({"year": 2024}, "2024-01-01", "2024-12-31"),
        ({"month": "2024-02"}, "2024-02-01", "2024-02-29"),
        ({"year": 2024, "month": "2"}, "2024-02-01", "2024-02-29"),
        ({"partition": "2024-02-03"}, "2024-02-03", "2024-02-03"),
    ],
)
def test_days_that_are_asked_for(given: dict[str, int | str], first: str, last: str) -> None:
    days = Ask(**given).days  # type: ignore[arg-type]
    assert days is not None
    assert (days.first.isoformat(), days.last.isoformat()) == (first, last)


@pytest.mark.parametrize(
    "given",
    [
        {"month": "6"},
        {"month": ""},
        {"month": "2024-06-05"},
        {"year": 2024, "month": "2024-06"},
        {"year": 2024, "month": "0"},
        {"year": 2024, "month": "-6"},
        {"year": 1, "partition": "2024"},
        {"partition": ""},
    ],
)
def test_what_is_not_clear_is_asked_back(given: dict[str, int | str]) -> None:
    with pytest.raises(UsageError, match="nothing was built"):
        Ask(**given).days  # type: ignore[arg-type]  # noqa: B018
