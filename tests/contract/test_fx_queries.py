"""The queries of the page about exchange rates, on every engine: right to the cent, and honest about gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from holdfast.fx.gaps import last_known, rate_on
from holdfast.fx.moments import as_day
from holdfast.ports.database import Database
from tests.support.http_server import HttpServer, Reply
from tests.support.rates_project import RatesProject
from tests.support.rates_server import ECB, ecb_csv, zipped
from tests.unit.docs.pages import blocks, text_of

PAGE = "docs/sources/exchange-rates.md"
ROWS = {
    "2024-01-03": ("1.0919", "156.16", "0.86205", "3.9869"),
    "2024-01-04": ("1.0953", "158.16", "0.86278", "3.9973"),
    "2024-01-05": ("1.0921", "158.43", "0.86191", "3.9913"),
    "2024-01-09": ("1.0940", "157.68", "0.86045", "4.0727"),
}
ENGINE_WORDS = {"sqlite": "SQLite", "postgres": "PostgreSQL", "duckdb": "DuckDB", "mysql": "MariaDB, MySQL"}


@pytest.fixture
def fx(database: Database) -> Iterator[RatesProject]:
    """Usage of nine days, in four currencies; rates of four of them."""
    with HttpServer() as server:
        server.play(ECB, Reply(body=zipped(ecb_csv(ROWS))))
        project = RatesProject(database, server)
        project.configure(provider="ecb")
        project.fetched("2024-01-01", "2024-01-09", "ILS,GBP")
        yield project


def use(fx: RatesProject, currency: str, days: range) -> dict[tuple[date, str], Decimal]:
    """Rows of usage; returns what they charge. Amounts as large and as odd as money gets."""
    rows = [
        {
            "bill_id": day * 10 + len(currency),
            "date": date(2024, 1, day),
            "currency": currency,
            "product1_revenue": amount,
        }
        for day, amount in ((day, f"{day * 123456789}.{day}7") for day in days)
    ]
    with fx.database.transaction() as tx:
        tx.execute(
            "CREATE TABLE IF NOT EXISTS usage_data"
            " (bill_id BIGINT, date DATE, currency VARCHAR(3), product1_revenue DECIMAL(15,2))"
        )
        tx.insert_many("usage_data", rows)
    return {(row["date"], currency): Decimal(row["product1_revenue"]) for row in rows}  # type: ignore[misc, arg-type]


def usd_of(fx: RatesProject, charged: dict[tuple[date, str], Decimal], days_max: int = 0) -> Fraction:
    """The sum in USD, by fractions."""
    with fx.database.reading() as tx:
        return sum(
            (
                Fraction(amount) * rate_on(tx, currency, day, last_known(days_max)).rate.exact
                for (day, currency), amount in charged.items()
            ),
            Fraction(0),
        )


def cents(value: Fraction) -> Decimal:
    return Decimal(round(value * 100)).scaleb(-2)


def test_sums_in_usd_are_right_to_the_cent(fx: RatesProject) -> None:
    charged = {currency: use(fx, currency, range(3, 6)) for currency in ("ILS", "GBP", "USD")}
    lacking = use(fx, "JPY", range(3, 4))
    assert lacking
    rows = fx.query(blocks(PAGE, "sql")[0].strip().rstrip(";"))
    found = {row["currency"]: row for row in rows}
    for currency, rows_charged in charged.items():
        told = Decimal(str(found[currency]["product1_usd"])).quantize(Decimal("0.01"))
        assert told == cents(usd_of(fx, rows_charged)), currency
        assert found[currency]["usage_rows"] == found[currency]["rows_with_rate"] == 3
    assert (found["JPY"]["rows_with_rate"], found["JPY"]["product1_usd"]) == (0, None)


def test_the_last_known_rate_is_taken_if_it_is_young_enough(fx: RatesProject) -> None:
    charged = use(fx, "ILS", range(2, 10))
    rows = fx.query(_last_known_query(fx))
    used = {as_day(row["date"]).day: row["rate_date_used"] and as_day(row["rate_date_used"]).day for row in rows}
    assert used == {2: None, 3: 3, 4: 4, 5: 5, 6: 5, 7: 5, 8: 5, 9: 9}
    total = sum(Decimal(str(row["product1_usd"])) for row in rows if row["product1_usd"] is not None)
    del charged[date(2024, 1, 2), "ILS"]
    assert total.quantize(Decimal("0.01")) == cents(usd_of(fx, charged, 4))
    two_days = fx.query(_last_known_query(fx).replace("4", "2", 1))
    assert {as_day(row["date"]).day for row in two_days if row["rate_date_used"] is None} == {2, 8}


def _last_known_query(fx: RatesProject) -> str:
    """As the page has it, with this engine's way of saying `four days before`."""
    ways: dict[str, Any] = dict(re.findall(r"^\| ([\w, ]+) \| `(.*?)` \|$", text_of(PAGE), re.MULTILINE))
    query = blocks(PAGE, "sql")[1].strip().rstrip(";")
    assert ways["SQLite"] in query
    return query.replace(ways["SQLite"], ways[ENGINE_WORDS[fx.database.engine_name]])


def test_the_python_of_the_page(fx: RatesProject, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks(PAGE, "python")
    exec(example.replace("date(2024, 1, 3)", "date(2024, 1, 7)"), {"project": fx})
    assert capsys.readouterr().out.splitlines()[-1] == "2024-01-05 10921/39913"
