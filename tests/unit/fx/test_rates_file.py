"""A file of rates: what its rates mean is said; what is wrong is told by line; nothing of a wrong file is kept."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from holdfast.domain.errors import SourceError
from holdfast.domain.rate import usd_rates
from holdfast.fx.rates_file import Columns, RatesFile
from holdfast.ports.rates import Delivery, RateRequest

DAY = date(2024, 1, 5)
REQUEST = RateRequest(DAY, date(2024, 1, 6), ("ILS", "GBP"), date(2024, 3, 1))


def ask(path: Path, text: str | bytes, *, is_usd_per_unit: bool = False, **columns: str) -> Delivery:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return RatesFile(path, Columns(**columns, is_usd_per_unit=is_usd_per_unit)).ask(REQUEST, lambda: None)


def test_the_two_meanings_of_a_rate(tmp_path: Path) -> None:
    text = "date,currency,rate,by\n2024-01-05,ILS,3.6,me\n2024-01-05,USD,1,me\n2024-01-05,GBP,0.8,me\n"
    delivery = ask(tmp_path / "rates.csv", text)
    assert usd_rates(delivery.quotes)["ILS"].exact == Fraction(10, 36)
    assert [(none.rate_date.day, none.currency, none.is_final) for none in delivery.no_data] == [
        (6, "ILS", False), (6, "GBP", False),
    ]  # fmt: skip
    turned = ask(tmp_path / "rates.csv", text, is_usd_per_unit=True)
    assert usd_rates(turned.quotes)["ILS"].exact == Fraction(36, 10)


def test_columns_may_have_any_name(tmp_path: Path) -> None:
    text = "\ufeffTag,Kurs,Währung\r\n2024-01-05,3.6,ILS\r\n"
    delivery = ask(tmp_path / "kurse.csv", text, date="Tag", currency="Währung", rate="Kurs")
    assert [quote.raw for quote in delivery.quotes] == ["3.6"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no header"),
        ("date,currency\n", "'rate'"),
        ("date,rate,currency,rate\n", "'rate'"),
        ("date,currency,rate\n2024-01-05,ILS,3.6\n2024-02-30,ILS,3.6\n", "line 3"),
        ("date,currency,rate\n20240105,ILS,3.6\n", "line 2"),
        ("date,currency,rate\n2024-W01-5,ILS,3.6\n", "line 2: expected a day"),
        ("date,currency,rate\n2024-01-05,ils,3.6\n", "'ils'"),
        ("date,currency,rate\n2024-01-05,ILS,\n", "line 2"),
        ("date,currency,rate\n2024-01-05,ILS,0\n", "line 2"),
        ("date,currency,rate\n2024-01-05,ILS\n", "fields"),
        ("date,currency,rate\n2024-01-05,ILS,3,6\n", "fields"),
        ("date,currency,rate\n2024-01-05,USD,1.01\n", "one USD"),
        ("date,currency,rate\n2024-01-05,ILS,3.6\n2024-01-05,ILS,3.7\n", "twice"),
        ('date,currency,rate\n2024-01-05,ILS,"3.6\n', "line"),
        (b"date,currency,rate\n2024-01-05,ILS,\xff\n", "UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, text: str | bytes, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        ask(tmp_path / "rates.csv", text)
    assert says in caught.value.message
    assert "rates.csv" in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        RatesFile(tmp_path / "none.csv", Columns(is_usd_per_unit=True)).ask(REQUEST, lambda: None)
