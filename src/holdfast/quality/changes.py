"""The history of values: what upserts replaced by what, read in one pass, and summed exactly.

Written by every commit that changes values (`change` in the ledger); a contract with `history = false` keeps none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from holdfast.domain.check_kinds import ClosedPeriod
from holdfast.domain.contract import Contract
from holdfast.domain.errors import UsageError
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Database, Row, Transaction
from holdfast.quality.explain_values import text_of

LEDGER_VERSION = 6  # the first that has a history of values
_PRUNED_VERSION = 9  # the first that takes any of it out
HISTORY_TABLE = "ops.change"
PAGE_ROWS = 10_000
_NUMBERS = (Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT)
_DIGITS = 400  # of a sum: more than any numbers of any count could need, a float's included


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which changes: all, or those of a run and all later ones, of a column, of a partition. Empty: whichever."""

    since: str = ""
    column: str = ""
    partition: str = ""


@dataclass(slots=True)
class ChangeSum:
    """Changes of one column in one partition (as of now). `moved`: of rows that came from another partition.

    `before`, `after`: exact sums where the column holds numbers, else None; values that are none add nothing, and are
    counted in `empty_before` and `empty_after`. `closed`: of them, those in a period that the contract says is closed.
    """

    column: str
    partition: str
    type: ColumnType | None
    values: int = 0
    moved: int = 0
    empty_before: int = 0
    empty_after: int = 0
    closed: int = 0
    before: Decimal | None = None
    after: Decimal | None = None

    def __post_init__(self) -> None:
        if self.type and self.type.kind in _NUMBERS:
            self.before = self.after = Decimal(0)

    def add(self, row: Row, *, is_closed: bool) -> None:
        old, new = row["old_value"], row["new_value"]
        self.values += 1
        self.closed += is_closed
        self.moved += row["old_partition"] != row["partition_key"]
        self.empty_before += old is None
        self.empty_after += new is None
        if self.before is not None and self.after is not None:
            self.before += _number(old)
            self.after += _number(new)

    @property
    def difference(self) -> Decimal | None:
        if self.before is None or self.after is None:
            return None
        with localcontext(prec=_DIGITS):
            return self.after - self.before


def _number(text: str | None) -> Decimal:
    """What a value adds to a sum. One that is no number (somebody wrote it past Holdfast) adds nothing."""
    try:
        number = Decimal(text or 0)
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)


@dataclass(slots=True)
class ChangeReport:
    """`sums` by column and partition; `rows`: the first of the changes themselves, as the ledger has them.

    `pruned_before`: what was changed before that moment is not in it; empty: nothing was taken out.
    """

    values: int = 0
    closed: int = 0
    pruned_before: str = ""
    sums: dict[tuple[str, str], ChangeSum] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def has_history(tx: Transaction) -> bool:
    """Is there a ledger, and is it not one from before the history of values was kept?"""
    if not tx.run("ledger_exists").rows[0]["found"]:
        return False
    return any(row["version"] >= LEDGER_VERSION for row in tx.run("migrations_applied").rows)


def pruned_before(tx: Transaction) -> str:
    """The moment up to which history was taken out (`holdfast ops prune`); empty: it is all there."""
    if all(row["version"] < _PRUNED_VERSION for row in tx.run("migrations_applied").rows):
        return ""
    found = tx.run("history_pruned").first
    return (text_of(ColumnType(Kind.TIMESTAMP), found["pruned_before"]) or "") if found else ""


def changes_of(tx: Transaction, dataset: str, asked: Asked, *, pattern: str = "%") -> Iterator[Row]:
    """Changes in the order of the rows that made them, a page in memory at a time. `pattern`: of their `row_key`."""
    after = -1, ""
    while True:
        rows = _page(tx, dataset, asked, pattern, after, PAGE_ROWS)
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["origin"], rows[-1]["column_name"]


def _page(tx: Transaction, dataset: str, asked: Asked, pattern: str, after: tuple[int, str], most: int) -> list[Row]:
    return tx.run(
        "changes_page",
        dataset=dataset,
        after=after[0],
        after_column=after[1],
        since=asked.since,
        column_name=asked.column,
        partition_key=asked.partition,
        pattern=pattern,
        most=most,
    ).rows


def report_changes(database: Database, contract: Contract, asked: Asked, *, rows_most: int = 0) -> ChangeReport:
    """Count and sum what was changed, in one pass; memory grows with columns and partitions, not with changes.

    Raises UsageError for a run or column that there is not.
    """
    report = ChangeReport()
    with database.reading() as tx:
        if not has_history(tx):
            return report
        _refuse_unknown(tx, contract, asked)
        report.pruned_before = pruned_before(tx)
        if rows_most:
            report.rows = _page(tx, contract.name, asked, "%", (-1, ""), rows_most)
        runs = tx.run("changes_runs_since", since=asked.since).rows if asked.since else []
        types = {column.name: column.type for column in contract.columns}
        may_be_closed = any(isinstance(check, ClosedPeriod) for check in contract.checks)
        with localcontext(prec=_DIGITS):
            for row in _scanned(database, tx, contract, asked, [run["id"] for run in runs]):
                place = row["column_name"], row["partition_key"]
                if place not in report.sums:
                    report.sums[place] = ChangeSum(*place, types.get(place[0]))
                closed = may_be_closed and is_closed(contract, row)
                report.sums[place].add(row, is_closed=closed)
                report.values += 1
                report.closed += closed
    return report


def _scanned(
    database: Database, tx: Transaction, contract: Contract, asked: Asked, runs: Sequence[str]
) -> Iterator[Row]:
    """All the changes that are asked for, in no order: to sort a million of them takes longer than to add them up."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ["dataset", "column_name", "partition_key", "old_partition", "run_id", "old_value", "new_value"]
    if any(isinstance(check, ClosedPeriod) and check.since for check in contract.checks):
        names.append("changed_at")
    text = ColumnType(Kind.STRING)
    for batch in database.scan(tx, HISTORY_TABLE, [(name, text) for name in names]):
        wanted = pc.equal(batch["dataset"], contract.name)
        if asked.column:
            wanted = pc.and_(wanted, pc.equal(batch["column_name"], asked.column))
        if asked.partition:
            stands = pc.equal(batch["partition_key"], asked.partition)
            wanted = pc.and_(wanted, pc.or_(stands, pc.equal(batch["old_partition"], asked.partition)))
        if asked.since:
            wanted = pc.and_(wanted, pc.is_in(batch["run_id"], pa.array(runs, pa.string())))
        columns = [column.to_pylist() for column in batch.select(names).filter(wanted).columns]
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


def is_closed(contract: Contract, row: Row) -> bool:
    """Did the change happen in a partition that a `closed_period` check says is closed? As that check judges."""
    by = contract.table_partition
    if by is None or not row["partition_key"]:
        return False
    first = min(row["partition_key"], row["old_partition"])
    return any(
        first < check.closed_before.isoformat()[: by.key_chars]
        and (check.since is None or _moment_text(row["changed_at"]) >= _moment_text(check.since))
        for check in contract.checks
        if isinstance(check, ClosedPeriod)
    )


def _moment_text(moment: Any) -> str:
    """Moments in UTC as text that compares as they do."""
    if isinstance(moment, date) and not isinstance(moment, datetime):
        return f"{moment.isoformat()} 00:00:00"
    return text_of(ColumnType(Kind.TIMESTAMP), moment) or ""


def _refuse_unknown(tx: Transaction, contract: Contract, asked: Asked) -> None:
    if asked.since and not tx.run("run_get", run_id=asked.since).rows:
        raise UsageError(f"there is no run {asked.since!r}", hint="see: holdfast runs")
    if asked.column and asked.column not in contract.column_names:
        raise UsageError(
            f"{contract.name} has no column {asked.column!r}", hint=f"columns: {', '.join(contract.column_names)}"
        )


def value_text(contract: Contract, column: str, value: str | None) -> str | None:
    """A value of the history as text, the same on every engine."""
    found = next((c.type for c in contract.columns if c.name == column), None)
    return text_of(found, value) if found else value
