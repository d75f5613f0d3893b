"""Taking out of the ledger what is old: history of values and checks, logs, stages; and old touches put together.

In short transactions, so loads go on beside it; killed, it goes on at its next start. What proves the rows (files,
chunks, runs, rejects) is kept for ever. A partition's touches become one row with their sums: a fingerprint is those
sums, so no model is rebuilt and no check redone for it. Where history went, a stage says up to when (`HISTORY_PRUNED`);
it is never taken out, so that nobody takes what is left for all there was.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from holdfast.engine.journal import StageLine
from holdfast.engine.recovery import keep_trying
from holdfast.engine.stages import stage_rows
from holdfast.engine.sweeping import sweep
from holdfast.ports.database import Database, Row, Transaction

SLICE_ROWS = 10_000
PARTITIONS_AT_ONCE = 50
DAY_S = 86_400.0
TABLES = ("change", "check_result", "log", "stage")
HISTORY_PRUNED = "prune.history"
_ALL = 2**62


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go (`dry_run`): rows by table; touches that became fewer; dead runs and workers."""

    days: float = 0
    dry_run: bool = False
    rows: dict[str, int] = field(default_factory=dict)
    touches: int = 0
    touches_kept: int = 0
    runs: int = 0
    workers: int = 0

    def __bool__(self) -> bool:
        return any(self.rows.values()) or self.touches > self.touches_kept or bool(self.runs or self.workers)


def prune(
    database: Database, days: float, *, run_id: str = "", dry_run: bool = False, retry_for_s: float = 60.0
) -> Pruned:
    """Take out what is older than `days`, by the database's clock. `dry_run`: only say what that would be."""
    with database.reading() as tx:
        cutoff = tx.run("prune_cutoff", older_s=days * DAY_S).rows[0]["cutoff"]
    runs, workers = sweep(database, writes=not dry_run)
    old_rows = partial(_old_count, database) if dry_run else partial(_old_gone, database, run_id, retry_for_s)
    rows = {table: old_rows(table, cutoff) for table in TABLES}
    with database.reading() as tx:
        old = tx.run("touches_old", cutoff=cutoff).rows
    touches, kept = sum(int(row["row_count"]) for row in old), len(old)
    if not dry_run:
        touches = 0
        left = iter(old)
        while some := list(islice(left, PARTITIONS_AT_ONCE)):
            together = partial(_put_together, database, some, cutoff)
            touches += keep_trying(together, what="putting touches together", retry_for_s=retry_for_s)
    return Pruned(days, dry_run, rows, touches, kept if touches else 0, runs, workers)


def _old_count(database: Database, table: str, cutoff: Any) -> int:
    with database.reading() as tx:
        return int(tx.run(f"prune_{table}_slice", cutoff=cutoff, most=_ALL).rows[0]["row_count"])


def _old_gone(database: Database, run_id: str, retry_for_s: float, table: str, cutoff: Any) -> int:
    """Delete a table's old rows; returns how many there were."""

    def delete_slice() -> int:
        with database.transaction() as tx:
            found = tx.run(f"prune_{table}_slice", cutoff=cutoff, most=SLICE_ROWS).rows[0]
            if not found["row_count"]:
                return 0
            if table == "change":
                _tell_history_pruned(tx, cutoff, run_id)
            return tx.run(f"prune_{table}", slice_end=found["slice_end"]).count

    def slices() -> Iterator[int]:
        while count := keep_trying(delete_slice, what=f"pruning {table}", retry_for_s=retry_for_s):
            yield count

    return sum(slices())


def _tell_history_pruned(tx: Transaction, cutoff: Any, run_id: str) -> None:
    """In place of what was said before: where there was something to take out, this moment is the later one."""
    now = time.monotonic()
    place: dict[str, Any] = {"pipeline_name": "-", "run_id": run_id, "stage": HISTORY_PRUNED}
    told = StageLine(**place, value=str(cutoff), status="completed", began=now, ended=now)
    tx.run("history_pruned_forget")
    stage_rows(tx, [told])


def _put_together(database: Database, partitions: list[Row], cutoff: Any) -> int:
    """One row for all old touches of each partition; returns how many touches they were."""
    with database.transaction() as tx:
        return sum(_sum_up(tx, row["relation"], row["partition_key"], cutoff) for row in partitions)


def _sum_up(tx: Transaction, relation: str, partition_key: str, cutoff: Any) -> int:
    place: dict[str, Any] = {"relation": relation, "partition_key": partition_key}
    touches = tx.run("touches_lock_old", **place, cutoff=cutoff).rows
    if len(touches) < 2:
        return 0  # another one was here meanwhile
    latest = max(touches, key=lambda row: (row["touched_at"], row["touch_id"]))
    tx.run_many("touch_drop", [{**place, "touch_id": row["touch_id"]} for row in touches])
    names = {"touches": "touches", "hash": "hash", "inserted": "rows_inserted", "updated": "rows_updated",
             "removed": "rows_removed"}  # fmt: skip
    sums: dict[str, Any] = {name: sum(int(row[column]) for row in touches) for name, column in names.items()}
    told = {name: latest[name] for name in ("dataset", "run_id", "touched_at")}
    tx.run("touch_add_sum", **place, **sums, **told, touch_id=uuid.uuid4().hex)
    return len(touches)
