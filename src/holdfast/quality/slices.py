"""Row rules over a table, partition by partition: what was not touched since it was counted is not looked at again.

The ledger keeps, for each rule and partition, how many rows failed and the fingerprint of the touches they were counted
under. Fingerprints and rows are read in one snapshot, so what is kept is right whatever commits meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.table import Partition
from holdfast.domain.types import Kind
from holdfast.models.partitions import days_of
from holdfast.ports.database import Row, Transaction
from holdfast.quality.answer import SAMPLE_ROWS, Query
from holdfast.quality.row_rules import RowRule, Tally
from holdfast.quality.subject import Place

RANGES_MAX = 64  # more stretches of days than that are read as one

Fingerprints = dict[str, str]
Known = dict[str, tuple[str, Tally]]


@dataclass(slots=True)
class Sliced:
    """A rule's tallies by partition, and which partitions were read for them (None: the whole table)."""

    rule: RowRule
    tallies: dict[str, Tally]
    read: set[str] | None
    fingerprints: Fingerprints = field(default_factory=dict)

    @property
    def total(self) -> Tally:
        return merged(self.rule, self.tallies.values())

    @property
    def failing_keys(self) -> list[str]:
        return sorted(key for key, tally in self.tallies.items() if tally.failing)


def fingerprints(tx: Transaction, relation: str) -> Fingerprints:
    """The touches of a relation, by partition: their number and the sum of their hashes."""
    rows = tx.run("check_touches", relation=relation.casefold()).rows
    return {row["partition_key"]: f"{int(row['touches'])}:{int(row['hash'])}" for row in rows}


def known_tallies(tx: Transaction, check_id: str) -> Known:
    rows = tx.run("check_partitions", check_id=check_id).rows
    return {row["partition_key"]: (row["fingerprint"], _kept(row)) for row in rows}


def _kept(row: Row) -> Tally:
    return Tally(int(row["table_rows"]), int(row["failing"]), row["lowest"], row["highest"])


def sliced(tx: Transaction, place: Place, rules: Sequence[RowRule], *, full: bool) -> list[Sliced]:
    """Every rule's tallies, those of touched partitions counted now. Rules that need the same share one statement."""
    now = fingerprints(tx, place.subject.relation)
    known = [{} if full else known_tallies(tx, rule.hash(place)) for rule in rules]
    groups: dict[frozenset[str] | None, list[int]] = {}
    for index, kept in enumerate(known):
        groups.setdefault(_stale(now, kept, place.subject.partition), []).append(index)
    found: dict[int, Sliced] = {}
    for keys, members in groups.items():
        counted = _count(tx, place, [rules[i] for i in members], keys)
        for index, tallies in zip(members, counted, strict=True):
            if keys is None:
                others = {key: Tally() for key in now}
            else:
                others = {key: tally for key, (_, tally) in known[index].items() if key not in keys}
            found[index] = Sliced(rules[index], others | tallies, None if keys is None else set(keys), now)
    return [found[index] for index in range(len(rules))]


def _stale(now: Fingerprints, kept: Known, partition: Partition | None) -> frozenset[str] | None:
    """Partitions whose touches are others than when they were counted; None: the whole table is to be counted."""
    if not kept:
        return None
    return stale_keys(now, {key: fingerprint for key, (fingerprint, _) in kept.items()}, partition)


def stale_keys(now: Fingerprints, kept: Mapping[str, str], partition: Partition | None) -> frozenset[str] | None:
    """Partitions whose touches are others than those kept; None: partitions are not what they were."""
    stale = frozenset(key for key in now.keys() | kept.keys() if now.get(key, "") != kept.get(key, ""))
    chars = partition.key_chars if partition else 0
    return stale if all(len(key) == chars for key in stale) else None


def _count(
    tx: Transaction, place: Place, rules: Sequence[RowRule], keys: frozenset[str] | None
) -> list[dict[str, Tally]]:
    if keys is not None and not keys:
        return [{} for _ in rules]
    query = counting(place, rules, keys)
    rows = tx.query(query.sql, query.binds)
    gone = {key: Tally() for key in keys or ()}
    return [gone | {row["partition_key"]: _tally(row, i, rule) for row in rows} for i, rule in enumerate(rules)]


def _tally(row: Row, index: int, rule: RowRule) -> Tally:
    low, high = (row[f"{name}_{index}"] if rule.has_extremes else None for name in ("lowest", "highest"))
    return Tally(int(row["table_rows"]), int(row[f"failing_{index}"] or 0), _text(low), _text(high))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def counting(place: Place, rules: Sequence[RowRule], keys: Iterable[str] | None) -> Query:
    """One statement that counts, by partition, the rows that fail each rule."""
    binds: dict[str, Any] = {}
    parts = [f"{place.slice()} AS partition_key", "COUNT(*) AS table_rows"]
    for i, rule in enumerate(rules):
        condition, named = rule.renamed(f"r{i}_")
        binds |= named
        parts.append(f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END) AS failing_{i}")
        if rule.has_extremes:
            value = f"CASE WHEN {condition} THEN t.{quote(rule.column)} END"
            parts += [f"MIN({value}) AS lowest_{i}", f"MAX({value}) AS highest_{i}"]
    where, more = within(place, keys)
    grouped = f" GROUP BY {place.slice()}" if place.subject.partition else ""
    selected = ",\n       ".join(parts)
    return Query(f"SELECT {selected}\nFROM {place.table} AS t{where}{grouped}", {**binds, **more})


def within(place: Place, keys: Iterable[str] | None) -> tuple[str, dict[str, Any]]:
    """A WHERE of the rows of these partitions, as stretches of the column that an index can serve; and its binds."""
    partition = place.subject.partition
    if keys is None or partition is None:
        return "", {}
    if partition.type.kind not in (Kind.DATE, Kind.TIMESTAMP):
        names = {f"k{i}": key for i, key in enumerate(sorted(keys))}
        return f" WHERE {place.slice()} IN ({', '.join(f':{name}' for name in names)})", names
    binds: dict[str, Any] = {}
    column, conditions = f"t.{quote(partition.column)}", []
    for i, (low, high) in enumerate(stretches(keys)):
        binds[f"low{i}"] = _bound(low, partition)
        if high:
            binds[f"high{i}"] = _bound(high, partition)
        conditions.append(f"({column} >= :low{i}" + (f" AND {column} < :high{i})" if high else ")"))
    return f" WHERE ({' OR '.join(conditions)})", binds


def _bound(day: date, partition: Partition) -> date | datetime:
    if partition.type.kind is Kind.DATE:
        return day
    aware = bool(partition.type.zone) or "%z" in (partition.type.format or "")
    return datetime(day.year, day.month, day.day, tzinfo=UTC if aware else None)


def stretches(keys: Iterable[str]) -> list[tuple[date, date | None]]:
    """Spans of days that cover the partitions: the first, and the one after the last where there is one.

    Neighbours are joined; where there are many, one span is over all.
    """
    found: list[tuple[date, date | None]] = []
    for key in sorted(keys):
        if days := days_of(key):
            low = found.pop()[0] if found and found[-1][1] == days.first else days.first
            found.append((low, days.end))
    return found if len(found) <= RANGES_MAX else [(found[0][0], found[-1][1])]


def merged(rule: RowRule, tallies: Iterable[Tally]) -> Tally:
    """The tally of the whole table."""
    found, are_days = list(tallies), rule.kind.kind in (Kind.DATE, Kind.TIMESTAMP)
    lows = [t.lowest for t in found if t.lowest is not None and (are_days or _is_number(t.lowest))]
    highs = [t.highest for t in found if t.highest is not None and (are_days or _is_number(t.highest))]
    by = (lambda text: text) if are_days else Decimal
    return Tally(
        sum(t.rows for t in found),
        sum(t.failing for t in found),
        min(lows, key=by, default=None),
        max(highs, key=by, default=None),
    )


def _is_number(text: str) -> bool:
    """A person can write any text into a column of numbers of SQLite: it fails, and is no least or greatest value."""
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def failing_rows(tx: Transaction, place: Place, one: Sliced) -> list[Row]:
    """A few rows that fail, by their keys: looked for only in partitions that have some."""
    keys = one.failing_keys
    if not keys:
        return []
    condition, binds = one.rule.renamed("")
    where, more = within(place, keys[:RANGES_MAX])
    rows = f"{where} AND {condition}" if where else f" WHERE {condition}"
    sql = f"SELECT {place.keys} FROM {place.table} AS t{rows} LIMIT {SAMPLE_ROWS}"  # noqa: S608
    return tx.query(sql, {**binds, **more})


def remember(tx: Transaction, place: Place, one: Sliced, title: str) -> None:
    """Keep what was counted now; partitions that stayed as they were are kept already."""
    fresh = {
        key: {"table_rows": t.rows, "failing": t.failing, "lowest": t.lowest, "highest": t.highest, "found_lines": None}
        for key, t in one.tallies.items()
    }
    keep_partitions(tx, place, title, one.rule.hash(place), one.read, fresh, one.fingerprints)


def keep_partitions(
    tx: Transaction,
    place: Place,
    title: str,
    check_id: str,
    read: set[str] | None,
    found: Mapping[str, dict[str, Any]],
    prints: Fingerprints,
) -> None:
    """Write what was found in the partitions that were `read` (None: in all)."""
    mine = {"dataset": place.subject.name, "check_name": title, "check_id": check_id}
    tx.run("check_partitions_forget", dataset=place.subject.name, check_name=title, check_id=check_id)
    if read is None:
        tx.run("check_partitions_clear", check_id=check_id)
    rows = [
        {**mine, "partition_key": key, "fingerprint": prints.get(key, ""), **columns}
        for key, columns in found.items()
        if read is None or key in read
    ]
    tx.upsert("ops.check_partition", rows, key=["check_id", "partition_key"])
