"""The table that queries and models join: one rate a day and currency, of one provider.

It is written in the transaction that stores the quotes it is made from, so it never says anything else than the store.
The fraction `usd_amount / currency_amount` is exact, as quoted; `rate_to_usd` is that fraction to 24 decimals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from holdfast.domain.errors import ConfigError
from holdfast.domain.rate import FRACTION_DIGITS_MAX, TO_USD_DIGITS, Quote, usd_rates
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.fx.lease import TABLE_LOCK
from holdfast.fx.moments import as_day
from holdfast.fx.store import quotes_by_day
from holdfast.ports.database import Database, Transaction
from holdfast.touches import Touched, add_touches

KEY = ("rate_date", "currency")
_TYPES = {
    "rate_date": "date",
    "currency": "string(3)",
    "rate_to_usd": f"decimal(38,{TO_USD_DIGITS})",
    "usd_amount": f"decimal(38,{FRACTION_DIGITS_MAX})",
    "currency_amount": f"decimal(38,{FRACTION_DIGITS_MAX})",
    "is_final": "bool",
    "provider": "string(32)",
}


class RatesTable:
    """The reading table. `shown`: the provider it is to show; None: the one it shows already, or else the first."""

    def __init__(self, name: str, shown: str | None) -> None:
        self.name = name
        self._shown = shown

    def prepare(self, database: Database) -> None:
        """Make it, where there is none. Raises ConfigError for a table of that name that is not this one."""
        with database.transaction() as tx:
            found = tx.reflect(self.name)
            if found is None:
                tx.create_table(_definition(self.name))
                return
        names, expected = {column.name for column in found.columns}, set(_TYPES)
        if names != expected or set(found.primary_key) != set(KEY):
            raise ConfigError(
                f"there is a table {self.name} that Holdfast did not make: it has columns {', '.join(sorted(names))} "
                f"and the key ({', '.join(found.primary_key)}); expected {', '.join(_TYPES)} and the key (rate_date, "
                "currency); nothing was asked or changed",
                hint='rename that table, or name another one in holdfast.toml: [fx] table = "my_rates"',
            )

    def publish(self, tx: Transaction, provider: str, days: Iterable[date], run_id: str) -> bool:
        """Bring these days up to date, and all of them where the table was empty; False: it shows another provider."""
        tx.run("fx_lease_lock", lease_name=TABLE_LOCK)
        there = [row["provider"] for row in tx.query(f"SELECT provider FROM {self._quoted} LIMIT 1")]  # noqa: S608
        shown = self._shown or (there[0] if there else provider)
        if shown != provider:
            return False
        if there != [provider]:
            self._clear(tx, run_id)
            days = _all_days(tx, provider)
        self._write(tx, provider, sorted(days), run_id)
        return True

    def _clear(self, tx: Transaction, run_id: str) -> None:
        days = tx.query(f"SELECT rate_date, COUNT(*) AS n FROM {self._quoted} GROUP BY rate_date")  # noqa: S608
        tx.execute(f"DELETE FROM {self._quoted}")  # noqa: S608
        gone = {as_day(row["rate_date"]).isoformat(): Touched(removed=row["n"]) for row in days}
        add_touches(tx, self.name, run_id, gone)

    def _write(self, tx: Transaction, provider: str, days: list[date], run_id: str) -> None:
        """`days` have rates, or words about them, that the table does not have yet."""
        if not days:
            return
        quotes = quotes_by_day(tx, provider, days[0], days[-1])
        rows = {day: _rows(provider, day, quotes.get(day, [])) for day in days}
        before = self._counts(tx, days[0], days[-1])
        tx.upsert(self.name, [row for day in days for row in rows[day]], key=KEY)
        after = self._counts(tx, days[0], days[-1])
        add_touches(tx, self.name, run_id, {d.isoformat(): _touched(len(rows[d]), before[d], after[d]) for d in days})

    def _counts(self, tx: Transaction, first: date, last: date) -> Counter[date]:
        """Rows by day."""
        found = tx.query(
            f"SELECT rate_date, COUNT(*) AS n FROM {self._quoted}"  # noqa: S608
            " WHERE rate_date >= :first AND rate_date <= :last GROUP BY rate_date",
            {"first": first, "last": last},
        )
        return Counter({as_day(row["rate_date"]): int(row["n"]) for row in found})

    @property
    def _quoted(self) -> str:
        return self.name  # a plain name, checked where it is configured


def _touched(written: int, before: int, after: int) -> Touched:
    """Of the rows that were written to a day, those that came and those that were there."""
    return Touched(inserted=after - before, updated=written - (after - before))


def _definition(name: str) -> TableDefinition:
    columns = (ColumnDefinition(column, parse_type(text), nullable=False) for column, text in _TYPES.items())
    return TableDefinition(name, tuple(columns), KEY)


def _rows(provider: str, day: date, quotes: list[Quote]) -> list[dict[str, Any]]:
    """Numbers as text: engines read all of their digits from it, or as many as they hold."""
    is_final = all(quote.is_final for quote in quotes)
    return [
        {
            "rate_date": day,
            "currency": currency,
            "rate_to_usd": format(rate.to_usd, "f"),
            "usd_amount": format(rate.usd_amount, "f"),
            "currency_amount": format(rate.currency_amount, "f"),
            "is_final": is_final,
            "provider": provider,
        }
        for currency, rate in usd_rates(quotes).items()
    ]


def _all_days(tx: Transaction, provider: str) -> list[date]:
    span = tx.run("fx_quotes_span", provider=provider).rows[0]
    if span["first_day"] is None:
        return []
    return sorted(quotes_by_day(tx, provider, as_day(span["first_day"]), as_day(span["last_day"])))
