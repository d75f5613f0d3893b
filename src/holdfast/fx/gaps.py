"""What to do on a day without a rate: say so (`error`), or take the last known one, not older than so many days.

Never interpolated: a rate between two others was nobody's price. The day whose rate was used is part of the answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from holdfast.domain.errors import RateMissing
from holdfast.domain.rate import USD, UsdRate, usd_rates
from holdfast.fx.moments import ONE_DAY, as_day
from holdfast.fx.store import quotes_by_day
from holdfast.ports.database import Transaction


@dataclass(frozen=True, slots=True)
class GapPolicy:
    """`days_max`: how many days older than the asked one a rate may be; 0: not at all."""

    days_max: int = 0

    def __post_init__(self) -> None:
        if self.days_max < 0:
            raise ValueError(f"a rate cannot be at most {self.days_max} days old")

    def day_used(self, day: date, days_known: Sequence[date]) -> date | None:
        """Which of the known days (in order) gives its rate to `day`; None: none may."""
        place = bisect_right(days_known, day)
        if place and (day - days_known[place - 1]).days <= self.days_max:
            return days_known[place - 1]
        return None


ERROR = GapPolicy()


def last_known(max_days: int) -> GapPolicy:
    return GapPolicy(max_days)


@dataclass(frozen=True, slots=True)
class RateUsed:
    """The rate, and the day it is of. `is_final`: it can no longer become another one without being corrected."""

    rate_date: date
    rate: UsdRate
    provider: str
    is_final: bool


def rate_on(
    tx: Transaction, currency: str, day: date, policy: GapPolicy = ERROR, *, table: str = "fx_rates"
) -> RateUsed:
    """The rate of a currency on a day, exactly, from the quotes as delivered. Raises RateMissing."""
    rows = tx.query(
        f"SELECT rate_date, provider, is_final FROM {table} WHERE currency = :currency"  # noqa: S608 - a plain name
        " AND rate_date <= :day AND rate_date >= :earliest ORDER BY rate_date DESC LIMIT 1",
        {"currency": currency, "day": day, "earliest": day - ONE_DAY * policy.days_max},
    )
    if not rows:
        if currency == USD:
            return RateUsed(day, UsdRate.one(), "", is_final=True)
        within = f", nor for the {policy.days_max} days before" if policy.days_max else ""
        raise RateMissing(
            f"there is no rate of {currency} for {day}{within}",
            hint=f"holdfast fx fetch --date {day} --currencies {currency}; or allow an older one: last_known(max_days)",
        )
    used, provider = as_day(rows[0]["rate_date"]), rows[0]["provider"]
    rate = usd_rates(quotes_by_day(tx, provider, used, used)[used])[currency]
    return RateUsed(used, rate, provider, bool(rows[0]["is_final"]))
