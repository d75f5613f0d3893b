"""Checks of a table that come apart into its partitions: lines by day, and values that may stand twice in a day only.

What was found in a partition is kept with its touches, as for checks of single rows; what the check judges are all
partitions' lines together.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.check import Check
from holdfast.domain.check_kinds import CurrencyCoverage, DuplicateKeys, RevenueOutlier, RowCount, Unique, Volume
from holdfast.domain.types import Kind
from holdfast.ports.database import Row, Transaction
from holdfast.quality.answer import COUNT_COLUMN, SAMPLE_ROWS, Finding, Question, hash_of
from holdfast.quality.day_rules import outlier_lines
from holdfast.quality.slices import Fingerprints, fingerprints, keep_partitions, stale_keys, within
from holdfast.quality.subject import Place

PLACE = "holdfast_place"


@dataclass(frozen=True, slots=True)
class LocalRule:
    """`lines`: the SELECT of lines, each with its `partition_key`, given a WHERE. `whole`: the judge needs all."""

    question: Question
    lines: Callable[[str], str]
    whole: bool

    def hash(self, place: Place, title: str) -> str:
        return hash_of(self.question.hash, place.subject.name, title, place.slice())

    def sql(self, where: str) -> str:
        """All lines; or of each partition a few, with the number of all."""
        lines = self.lines(where)
        if self.whole:
            return lines
        by = "OVER (PARTITION BY l.partition_key"
        return (
            f"SELECT n.* FROM (SELECT l.*, COUNT(*) {by}) AS {COUNT_COLUMN}, "  # noqa: S608
            f"ROW_NUMBER() {by} ORDER BY l.partition_key) AS {PLACE} FROM ({lines}) AS l) AS n "
            f"WHERE n.{PLACE} <= {SAMPLE_ROWS}"
        )


@dataclass(slots=True)
class Local:
    """What was found, by partition: how many lines, and these. `read`: the partitions asked now; None: all."""

    rule: LocalRule
    found: dict[str, tuple[int, list[Row]]]
    read: set[str] | None
    prints: Fingerprints = field(default_factory=dict)

    def finding(self) -> Finding:
        rows = [line for key in sorted(self.found) for line in self.found[key][1]]
        if not self.rule.whole:
            total = sum(failing for failing, _ in self.found.values())
            rows = [{**row, COUNT_COLUMN: total} for row in rows[:SAMPLE_ROWS]]
        return self.rule.question.judge(rows)


def local_rule(check: Check, place: Place, question: Question) -> LocalRule | None:
    """How the check comes apart; None: it does not, or the table has no partitions of days."""
    partition = place.subject.partition
    if partition is None or partition.type.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return None
    part = f"SELECT {place.slice()} AS partition_key"
    if isinstance(check, Unique | DuplicateKeys):
        columns = check.columns if isinstance(check, Unique) else check.key or list(place.subject.primary_key)
        if partition.column not in columns:
            return None
        return LocalRule(question, lambda where: _repeated(place, part, columns, where), whole=False)
    if getattr(check, "day_column", "") not in ("", partition.column):
        return None
    day = place.day("")
    if isinstance(check, Volume) or (isinstance(check, RowCount) and check.against == "weekday"):
        lines = f"{part}, {day} AS day, COUNT(*) AS table_rows FROM {place.table} AS t"
        return LocalRule(question, lambda where: f"{lines}{where} GROUP BY {place.slice()}, {day}", whole=True)
    if isinstance(check, RevenueOutlier):
        selected, by = outlier_lines(check, place)
        lines = f"{part}, {selected}"
        return LocalRule(question, lambda where: f"{lines}{where} GROUP BY {place.slice()}, {by}", whole=True)
    if isinstance(check, CurrencyCoverage):
        period = day if check.per == "day" else place.month("")
        column = f"t.{quote(check.column)}"
        lines = f"{part}, {period} AS period, {column} AS currency FROM {place.table} AS t"
        by_line = replace(question, judge=lambda rows: question.judge(missing_currencies(check.currencies, rows)))
        grouped = f" GROUP BY {place.slice()}, {period}, {column}"
        return LocalRule(by_line, lambda where: f"{lines}{where}{grouped}", whole=True)
    return None


def missing_currencies(wanted: list[str], lines: list[Row]) -> list[Row]:
    """Periods and currencies that no line has, as the check's own statement gives them."""
    used = {(line["period"], line["currency"]) for line in lines}
    currencies = set(wanted) or {currency for _, currency in used if currency is not None}
    periods = sorted({period for period, _ in used})
    missing = [(period, code) for period in periods for code in sorted(currencies) if (period, code) not in used]
    return [{"period": p, "currency": c, COUNT_COLUMN: len(missing)} for p, c in missing[:SAMPLE_ROWS]]


def _repeated(place: Place, part: str, columns: list[str], where: str) -> str:
    names = ", ".join(f"t.{quote(name)}" for name in columns)
    filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in columns)
    condition = f"{where} AND {filled}" if where else f" WHERE {filled}"
    return (
        f"{part}, {names}, COUNT(*) AS table_rows FROM {place.table} AS t{condition}"
        f" GROUP BY {place.slice()}, {names} HAVING COUNT(*) > 1"
    )


def find_local(tx: Transaction, place: Place, rule: LocalRule, title: str, *, full: bool) -> Local:
    """Ask of the partitions that were touched; the others' lines are in the ledger."""
    now = fingerprints(tx, place.subject.relation)
    kept = [] if full else tx.run("check_partitions", check_id=rule.hash(place, title)).rows
    before = {row["partition_key"]: row["fingerprint"] for row in kept}
    stale = stale_keys(now, before, place.subject.partition) if kept else None
    found: dict[str, tuple[int, list[Row]]] = {key: (0, []) for key in (now if stale is None else stale)}
    if stale is not None:
        found |= {
            row["partition_key"]: (int(row["failing"]), json.loads(row["found_lines"]))
            for row in kept
            if row["partition_key"] not in stale
        }
    if stale is None or stale:
        where, binds = within(place, stale)
        fresh = _by_partition(tx.query(rule.sql(where), binds), whole=rule.whole)
        found |= {key: lines for key, lines in fresh.items() if stale is None or key in stale}
    return Local(rule, found, None if stale is None else set(stale), now)


def _by_partition(rows: list[Row], *, whole: bool) -> dict[str, tuple[int, list[Row]]]:
    found: dict[str, tuple[int, list[Row]]] = {}
    for row in rows:
        line = {name: value for name, value in row.items() if name not in ("partition_key", COUNT_COLUMN, PLACE)}
        _, lines = found.get(row["partition_key"], (0, []))
        found[row["partition_key"]] = (len(lines) + 1 if whole else int(row[COUNT_COLUMN]), [*lines, line])
    return found


def remember_local(tx: Transaction, place: Place, one: Local, title: str) -> None:
    """Keep what was found in the partitions that were asked now."""
    empty: dict[str, Any] = {"table_rows": 0, "lowest": None, "highest": None}
    found = {
        key: {**empty, "failing": failing, "found_lines": json.dumps(lines, default=str)}
        for key, (failing, lines) in one.found.items()
        if one.read is None or key in one.read
    }
    keep_partitions(tx, place, title, one.rule.hash(place, title), one.read, found, one.prints)
