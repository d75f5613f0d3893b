"""Checks that compare days: volumes, sums, currencies and exchange rates.

What is usual is a matter of medians, which the engines do not agree on: here SQL gives a line a day, and Python judges.
Missing currencies and rates are found by SQL alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.check import Check
from holdfast.domain.check_kinds import CurrencyCoverage, FxCoverage, FxStaleness, RevenueOutlier, RowCount, Volume
from holdfast.domain.errors import ContractError
from holdfast.ports.database import Row
from holdfast.quality.answer import SAMPLE_ROWS, Finding, Query, Question, count_of, counted, sample_of
from holdfast.quality.statistics import usual
from holdfast.quality.subject import DATE, Place

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Days = dict[date, Decimal]


def _by_day(place: Place, day_column: str) -> Query:
    day = place.day(day_column)
    return Query(f"SELECT {day} AS day, COUNT(*) AS table_rows FROM {place.table} AS t GROUP BY {day}")  # noqa: S608


def _counts(rows: Iterable[Row]) -> Days:
    return {_day(row["day"]): Decimal(int(row["table_rows"])) for row in rows if row["day"]}


def _day(text: str) -> date:
    """Raises ContractError for what is none: a model's month, or a text that SQLite let somebody write for a day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ContractError(
            f"{text!r} is no day", hint="name a day_column with days, or correct the value that is none"
        ) from None


def _finding(expected: str, bad: list[dict[str, Any]], *, what: str, good: str, more: int = 0) -> Finding:
    """`more`: how many there are beside the first few."""
    failing = len(bad) + more
    found = f"{counted(failing, what)}: {_listed(bad)}" if bad else good
    return Finding(failing, expected, found, bad[:SAMPLE_ROWS])


def _listed(bad: list[dict[str, Any]]) -> str:
    shown = [" ".join(str(value) for value in row.values()) for row in bad[:3]]
    return ", ".join(shown) + (", ..." if len(bad) > 3 else "")


def _weekday(check: RowCount, place: Place, _now: datetime) -> Question:
    expected = (
        f"expected as many rows a day as on the same weekday before, within {check.mads_max} median deviations"
        f" (the newest {check.newest_days} days, each with {check.history_weeks_min} weeks or more)"
    )

    def judge(rows: list[Row]) -> Finding:
        days = _counts(rows)
        newest = sorted(days)[-check.newest_days :]
        judged, bad = 0, []
        for day in newest:
            past = [days[d] for d in days if _is_weeks_before(d, day, check.history_weeks_max)]
            if len(past) < check.history_weeks_min:
                continue
            judged += 1
            span = usual(past, check.mads_max)
            if not span.low <= days[day] <= span.high:
                bad.append({"day": str(day), "rows": int(days[day]), "usual": str(span)})
        if not judged:
            weeks = f"{check.history_weeks_min} weeks"
            return Finding(0, expected, f"no day has {weeks} of history yet", skipped=True)
        return _finding(expected, bad, what="unusual day", good=f"{counted(judged, 'day')} as usual")

    return Question(
        _by_day(place, check.day_column), judge, whole=True, reads=(place.subject.relation,), identity=_id(check)
    )


def _is_weeks_before(one: date, day: date, weeks_max: int) -> bool:
    weeks, rest = divmod((day - one).days, 7)
    return not rest and 1 <= weeks <= weeks_max


def _id(check: Check) -> tuple[object, ...]:
    """What Python judges by is a part of the question."""
    return (check.model_dump_json(exclude={"severity", "name"}),)


def _volume(check: Volume, place: Place, _now: datetime) -> Question:
    expected = f"expected at most {check.missing_days_max} days without rows between the first and the last"
    if check.mads_max:
        expected += f", and none beyond {check.mads_max} median deviations"

    def judge(rows: list[Row]) -> Finding:
        days = _counts(rows)
        if not days:
            return Finding(0, expected, "the table has no rows", skipped=True)
        first, missing = gaps(days, set(check.skip_weekdays))
        bad = [{"day": str(day), "rows": 0} for day in first] if missing > check.missing_days_max else []
        more = missing - len(first) if bad else 0
        if check.mads_max and len(days) >= check.history_days_min:
            span = usual(list(days.values()), check.mads_max)
            bad = bad + [
                {"day": str(day), "rows": int(n), "usual": str(span)}
                for day, n in sorted(days.items())
                if not span.low <= n <= span.high
            ]
        good = f"{counted(len(days), 'day')} with rows, {missing:,} without, from {min(days)} to {max(days)}"
        return _finding(expected, bad, what="day", good=good, more=more)

    return Question(
        _by_day(place, check.day_column), judge, whole=True, reads=(place.subject.relation,), identity=_id(check)
    )


def gaps(days: Days, skipped: set[str]) -> tuple[list[date], int]:
    """The first few days without rows between the first and the last, and how many there are: one row of the year 9999
    makes millions.
    """
    few: list[date] = []
    missing, ordered = 0, sorted(days)
    for day, following in pairwise(ordered):
        for weekday in set(WEEKDAYS) - skipped:
            first = 1 + (WEEKDAYS.index(weekday) - day.weekday() - 1) % 7
            missing += len(range(first, (following - day).days, 7))
        between = (day + timedelta(days=n) for n in range(1, (following - day).days))
        absent = (one for one in between if WEEKDAYS[one.weekday()] not in skipped)
        few += islice(absent, SAMPLE_ROWS - len(few))
    return few, missing


def outlier_lines(check: RevenueOutlier, place: Place) -> tuple[str, str]:
    """What is selected of a table (without its WHERE), and what that is grouped by."""
    day, by = place.day(check.day_column), [f"t.{quote(name)}" for name in check.by]
    names = "".join(f", {name} AS by_{i}" for i, name in enumerate(by))
    selected = f"{day} AS day{names}, SUM(t.{quote(check.column)}) AS total FROM {place.table} AS t"
    return selected, ", ".join([day, *by])


def _outlier(check: RevenueOutlier, place: Place, _now: datetime) -> Question:
    selected, grouped = outlier_lines(check, place)
    query = Query(f"SELECT {selected} GROUP BY {grouped}")
    per = f" per {', '.join(check.by)}" if check.by else ""
    scale = place.subject.types[check.column].scale
    expected = f"{check.column}: expected no day{per} whose sum is above {check.mads_max} median deviations"

    def judge(rows: list[Row]) -> Finding:
        groups: dict[tuple[str, ...], Days] = defaultdict(dict)
        for row in rows:
            if row["day"] and row["total"] is not None:
                group = tuple(str(row[f"by_{i}"]) for i in range(len(check.by)))
                groups[group][_day(row["day"])] = _total(row["total"], scale)
        enough = {group: days for group, days in groups.items() if len(days) >= check.history_days_min}
        if not enough:
            return Finding(0, expected, f"fewer than {check.history_days_min} days to compare", skipped=True)
        bad = []
        for group, days in sorted(enough.items()):
            span = usual(list(days.values()), check.mads_max)
            named = dict(zip(check.by, group, strict=True))
            bad += [
                {"day": str(d), **named, "sum": f"{total:f}", "usual": str(span)}
                for d, total in sorted(days.items())
                if total > span.high
            ]
        good = f"{counted(sum(len(days) for days in enough.values()), 'day')}, none above"
        return _finding(expected, bad, what="anomalous day", good=good)

    return Question(query, judge, whole=True, reads=(place.subject.relation,), identity=_id(check))


def _total(value: Any, scale: int | None) -> Decimal:
    """A sum at its column's scale; that of a float has none."""
    total = Decimal(str(value))
    return total if scale is None else round(total, scale)


def _currencies(check: CurrencyCoverage, place: Place, _now: datetime) -> Question:
    period = place.day(check.day_column) if check.per == "day" else place.month(check.day_column)
    column, table = f"t.{quote(check.column)}", place.table
    binds = {f"c{i}": code for i, code in enumerate(dict.fromkeys(check.currencies))}
    wanted = f"SELECT DISTINCT {column} AS currency FROM {table} AS t WHERE {column} IS NOT NULL"  # noqa: S608
    if binds:
        chars = max(map(len, check.currencies))
        wanted = " UNION ALL ".join(f"SELECT CAST(:{name} AS CHAR({chars})) AS currency" for name in binds)
    query = Query(
        f"SELECT p.period, w.currency\nFROM (SELECT DISTINCT {period} AS period FROM {table} AS t) AS p\n"  # noqa: S608
        f"CROSS JOIN ({wanted}) AS w\n"
        f"LEFT JOIN (SELECT DISTINCT {period} AS period, {column} AS currency FROM {table} AS t) AS u\n"
        "  ON u.period = p.period AND u.currency = w.currency\n"
        "WHERE u.period IS NULL AND p.period IS NOT NULL ORDER BY 1, 2",
        binds,
    )
    words = ", ".join(check.currencies) or "every currency in use"

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        found = f"{failing:,} missing: {_listed(sample_of(rows))}" if failing else "all there"
        return Finding(failing, f"{check.column}: expected {words} in every {check.per}", found, sample_of(rows))

    return Question(query, judge, reads=(place.subject.relation,))


def _without_rate(place: Place, check: FxCoverage) -> Query:
    """The days and currencies of the table that have no rate of that day, each with the last rate day before it.

    Used days and rate days are put in one order, and every used one looks back: no row is compared with every rate.
    """
    day, column, rate_day = place.day(check.day_column), f"t.{quote(check.column)}", place.day("rate_date", "r", DATE)
    return Query(
        "SELECT s.day, s.currency, s.table_rows, s.rate_day FROM (\n"  # noqa: S608
        "  SELECT e.day, e.currency, e.table_rows, MAX(e.rate_day) OVER (\n"
        "    PARTITION BY e.currency ORDER BY e.day, e.table_rows ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW\n"
        "  ) AS rate_day FROM (\n"
        f"    SELECT {rate_day} AS day, r.currency AS currency, 0 AS table_rows, {rate_day} AS rate_day\n"
        f"    FROM {place.named(check.rates_table)} AS r\n"
        "    UNION ALL\n"
        f"    SELECT {day}, {column}, COUNT(*), NULL FROM {place.table} AS t GROUP BY {day}, {column}\n"
        "  ) AS e\n"
        ") AS s WHERE s.table_rows > 0 AND (s.rate_day IS NULL OR s.rate_day < s.day)"
    )


def _pair(row: Row) -> dict[str, Any]:
    return {"day": row["day"], "currency": row["currency"] or "no currency"}


def _fx_coverage(check: FxCoverage, place: Place, _now: datetime) -> Question:
    def judge(rows: list[Row]) -> Finding:
        failing, few = count_of(rows), [_pair(row) for row in rows]
        found = f"{failing:,} without: {_listed(few)}" if failing else "all have one"
        expected = f"{check.column}: expected a rate in {check.rates_table} for every day and currency"
        return Finding(failing, expected, found, few)

    return Question(_without_rate(place, check), judge, reads=(place.subject.relation, check.rates_table))


def _fx_staleness(check: FxStaleness, place: Place, _now: datetime) -> Question:
    expected = f"{check.column}: expected rates in {check.rates_table} not older than {check.age_max_days} days"

    def judge(rows: list[Row]) -> Finding:
        bad = [
            {**_pair(row), "rate": row["rate_day"] or "none"}
            for row in rows
            if row["rate_day"] is None or _days(row["rate_day"], row["day"]) > check.age_max_days
        ]
        return _finding(expected, bad, what="stale rate", good="none is older")

    reads = (place.subject.relation, check.rates_table)
    return Question(_without_rate(place, check), judge, whole=True, reads=reads, identity=_id(check))


def _days(first: str, last: str) -> int:
    return (_day(last) - _day(first)).days


MAKERS: dict[type[Check], Callable[..., Question]] = {
    Volume: _volume,
    RevenueOutlier: _outlier,
    CurrencyCoverage: _currencies,
    FxCoverage: _fx_coverage,
    FxStaleness: _fx_staleness,
}


def day_question(check: Check, place: Place, now: datetime) -> Question | None:
    """What a check of this module asks; None for a kind that is not of this module."""
    if isinstance(check, RowCount) and check.against == "weekday":
        return _weekday(check, place, now)
    make = MAKERS.get(type(check))
    return make(check, place, now) if make else None
