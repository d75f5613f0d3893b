"""Partitions as stretches of days, and what is usual."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from holdfast.domain.table import Partition
from holdfast.domain.types import parse_type
from holdfast.quality.slices import RANGES_MAX, days_of, stale_keys, stretches
from holdfast.quality.statistics import usual


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("2024-02-28", date(2024, 2, 28), date(2024, 2, 29)),
        ("2024-02", date(2024, 2, 1), date(2024, 3, 1)),
        ("2024-12", date(2024, 12, 1), date(2025, 1, 1)),
        ("2024", date(2024, 1, 1), date(2025, 1, 1)),
    ],
)
def test_the_days_of_a_partition(key: str, first: date, last: date) -> None:
    assert days_of(key) == (first, last)


def test_neighbours_are_one_stretch_and_many_stretches_are_one() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in (4, 2, 3, 9)]
    assert stretches(map(str, days)) == [(days[1], days[0] + timedelta(1)), (days[3], days[3] + timedelta(1))]
    every_other = [date(2024, 1, 1) + timedelta(days=2 * n) for n in range(RANGES_MAX + 1)]
    assert len(stretches(map(str, every_other[:-1]))) == RANGES_MAX
    assert stretches(map(str, every_other)) == [(every_other[0], every_other[-1] + timedelta(1))]


def test_partitions_that_came_changed_or_lost_their_touches_are_stale() -> None:
    by_year = Partition("day", parse_type("date"), "year")
    now, before = {"2023": "1:5", "2024": "3:9", "2026": "1:2"}, {"2023": "1:5", "2024": "2:7", "2025": "1:1"}
    assert stale_keys(now, before, by_year) == {"2024", "2025", "2026"}
    assert stale_keys({"": "1:5"}, before, by_year) is None, "touched when the table had no partitions: all is read"


def test_what_is_usual_is_not_moved_by_a_few() -> None:
    span = usual([Decimal(n) for n in (100, 102, 98, 101, 99, 100, 9000)], Decimal(5))
    assert (span.median, round(span.low, 3), round(span.high, 3)) == (100, Decimal("92.587"), Decimal("107.413"))
    alike = usual([Decimal(200)] * 4, Decimal(5))
    assert (alike.low, alike.high) == (190, 210), "a hundredth of the median stands in for a deviation of 0"
