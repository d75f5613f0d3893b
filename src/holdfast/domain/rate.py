"""Exchange rates as values: a quote as a provider delivered it, and what it says in USD. Exact, never a float.

A quote is a price: one unit of `base` costs `value` units of `quote`. All of it is kept as text that is a decimal
number; arithmetic is on Decimal and Fraction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction

USD = "USD"
RATE_MIN, RATE_MAX = Decimal("1e-12"), Decimal("1e12")
RAW_LENGTH_MAX = 64
FRACTION_DIGITS_MAX = 18  # what the store's NUMERIC column takes
TO_USD_DIGITS = 24  # decimals of rate_to_usd: as many as leave room for multiplying by money in 38 digits
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Quote:
    """One unit of `base` costs `raw` of `quote` on that day. `as_of`: the provider's own moment, where it tells one."""

    base: str
    quote: str
    rate_date: date
    raw: str
    as_of: datetime | None = None
    is_final: bool = True  # False: the day was not over; the provider may still say another rate for it

    @property
    def pair(self) -> Pair:
        return self.base, self.quote

    @property
    def value(self) -> Decimal:
        return rate_of(self.raw)


@dataclass(frozen=True, slots=True)
class UsdRate:
    """`currency_amount` of a currency is worth `usd_amount` USD: both exactly as quoted, so their fraction is exact."""

    usd_amount: Decimal
    currency_amount: Decimal

    @classmethod
    def one(cls) -> UsdRate:
        """That of the dollar."""
        return cls(Decimal(1), Decimal(1))

    @property
    def exact(self) -> Fraction:
        """USD for one unit of the currency."""
        return Fraction(self.usd_amount) / Fraction(self.currency_amount)

    @property
    def to_usd(self) -> Decimal:
        """USD for one unit, to TO_USD_DIGITS decimals."""
        scaled = self.exact * 10**TO_USD_DIGITS
        return Decimal(f"{round(scaled)}e-{TO_USD_DIGITS}")  # from text: no context can round it


def rate_of(raw: str) -> Decimal:
    """The number a delivered text is. Raises ValueError that says what a rate must be."""
    if len(raw) > RAW_LENGTH_MAX or not _NUMBER.fullmatch(raw):
        raise ValueError(f"{raw[:RAW_LENGTH_MAX]!r} is not a positive decimal number")
    try:
        value = Decimal(raw)
    except InvalidOperation:  # an exponent beyond Decimal's own
        value = Decimal(0)
    if not RATE_MIN <= value <= RATE_MAX:
        raise ValueError(f"{raw!r} is no plausible rate: it must lie between {RATE_MIN:f} and {RATE_MAX:f}")
    if (digits := _decimals(value)) > FRACTION_DIGITS_MAX:
        raise ValueError(f"{raw!r} has {digits} decimals; at most {FRACTION_DIGITS_MAX} can be kept exactly")
    return value


def _decimals(value: Decimal) -> int:
    """How many are needed. Not by `normalize`, which would round to the context's digits first."""
    _, digits, exponent = value.as_tuple()
    zeros = next((i for i, digit in enumerate(reversed(digits)) if digit), 0)
    return -(int(exponent) + zeros)


def is_currency(code: str) -> bool:
    return re.fullmatch("[A-Z]{3}", code) is not None


def usd_rates(quotes: Iterable[Quote]) -> Mapping[str, UsdRate]:
    """What one day's quotes of one provider say in USD, by currency.

    A quote against USD says it directly. Quotes against another base are crossed: with USD and ILS both quoted for
    one EUR, that many ILS are worth that many USD.
    """
    prices = {quote.pair: quote.value for quote in quotes}
    found: dict[str, UsdRate] = {USD: UsdRate.one()} if prices else {}
    for (base, quote), value in prices.items():
        in_usd = prices.get((base, USD))
        if USD not in (base, quote) and in_usd is not None:
            found[quote] = UsdRate(in_usd, value)
    for (base, quote), value in prices.items():
        if base == USD and quote != USD:
            found[quote] = UsdRate(Decimal(1), value)
        elif quote == USD and base != USD:
            found[base] = UsdRate(value, Decimal(1))
    return found
