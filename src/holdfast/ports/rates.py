"""What Holdfast asks of a provider of exchange rates. Adding one is one module in `fx/` and a line in the wiring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from holdfast.domain.rate import Pair, Quote

BeforeCall = Callable[[], None]


@dataclass(frozen=True, slots=True)
class NoData:
    """The provider has no rate of this currency for this day. Not final: it may still get one, ask again later."""

    rate_date: date
    currency: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class RateRequest:
    """The days from `first` to `last`. `today` is the database's date (UTC); `is_live`: the rates of this moment."""

    first: date
    last: date
    currencies: Sequence[str]
    today: date
    is_live: bool = False

    @property
    def is_one_day(self) -> bool:
        return self.first == self.last


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a provider answered; only days and currencies that were asked for, each quote once."""

    quotes: Sequence[Quote]
    no_data: Sequence[NoData] = ()


class RangeRefused(Exception):
    """The plan has no call for several days at once: ask for one day a call."""


class RateProvider(Protocol):
    @property
    def name(self) -> str:
        """As the store keeps it."""
        ...

    @property
    def first_day(self) -> date:
        """Before it there are no rates."""
        ...

    @property
    def days_per_call(self) -> int: ...

    @property
    def is_free(self) -> bool:
        """Does asking cost nothing? Then known days are asked for too, and corrections are found by themselves."""
        ...

    @property
    def has_live(self) -> bool: ...

    def pairs(self, currency: str) -> Sequence[Pair]:
        """The quotes that together say what a currency is in USD."""
        ...

    def ask(self, request: RateRequest, before_call: BeforeCall) -> Delivery:
        """Ask once; `before_call` runs before each call that may be counted, and may raise to forbid it.

        Raises RangeRefused, or a HoldfastError: SourceUnavailable is worth another try, others are not.
        """
        ...
