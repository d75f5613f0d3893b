"""Writing a chunk's rows so that any order of chunks ends in the same table (P5).

Before the database sees them, a chunk's rows are put in key order (so workers meet at a key from the same side, and
the index is filled in order) and left with one row a key: the one with the greatest (sequence, _origin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.domain.contract import Contract
from holdfast.domain.errors import UniqueViolation
from holdfast.domain.table import MergeShape
from holdfast.engine.faults import reach
from holdfast.ports.database import Transaction

if TYPE_CHECKING:
    import pyarrow as pa

Way = Literal["direct", "merge", "landing"]
STAGING = "holdfast_staging"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows that were written; `superseded` counts those that lost to a row of the table."""

    way: Way
    inserted: int
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0


def merge_shape(contract: Contract, landing: str = "") -> MergeShape:
    return MergeShape(
        target=contract.table,
        staging=STAGING,
        columns=contract.column_names,
        key=tuple(contract.primary_key),
        sequence=contract.sequence,
        processed_at=contract.processed_at,
        landing=landing,
    )


def write_direct(tx: Transaction, contract: Contract, rows: pa.Table) -> Written | None:
    """Bulk copy straight into the table; None: a key was there already, and nothing was written."""
    try:
        with tx.transaction() as savepoint:
            savepoint.copy_in(contract.table, rows)
            reach("direct.copied")
    except UniqueViolation:
        return None
    return Written("direct", inserted=rows.num_rows)


def write_asking(tx: Transaction, contract: Contract, rows: pa.Table) -> Written:
    """Where a part of a transaction cannot be undone: ask whether a key is there already, then copy or merge."""
    shape = merge_shape(contract)
    _stage(tx, shape, rows)
    if tx.run("staged_known", shape).rows[0]["found"]:
        written = merge_staged(tx, shape, rows.num_rows)
    else:
        tx.copy_in(contract.table, rows)
        reach("direct.copied")
        written = Written("direct", inserted=rows.num_rows)
    tx.run("drop_staging", shape)
    return written


def write_merge(tx: Transaction, contract: Contract, rows: pa.Table) -> Written:
    """Bulk copy into a staging table, then merge it into the table."""
    shape = merge_shape(contract)
    _stage(tx, shape, rows)
    written = merge_staged(tx, shape, rows.num_rows)
    tx.run("drop_staging", shape)
    return written


def _stage(tx: Transaction, shape: MergeShape, rows: pa.Table) -> None:
    tx.run("create_staging", shape)
    tx.copy_in(STAGING, rows)
    reach("merge.staged")


def merge_staged(tx: Transaction, shape: MergeShape, staged: int) -> Written:
    """Merge a staging table of `staged` rows, one a key, into its target."""
    inserted = tx.run("insert_missing", shape).count
    reach("merge.inserted")
    updated = unchanged = 0
    if inserted < staged and tx.run("lock_older", shape).rows[0]["older"]:
        reach("merge.locked")
        updated = tx.run("update_differing", shape).count
        reach("merge.updated")
        unchanged = tx.run("advance_unchanged", shape).count
        reach("merge.advanced")
    superseded = staged - inserted - updated - unchanged
    return Written("merge", inserted, updated, unchanged, superseded)


def write_landing(tx: Transaction, landing: str, rows: pa.Table) -> Written:
    """Bulk copy into the load's landing table; what becomes of the rows is known when it is published."""
    tx.copy_in(landing, rows)
    reach("landing.copied")
    return Written("landing", inserted=rows.num_rows)
