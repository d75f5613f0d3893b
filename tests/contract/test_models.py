"""Builds on every engine: exactly what is out of date, and always what a full recompute would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.errors import PartitionsFailed, TargetMismatch
from tests.support.models_project import BY_CURRENCY, DAILY, FIRST, ModelsProject


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> ModelsProject:
    made = ModelsProject(database_url, tmp_path)
    made.load("first.csv", FIRST)
    return made


def test_what_is_out_of_date_is_built_and_nothing_else(project: ModelsProject) -> None:
    """A first build; nothing; a late row; a correction that moves between months, and so empties a day; new SQL."""
    assert project.built() == {
        "silver.daily": ["2024-05-31", "2024-06-01", "2024-06-02"],
        "gold.by_currency": [""],
        "gold.monthly": ["2024-05", "2024-06"],
    }
    project.check()
    assert project.built() == {}

    project.load("late.csv", [(5, "2024-05-31", "EUR", "2.25")])
    (reason,) = project.wanted()["silver.daily"].values()
    assert reason.startswith("late file late.csv, chunk ")
    assert reason.endswith(": 1 row new")
    assert project.built() == {"silver.daily": ["2024-05-31"], "gold.by_currency": [""], "gold.monthly": ["2024-05"]}
    project.check()

    project.load("moved.csv", [(2, "2024-07-01", "USD", "200.10")])
    assert project.built() == {
        "silver.daily": ["2024-06-01", "2024-07-01"],
        "gold.by_currency": [""],
        "gold.monthly": ["2024-06", "2024-07"],
    }
    project.check()

    project.write("gold/by_currency", BY_CURRENCY.replace("silver.daily", "bronze.sales"))
    assert project.wanted() == {"gold.by_currency": {"": "SQL changed"}}
    assert project.built() == {"gold.by_currency": [""]}
    project.check()
    assert project.built() == {}


def test_what_is_made_of_unchanged_rows_is_left(project: ModelsProject) -> None:
    """Amounts that change within a day and add up to the same: the day is built, nothing after it."""
    project.built()
    project.load("swapped.csv", [(3, "2024-06-02", "USD", "0.20"), (4, "2024-06-02", "USD", "0.10")])
    assert project.built() == {"silver.daily": ["2024-06-02"]}
    project.check()


def test_a_partition_that_cannot_be_built_stops_only_what_is_made_of_it(project: ModelsProject) -> None:
    project.write(
        "silver/daily", DAILY.replace("SELECT day, currency", "SELECT day, NULLIF(currency, 'EUR') AS currency")
    )
    result = project.build()
    assert isinstance(result.error, PartitionsFailed)
    assert "1 row is without currency, which is in the key" in result.error.message
    found = {report.model: [(one.key, one.status) for one in report.built] for report in result.models}
    assert found["silver.daily"] == [("2024-05-31", "failed"), ("2024-06-01", "built"), ("2024-06-02", "built")]
    assert found["gold.monthly"] == [("2024-06", "built")]
    assert found["gold.by_currency"] == [("", "skipped")]
    states = {row["partition_key"]: row["status"] for row in project.query_ledger("model_partition", "silver.daily")}
    assert states == {"2024-05-31": "failed", "2024-06-01": "done", "2024-06-02": "done"}
    project.write("silver/daily", DAILY)
    project.built()
    project.check()


@pytest.mark.parametrize(
    ("daily", "told"),
    [
        (
            DAILY.replace("GROUP BY day, currency", "GROUP BY day, currency, id"),
            "key day=2024-06-02, currency=USD comes 2",
        ),
        (DAILY.replace("SELECT day,", "SELECT CAST('2024-01-01' AS DATE) AS day,"), "1 row is of another partition"),
    ],
)
def test_what_is_no_content_of_a_partition_is_not_written(project: ModelsProject, daily: str, told: str) -> None:
    project.built()
    before = project.contents("silver.daily")
    project.write("silver/daily", daily)
    result = project.build("silver.daily")
    assert any(told in one.error for one in result.models[0].of("failed"))
    assert [row for row in before if row[0] == "2024-06-02"] == [
        row for row in project.contents("silver.daily") if row[0] == "2024-06-02"
    ]


def test_a_reset_builds_anew_and_a_table_of_another_shape_needs_it(project: ModelsProject) -> None:
    project.built()
    project.execute("DELETE FROM {} WHERE currency = 'USD'", "gold.by_currency")
    assert project.built() == {}  # rows changed behind Holdfast's back are for the checks to find
    assert project.built("by_currency", reset=True) == {"gold.by_currency": [""]}
    project.check()

    wider = DAILY.replace('sales = "int"', 'sales = "int"\nfirst = "bigint"').replace(
        "AS sales", "AS sales, MIN(id) AS first"
    )
    project.write("silver/daily", wider)
    with pytest.raises(TargetMismatch, match=r"'first' .bigint. is missing"):
        raise project.build().error or AssertionError
    assert project.built("daily", reset=True) == {"silver.daily": ["2024-05-31", "2024-06-01", "2024-06-02"]}
    assert project.built() == {"gold.by_currency": [""], "gold.monthly": ["2024-05", "2024-06"]}
    assert sorted(row["first"] for row in project.query("silver.daily")) == [1, 2, 3]


def test_moments_are_cut_into_days_of_utc(database_url: str, tmp_path: Path) -> None:
    by_month = """/*---
key = ["month"]
partition = { column = "month", grain = "month" }
[columns]
month = "date"
sales = "int"
---*/
SELECT DATE_TRUNC('month', at)::date AS month, COUNT(*) AS sales FROM bronze.sales GROUP BY 1
"""
    columns = [{"name": "id", "type": "bigint"}, {"name": "at", "type": "timestamp(%Y-%m-%d %H:%M, Europe/Berlin)"}]
    project = ModelsProject(
        database_url, tmp_path, {"by_month": by_month}, columns=columns, partition={"column": "at", "grain": "month"}
    )
    project.load_text("first.csv", "id,at\n1,2024-06-01 00:30\n2,2024-06-01 02:30\n3,2024-07-01 01:59\n")
    assert project.built() == {"by_month": ["2024-05", "2024-06"]}
    assert project.contents("by_month") == [("2024-05-01", "1"), ("2024-06-01", "2")]
