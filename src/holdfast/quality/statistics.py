"""Median and median absolute deviation: what is usual, told by numbers that a few wild ones do not move."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

SCALE = Decimal("1.4826")  # a median deviation times this is a standard deviation, where values are normally spread
LEAST_SHARE = Decimal("0.01")  # values that were all alike still allow for a hundredth of the median


@dataclass(frozen=True, slots=True)
class Usual:
    """What values usually are: between `low` and `high`."""

    median: Decimal
    low: Decimal
    high: Decimal

    def __str__(self) -> str:
        digits = max(0, 2 - self.median.adjusted()) if 0 < abs(self.median) < 1 else 0
        low, high, median = (f"{value:,.{digits}f}" for value in (self.low, self.high, self.median))
        return f"between {low} and {high} (median {median})"


def usual(values: Sequence[Decimal], mads_max: Decimal) -> Usual:
    """The span of what is usual: `mads_max` scaled median deviations around the median."""
    median = statistics.median(values)
    mad = statistics.median([abs(value - median) for value in values])
    reach = mads_max * max(mad * SCALE, abs(median) * LEAST_SHARE)
    return Usual(median, median - reach, median + reach)
