"""Which days and currencies of a loaded table lack a rate: to be looked at before sums in USD are believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from holdfast.domain.errors import UsageError
from holdfast.domain.table import MergeShape
from holdfast.fx.gaps import ERROR, GapPolicy
from holdfast.fx.moments import as_day
from holdfast.ports.database import Transaction


@dataclass(frozen=True, slots=True)
class Usage:
    """A table with a day and a currency in each row."""

    table: str
    date_column: str
    currency_column: str


@dataclass(frozen=True, slots=True)
class Lacking:
    """Rows that have no rate. Day or currency is None where the rows have none themselves."""

    rate_date: date | None
    currency: str | None
    rows: int


@dataclass(slots=True)
class Coverage:
    """How far the rates reach. `pairs` are days with a currency; `pairs_older` use an older day's rate."""

    usage: Usage
    pairs: int = 0
    pairs_older: int = 0
    rows: int = 0
    lacking: list[Lacking] = field(default_factory=list)


def coverage(tx: Transaction, usage: Usage, rates_table: str, policy: GapPolicy = ERROR) -> Coverage:
    """Compare a table's days and currencies with the rates there are."""
    found, known = Coverage(usage), _days_known(tx, rates_table)
    for day, currency, rows in _used_pairs(tx, usage):
        found.pairs += 1
        found.rows += rows
        used = policy.day_used(day, known[currency]) if day and currency else None
        if used is None:  # USD too: where the table has no row, a join leaves its rows out
            found.lacking.append(Lacking(day, currency, rows))
        elif used != day:
            found.pairs_older += 1
    return found


def _used_pairs(tx: Transaction, usage: Usage) -> Iterable[tuple[date | None, str | None, int]]:
    there = tx.reflect(usage.table)
    columns = (usage.date_column, usage.currency_column)
    if there is None or any(there.column(name) is None for name in columns):
        found = "there is no such table" if there is None else f"it has {', '.join(c.name for c in there.columns)}"
        raise UsageError(
            f"coverage of {usage.table} by {' and '.join(columns)}: {found}",
            hint="load the dataset first, and name its columns with a day and with a currency",
        )
    rows = tx.run("fx_used_pairs", MergeShape(usage.table, usage.table, columns, columns)).rows
    merged: dict[tuple[date | None, str | None], int] = defaultdict(int)
    for row in rows:
        merged[_day(row[columns[0]], usage), row[columns[1]]] += int(row["table_rows"])
    return [(day, currency, count) for (day, currency), count in merged.items()]


def _day(value: Any, usage: Usage) -> date | None:
    try:
        return None if value is None else as_day(value)
    except ValueError:
        raise UsageError(
            f"coverage of {usage.table}: {usage.date_column} holds {str(value)[:40]!r}, which is no day",
            hint="name a column of days or moments",
        ) from None


def _days_known(tx: Transaction, table: str) -> dict[str | None, list[date]]:
    known: dict[str | None, list[date]] = defaultdict(list)
    if tx.reflect(table) is not None:
        rows = tx.query(f"SELECT rate_date, currency FROM {table} ORDER BY currency, rate_date")  # noqa: S608
        for row in rows:
            known[row["currency"]].append(as_day(row["rate_date"]))
    return known
