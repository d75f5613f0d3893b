"""Partitions as days: keys ('2024-06-24', '2024-06', '2024', '' for the whole table) to spans of days, and back.

Pure. A span is inclusive at both ends, because the last day there is (9999-12-31) has no day after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from holdfast.domain.errors import UsageError

WHOLE = ""
_KEY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class Grain(StrEnum):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


_KEY_CHARS = {Grain.DAY: 10, Grain.MONTH: 7, Grain.YEAR: 4}


@dataclass(frozen=True, slots=True)
class Days:
    """From `first` to `last`, both of them days of the span."""

    first: date
    last: date

    @property
    def end(self) -> date | None:
        """The day after the last; None: there is none."""
        return None if self.last == date.max else self.last + timedelta(days=1)

    def overlaps(self, other: Days) -> bool:
        return self.first <= other.last and other.first <= self.last

    def reaching_back(self, days: int) -> Days:
        return Days(_shifted(self.first, -days), self.last)

    def reaching_on(self, days: int) -> Days:
        return Days(self.first, _shifted(self.last, days))


def _shifted(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def key_of(day: date, grain: Grain) -> str:
    return day.isoformat()[: _KEY_CHARS[grain]]


def days_of(key: str) -> Days | None:
    """The days of a partition; None for '', the whole table. Raises UsageError for what is no key."""
    if key == WHOLE:
        return None
    found = _KEY.fullmatch(key)
    try:
        if not found:
            raise ValueError(key)
        year, month, day = (int(part) if part else None for part in found.groups())
        first = date(year or 0, 1 if month is None else month, 1 if day is None else day)
    except ValueError as error:
        raise UsageError(
            f"partition {key!r} is none: expected a day (2024-06-24), a month (2024-06) or a year (2024);"
            " nothing was built"
        ) from error
    if day:
        return Days(first, first)
    if month == 12 or not month:
        return Days(first, date(first.year, 12, 31))
    return Days(first, date(first.year, month + 1, 1) - timedelta(days=1))


def keys_within(days: Days, grain: Grain) -> Iterator[str]:
    """Every partition of this grain that has a day of the span, in order."""
    day: date | None = days.first
    while day is not None and day <= days.last:
        key = key_of(day, grain)
        yield key
        span = days_of(key)
        day = span.end if span else None


@dataclass(frozen=True, slots=True)
class Window:
    """Which partitions of an input something depends on, as texts that a database can compare.

    A key belongs to it when it lies between `first` and `last` (days, inclusive), or is one of `around`: the coarser
    keys that hold the first day, and '' (a change of which no more is known than that it is somewhere). Keys are
    compared as text: '2024-07' comes after '2024-06-30' and before '2024-07-01'.
    """

    first: str
    last: str
    around: tuple[str, str, str]

    def has(self, key: str) -> bool:
        return self.first <= key <= self.last or key in self.around


def window(days: Days) -> Window:
    first = days.first.isoformat()
    return Window(
        first, days.last.isoformat(), (key_of(days.first, Grain.MONTH), key_of(days.first, Grain.YEAR), WHOLE)
    )


EVERYTHING = Window(WHOLE, "9999-12-31", (WHOLE, WHOLE, WHOLE))


def concerned(touched: str, grain: Grain, lookback_days: int) -> Iterator[str]:
    """The output partitions (of `grain`) whose rebuild sees a row of the touched input partition.

    Nothing for '': every partition is concerned then, and which ones there are the key does not say.
    """
    days = days_of(touched)
    if days:
        yield from keys_within(days.reaching_on(lookback_days), grain)
