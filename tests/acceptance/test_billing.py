"""examples/billing: revenue in USD at each day's rate; a late bill and a corrected rate rebuild their month alone."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.example_project import ExampleProject

MEASURES = ("bill_count", "revenue", "revenue_usd")
DAILY, MONTHLY = "gold.revenue_daily", "gold.revenue_monthly"


def monthly(project: ExampleProject) -> dict[str, dict[str, Decimal]]:
    """What gold.revenue_monthly says, spelled as the generator's truth is."""
    rows = project.rows(MONTHLY, "month", "currency", "product", *MEASURES)
    return {" ".join(row[:3]): dict(zip(MEASURES, (Decimal(str(v)) for v in row[3:]), strict=True)) for row in rows}


def expected(revenue: dict[str, Any]) -> dict[str, Any]:
    return {key: {measure: Decimal(row[measure]) for measure in MEASURES} for key, row in revenue.items()}


def days(first: str, count: int) -> list[str]:
    return [str(date.fromisoformat(first) + timedelta(days=n)) for n in range(count)]


@pytest.mark.also_on("mysql")
def test_a_late_bill_and_a_corrected_rate_rebuild_their_month(shared_url: str, tmp_path: Path) -> None:
    made = {"bills": 4, "months": 2, "days": 7}
    project = ExampleProject("billing", tmp_path / "billing", shared_url, made)
    truth, late, corrected = project.truth, project.truth["late"], project.truth["corrected"]
    fetch = ("fx", "fetch", "--from", truth["first_rate_day"], "--to", truth["last_day"])
    project.run("load", "usage")
    project.run(*fetch)
    project.build()
    assert monthly(project) == expected(truth["at_first"])
    used = {(str(day), str(of)) for day, of in project.rows("silver.usage_usd", "date", "rate_date")}
    assert {("2024-01-04", "2024-01-04"), ("2024-01-05", "2024-01-05"), ("2024-01-07", "2024-01-05")} <= used

    project.run("load", "usage", "late/usage.csv")
    assert project.wanted() == {"silver.usage_usd": [late["day"]]}
    built = {model: each["partitions"] for model, each in project.build().items()}
    assert built == {"silver.usage_usd": [late["day"]], DAILY: [late["day"]], MONTHLY: [late["month"]]}
    assert monthly(project) == expected(truth["after_late_bill"])

    shutil.copy(project.directory / "late" / "rates.csv", project.directory / "rates.csv")
    project.run(*fetch)
    may_use_it = days(corrected["day"], 8)  # a rate is looked back for by seven days, whether there are bills or not
    assert project.wanted() == {"silver.usage_usd": may_use_it}
    built = {model: each["partitions"] for model, each in project.build().items()}
    assert built == {"silver.usage_usd": may_use_it, DAILY: corrected["days_used"], MONTHLY: [corrected["month"]]}
    assert monthly(project) == expected(truth["after_correction"])
    assert project.build() == {}
