"""Keys to days and back, at the edges of months, years and the calendar; windows agree with the days they stand for."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.domain.errors import UsageError
from holdfast.models.partitions import Days, Grain, concerned, days_of, key_of, keys_within, window

DAYS = st.dates(date(2023, 11, 1), date(2025, 2, 28))
GRAINS = st.sampled_from(Grain)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("2024-06-24", date(2024, 6, 24), date(2024, 6, 24)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2024-12", date(2024, 12, 1), date(2024, 12, 31)),
        ("2023", date(2023, 1, 1), date(2023, 12, 31)),
        ("9999", date(9999, 1, 1), date.max),
    ],
)
def test_days_of_a_key(key: str, first: date, last: date) -> None:
    assert days_of(key) == Days(first, last)


def test_the_whole_table_has_no_days_and_the_last_day_no_end() -> None:
    assert days_of("") is None
    assert Days(date.max, date.max).end is None
    assert list(keys_within(Days(date(9999, 12, 30), date.max), Grain.DAY)) == ["9999-12-30", "9999-12-31"]


@pytest.mark.parametrize(
    "key", ["2024-13", "2024-00", "2024-06-00", "2024-6", "24", "2024-02-30", "june", "0000", "٢٠٢٤"]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="expected a day"):
        days_of(key)


@UNHURRIED
@given(DAYS, GRAINS)
def test_a_day_is_in_its_partition(day: date, grain: Grain) -> None:
    days = days_of(key_of(day, grain))
    assert days is not None
    assert days.first <= day <= days.last


@UNHURRIED
@given(DAYS, GRAINS, DAYS, GRAINS, st.integers(0, 40))
def test_a_window_has_the_touches_whose_days_a_rebuild_sees(
    touched: date, its_grain: Grain, built: date, grain: Grain, lookback: int
) -> None:
    """The window (text, as a database compares it) and `concerned` (days) say the same, whatever the grains."""
    key, output = key_of(touched, its_grain), key_of(built, grain)
    seen, there = days_of(output), days_of(key)
    assert seen is not None
    assert there is not None
    sees = seen.reaching_back(lookback).overlaps(there)
    assert window(seen.reaching_back(lookback)).has(key) == sees
    assert (output in set(concerned(key, grain, lookback))) == sees
