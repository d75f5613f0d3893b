"""Rates as values: exact, checked, and in USD by fractions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.rate import Quote, rate_of, usd_rates

DAY = date(2024, 1, 5)


@pytest.mark.parametrize("raw", ["3.6", "4", "0.000012", "1e-5", "1.5E+3", "999999999999"])
def test_what_is_a_rate(raw: str) -> None:
    assert rate_of(raw) == Decimal(raw)


NO_RATES = ["", "0", "0.0", "-1", "+1", "NaN", "inf", "1e999999999999", "1e13", "1e-13", "1_0", " 1", "1,5", "٣"]


@pytest.mark.parametrize("raw", [*NO_RATES, "1." + "1" * 70, "1.1234567890123456789", "1." + "0" * 40 + "1"])
def test_what_is_none(raw: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        rate_of(raw)


def test_a_quote_against_usd_is_turned_round_exactly() -> None:
    rate = usd_rates([Quote("USD", "ILS", DAY, "3.6")])["ILS"]
    assert rate.exact == Fraction(10, 36)
    assert rate.to_usd == Decimal("0.277777777777777777777778")
    assert (rate.usd_amount, rate.currency_amount) == (1, Decimal("3.6"))


def test_quotes_against_another_base_are_crossed_exactly() -> None:
    rates = usd_rates([Quote("EUR", "USD", DAY, "1.0921"), Quote("EUR", "ILS", DAY, "3.9913")])
    assert rates["ILS"].exact == Fraction(10921, 39913)
    assert rates["EUR"].exact == Fraction(10921, 10000)
    assert rates["USD"].exact == 1


def test_without_usd_nothing_can_be_crossed() -> None:
    assert set(usd_rates([Quote("EUR", "ILS", DAY, "3.9913")])) == {"USD"}
    assert usd_rates([]) == {}


@given(st.decimals("0.000001", "1000000", places=6))
def test_rate_to_usd_is_the_fraction_to_24_decimals(value: Decimal) -> None:
    rate = usd_rates([Quote("USD", "XXX", DAY, format(value, "f"))])["XXX"]
    assert abs(Fraction(rate.to_usd) - 1 / Fraction(value)) <= Fraction(1, 2 * 10**24)
