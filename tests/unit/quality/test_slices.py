"""Partitions as stretches of days, and what is usual."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from holdfast.domain.table import Partition
from holdfast.domain.types import parse_type
from holdfast.quality.answer import percent
from holdfast.quality.day_rules import gaps
from holdfast.quality.slices import RANGES_MAX, stale_keys, stretches
from holdfast.quality.statistics import usual


def test_neighbours_are_one_stretch_and_many_stretches_are_one() -> None:
    days = [date(2024, 1, 1) + timedelta(days=n) for n in (4, 2, 3, 9)]
    assert stretches(map(str, days)) == [(days[1], days[0] + timedelta(1)), (days[3], days[3] + timedelta(1))]
    every_other = [date(2024, 1, 1) + timedelta(days=2 * n) for n in range(RANGES_MAX + 1)]
    assert len(stretches(map(str, every_other[:-1]))) == RANGES_MAX
    assert stretches(map(str, every_other)) == [(every_other[0], every_other[-1] + timedelta(1))]


def test_the_last_day_there_is_has_none_after_it() -> None:
    """Many write it for `for ever`."""
    assert stretches(["9999-12-31", "9999-12-30"]) == [(date(9999, 12, 30), None)]
    assert stretches(["9999-12", "9999-11"]) == [(date(9999, 11, 1), None)]
    assert stretches(["9999", "2024"]) == [(date(2024, 1, 1), date(2025, 1, 1)), (date(9999, 1, 1), None)]


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


def test_small_numbers_are_told_from_none() -> None:
    assert str(usual([Decimal("0.01")] * 4, Decimal(5))) == "between 0.0095 and 0.0105 (median 0.0100)"
    assert str(usual([Decimal(200)] * 4, Decimal(5))) == "between 190 and 210 (median 200)"
    assert [percent(1, 30_000), percent(1, 3), percent(0, 7), percent(0, 0)] == ["0.0033%", "33.33%", "0.00%", "0.00%"]


def test_days_without_rows_are_counted_not_listed() -> None:
    """One row with the last day there is makes millions of them."""
    monday = date(2024, 1, 1)
    days = {monday + timedelta(days=n): Decimal(1) for n in (0, 1, 4, 13)}
    assert gaps(days, set()) == ([monday + timedelta(days=n) for n in (2, 3, 5, 6, 7)], 10)
    assert gaps(days, {"sat", "sun"}) == ([monday + timedelta(days=n) for n in (2, 3, 7, 8, 9)], 7)
    assert gaps({monday: Decimal(1), date.max: Decimal(1)}, set())[1] == (date.max - monday).days - 1
