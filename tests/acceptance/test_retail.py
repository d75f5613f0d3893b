"""examples/retail: loaded, built, a late day; every figure against the generator's truth, and nothing built in vain."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.example_project import ExampleProject

MEASURES = ("line_count", "quantity", "revenue", "credited")
TABLES = {
    "monthly": ("gold.fact_sales_monthly", ("month",)),
    "products": ("gold.fact_product_performance", ("month", "stock_code")),
    "countries": ("gold.fact_country_sales", ("month", "country")),
}


def figures(project: ExampleProject) -> dict[str, dict[str, dict[str, Decimal]]]:
    """What the gold tables say, spelled as the generator's truth is."""
    found: dict[str, dict[str, dict[str, Decimal]]] = {}
    for name, (table, key) in TABLES.items():
        rows = project.rows(table, *key, *MEASURES)
        found[name] = {
            " ".join(row[: len(key)]): dict(zip(MEASURES, (Decimal(str(v)) for v in row[len(key) :]), strict=True))
            for row in rows
        }
    return found


def expected(figures_made: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: {measure: Decimal(row[measure]) for measure in MEASURES} for key, row in rows.items()}
        for name, rows in figures_made.items()
    }


@pytest.mark.also_on("mysql")
def test_a_late_day_rebuilds_its_month_and_changes_what_it_sold(shared_url: str, tmp_path: Path) -> None:
    project = ExampleProject("retail", tmp_path / "retail", shared_url, {"rows": 300, "months": 3, "days": 3})
    truth, late = project.truth, project.truth["late"]
    assert min(truth[f"{what}"] for what in ("duplicate_rows", "credit_note_rows", "rows_with_three_decimals")) > 0
    loaded = project.run("load", "transactions")["datasets"][0]
    assert loaded["inserted"] == truth["rows"]
    assert len(project.build()["silver.fact_sales_daily"]["partitions"]) == 9
    assert figures(project) == expected(truth["before"])

    project.run("load", "transactions", "late/late.csv")
    assert project.wanted()["silver.fact_sales_daily"] == [late["day"]]
    built = project.build()
    assert {model: each["partitions"] for model, each in built.items()} == {
        "silver.fact_sales_daily": [late["day"]],
        **{table: [late["month"]] for table, _ in TABLES.values()},
    }
    assert {model: each["changed"] for model, each in built.items() if model.startswith("gold.")} == {
        "gold.fact_sales_monthly": 1,
        "gold.fact_product_performance": len(late["products"]),
        "gold.fact_country_sales": len(late["countries"]),
    }
    assert figures(project) == expected(truth["after"])
    assert project.build() == {}
