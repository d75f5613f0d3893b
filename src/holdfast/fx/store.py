"""The store of quotes: what is known of which day, and how a delivery is added to it.

Nothing stored is overwritten. The same rate again adds nothing; another rate for a stored day is a further revision,
and so is the word that a day is final now. `raw` is the truth: on SQLite the numeric column holds 15 digits exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from holdfast.domain.rate import Pair, Quote
from holdfast.fx.moments import as_day, as_moment
from holdfast.ports.database import Row, Transaction
from holdfast.ports.rates import Delivery, NoData, RateProvider


@dataclass(frozen=True, slots=True)
class Correction:
    """A rate that differs from the one stored before. `was_final`: the old one was not a preliminary one."""

    before: Quote
    after: Quote
    revision: int
    was_final: bool

    def __str__(self) -> str:
        pair = f"{self.after.base}/{self.after.quote}"
        kind = "corrected" if self.was_final else "updated"
        return f"{kind}: {self.after.rate_date} {pair} {self.before.raw} → {self.after.raw} (revision {self.revision})"


@dataclass(slots=True)
class Stored:
    """What a delivery was to the store, in quotes. `days` are those whose rates may be other ones now."""

    new: int = 0
    unchanged: int = 0
    confirmed: int = 0  # the same rate, and the day is final now
    corrections: list[Correction] = field(default_factory=list)
    no_data: list[NoData] = field(default_factory=list)
    days: set[date] = field(default_factory=set)

    def add(self, other: Stored) -> None:
        self.new += other.new
        self.unchanged += other.unchanged
        self.confirmed += other.confirmed
        self.corrections += other.corrections
        self.no_data += other.no_data
        self.days |= other.days


@dataclass(frozen=True, slots=True)
class Known:
    """A stored quote and the number of its revision."""

    quote: Quote
    revision: int


def latest_quotes(tx: Transaction, provider: str, first: date, last: date) -> dict[tuple[date, Pair], Known]:
    """The newest revision of every quote of these days."""
    rows = tx.run("fx_quotes_latest", provider=provider, first_day=first, last_day=last).rows
    known = (Known(_quote(row), row["revision"]) for row in rows)
    return {(found.quote.rate_date, found.quote.pair): found for found in known}


def quotes_by_day(tx: Transaction, provider: str, first: date, last: date) -> dict[date, list[Quote]]:
    days: dict[date, list[Quote]] = defaultdict(list)
    for (day, _), known in latest_quotes(tx, provider, first, last).items():
        days[day].append(known.quote)
    return days


def _quote(row: Row) -> Quote:
    return Quote(
        base=row["base"],
        quote=row["quote"],
        rate_date=as_day(row["rate_date"]),
        raw=row["raw"],
        as_of=None if row["as_of"] is None else as_moment(row["as_of"]),
        is_final=bool(row["is_final"]),
    )


def missing_days(
    tx: Transaction, provider: RateProvider, currencies: Sequence[str], days: Sequence[date]
) -> list[date]:
    """The days for which some currency has neither a final rate nor a final word that there is none."""
    if not days:
        return []
    known = latest_quotes(tx, provider.name, days[0], days[-1])
    final = {key for key, found in known.items() if found.quote.is_final}
    rows = tx.run("fx_no_data_days", provider=provider.name, first_day=days[0], last_day=days[-1]).rows
    without = {(as_day(row["rate_date"]), row["currency"]) for row in rows if row["is_final"]}

    def is_known(day: date, currency: str) -> bool:
        return (day, currency) in without or all((day, pair) in final for pair in provider.pairs(currency))

    return [day for day in days if not all(is_known(day, currency) for currency in currencies)]


def add_delivery(tx: Transaction, provider: str, delivery: Delivery, run_id: str) -> Stored:
    """Add what is new. The caller holds the provider's lease under lock, so nobody else adds meanwhile."""
    stored, rows = Stored(), []
    if delivery.quotes:
        days = [quote.rate_date for quote in delivery.quotes]
        known = latest_quotes(tx, provider, min(days), max(days))
        for quote in delivery.quotes:
            before = known.get((quote.rate_date, quote.pair))
            if _judge(stored, before, quote):
                revision = before.revision + 1 if before else 1
                rows.append(_row(provider, quote, revision, run_id))
                stored.days.add(quote.rate_date)
        tx.run_many("fx_quote_add", rows)
    _note_no_data(tx, provider, delivery, run_id)
    stored.no_data = list(delivery.no_data)
    return stored


def _judge(stored: Stored, before: Known | None, quote: Quote) -> bool:
    """Count what the quote is to the store; does it make a revision?"""
    if before is None:
        stored.new += 1
    elif before.quote.value != quote.value:
        stored.corrections.append(Correction(before.quote, quote, before.revision + 1, before.quote.is_final))
    elif quote.is_final and not before.quote.is_final:
        stored.confirmed += 1
    else:
        stored.unchanged += 1
        return False
    return True


def _row(provider: str, quote: Quote, revision: int, run_id: str) -> dict[str, Any]:
    return {
        "provider": provider,
        "base": quote.base,
        "quote": quote.quote,
        "rate_date": quote.rate_date,
        "revision": revision,
        "rate": format(quote.value, "f"),
        "raw": quote.raw,
        "as_of": quote.as_of,
        "is_final": quote.is_final,
        "run_id": run_id,
    }


def _note_no_data(tx: Transaction, provider: str, delivery: Delivery, run_id: str) -> None:
    """Note the days without a rate anew; a rate that came after all ends the note."""
    noted = {(none.rate_date, none.currency): none for none in delivery.no_data}
    days = [quote.rate_date for quote in delivery.quotes] + [day for day, _ in noted]
    if not days:
        return
    came = {(quote.rate_date, code) for quote in delivery.quotes for code in quote.pair}
    rows = tx.run("fx_no_data_days", provider=provider, first_day=min(days), last_day=max(days)).rows
    there = {(as_day(row["rate_date"]), row["currency"]) for row in rows}
    tx.run_many("fx_no_data_clear", [_day_row(provider, *key) for key in sorted(there & (came | noted.keys()))])
    tx.run_many(
        "fx_no_data_add",
        [
            {**_day_row(provider, *key), "is_final": none.is_final, "run_id": run_id}
            for key, none in sorted(noted.items())
        ],
    )


def _day_row(provider: str, day: date, currency: str) -> dict[str, Any]:
    return {"provider": provider, "rate_date": day, "currency": currency}
