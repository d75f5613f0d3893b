"""Writing a chunk's rows so that any order of chunks ends in the same table (P5).

Before the database sees them, a chunk's rows are put in key order (so workers meet at a key from the same side, and
the index is filled in order) and left with one row a key: the one with the greatest (sequence, _origin).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from holdfast.domain.contract import Contract
from holdfast.domain.errors import UniqueViolation
from holdfast.domain.table import MergeShape
from holdfast.engine.faults import reach
from holdfast.engine.touching import touches_of, touches_of_moves
from holdfast.ports.database import Transaction
from holdfast.touches import Touches, added

if TYPE_CHECKING:
    import pyarrow as pa

Way = Literal["direct", "merge", "landing"]
STAGING = "holdfast_staging"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the rows that were written; `superseded` counts those that lost to a row of the table.

    `touches`: the partitions in which something really changed.
    """

    way: Way
    inserted: int
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    touches: Touches = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Teller:
    """In whose name values are replaced: what the history of values says of it. None keeps no history."""

    dataset: str
    run_id: str


def teller_of(contract: Contract, run_id: str) -> Teller | None:
    return Teller(contract.name, run_id) if contract.keeps_history else None


def merge_shape(contract: Contract, landing: str = "") -> MergeShape:
    return MergeShape(
        target=contract.table,
        staging=STAGING,
        columns=contract.column_names,
        key=tuple(contract.primary_key),
        sequence=contract.sequence,
        processed_at=contract.processed_at,
        landing=landing,
        partition=contract.table_partition,
    )


def write_direct(tx: Transaction, contract: Contract, rows: pa.Table) -> Written | None:
    """Bulk copy straight into the table; None: a key was there already, and nothing was written."""
    try:
        with tx.transaction() as savepoint:
            savepoint.copy_in(contract.table, rows)
            reach("direct.copied")
    except UniqueViolation:
        return None
    return _all_inserted(contract, rows)


def _all_inserted(contract: Contract, rows: pa.Table) -> Written:
    return Written("direct", inserted=rows.num_rows, touches=touches_of(rows, contract.table_partition))


def write_keyless(tx: Transaction, contract: Contract, rows: pa.Table) -> Written:
    tx.copy_in(contract.table, rows)
    reach("direct.copied")
    return _all_inserted(contract, rows)


def write_asking(tx: Transaction, contract: Contract, rows: pa.Table, run_id: str) -> Written:
    """Where a part of a transaction cannot be undone: ask whether a key is there already, then copy or merge."""
    shape = merge_shape(contract)
    _stage(tx, shape, rows)
    if tx.run("staged_known", shape).rows[0]["found"]:
        written = merge_staged(tx, shape, rows, teller_of(contract, run_id))
    else:
        written = write_keyless(tx, contract, rows)
    tx.run("drop_staging", shape)
    return written


def write_merge(tx: Transaction, contract: Contract, rows: pa.Table, run_id: str) -> Written:
    """Bulk copy into a staging table, then merge it into the table."""
    shape = merge_shape(contract)
    _stage(tx, shape, rows)
    written = merge_staged(tx, shape, rows, teller_of(contract, run_id))
    tx.run("drop_staging", shape)
    return written


def _stage(tx: Transaction, shape: MergeShape, rows: pa.Table) -> None:
    tx.run("create_staging", shape)
    tx.copy_in(STAGING, rows)
    reach("merge.staged")


def merge_staged(tx: Transaction, shape: MergeShape, rows: pa.Table, teller: Teller | None) -> Written:
    """Merge a staging table of these rows, one a key, into its target."""
    staged = rows.num_rows
    inserted = tx.run("insert_missing", shape).count
    reach("merge.inserted")
    touches = _inserted_touches(tx, shape, rows, inserted)
    updated = unchanged = 0
    if inserted < staged and tx.run("lock_older", shape).rows[0]["older"]:
        reach("merge.locked")
        differing = tx.run("differing_by_partition", shape).rows
        if differing:
            touches = added(touches, touches_of_moves(differing))
            if teller:
                tx.run("history_add", shape, dataset=teller.dataset, run_id=teller.run_id)
            updated = tx.run("update_differing", shape).count
        reach("merge.updated")
        unchanged = tx.run("advance_unchanged", shape).count
        reach("merge.advanced")
    superseded = staged - inserted - updated - unchanged
    return Written("merge", inserted, updated, unchanged, superseded, touches)


def _inserted_touches(tx: Transaction, shape: MergeShape, rows: pa.Table, inserted: int) -> Touches:
    """The database is asked only where a part of the rows was inserted."""
    if not inserted or inserted == rows.num_rows:
        return touches_of(rows, shape.partition) if inserted else {}
    return touches_of_moves(tx.run("inserted_by_partition", shape).rows)


def write_landing(tx: Transaction, contract: Contract, landing: str, rows: pa.Table) -> Written:
    """Bulk copy into the load's landing table; what becomes of the rows is known when it is published."""
    tx.copy_in(landing, rows)
    reach("landing.copied")
    return Written("landing", inserted=rows.num_rows, touches=touches_of(rows, contract.table_partition))
