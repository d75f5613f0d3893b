"""Publishing a load that becomes visible as a whole: readers see nothing of it, then everything.

One transaction: what the load replaces goes out, its chunks are merged in their order, the ledger is told. Killed in
it, nothing happened, and whoever looks next does it again.
"""

from __future__ import annotations

from dataclasses import replace

from holdfast.domain.chunk import ChunkState
from holdfast.domain.counts import RowCounts
from holdfast.domain.origin import origin_range
from holdfast.engine.commit import LedgerLine, finish_chunk
from holdfast.engine.faults import reach
from holdfast.engine.landing import landing_shape
from holdfast.engine.ledger import Load, LoadKind, lock_dataset, lock_load
from holdfast.engine.merge import STAGING, Written, merge_shape, merge_staged
from holdfast.engine.register import drop_rejects
from holdfast.ports.database import Database, Row, Transaction

_FINISHED = (ChunkState.DONE, ChunkState.LANDED)


def close_load(database: Database, load: Load, *, run_id: str) -> bool:
    """End a load whose chunks are all written, publishing it where that is still to do. False: it is not complete."""
    with database.transaction() as tx:
        lock_dataset(tx, load.contract)
        load = lock_load(tx, load.dataset, load.number)
        if load.status != "open":
            return load.status == "done"
        chunks = tx.run("load_chunks", dataset=load.dataset, load_number=load.number).rows
        if any(ChunkState(row["state"]) not in _FINISHED for row in chunks):
            return False
        removed = _publish(tx, load, run_id) if load.kind.lands else 0
        tx.run("load_done", dataset=load.dataset, number=load.number, rows_removed=removed, run_id=run_id)
        reach("publish.finished")
    reach("publish.committed")
    return True


def _publish(tx: Transaction, load: Load, run_id: str) -> int:
    """Make the load visible; returns how many rows it took out of the table."""
    reach("publish.begun")
    removed = _remove_replaced(tx, load)
    reach("publish.removed")
    landing = landing_shape(load)
    landed = tx.run("chunks_landed", dataset=load.dataset, load_number=load.number).rows
    if len(landed) > 1:
        tx.run("index_landing", landing)
    for row in landed:
        written = _merge_landed(tx, load, row)
        counts = RowCounts(
            read=row["rows_read"],
            inserted=written.inserted,
            updated=written.updated,
            unchanged=written.unchanged,
            superseded=row["rows_superseded"] + written.superseded,
            rejected=row["rows_rejected"],
        )
        line = LedgerLine(ChunkState.DONE, "landing", counts, row["blank_lines"], row["comment_lines"])
        finish_chunk(tx, load.dataset, row["number"], row["epoch"], line, run_id)
        reach("publish.chunk_merged")
    tx.run("drop_landing", landing)
    return removed


def _remove_replaced(tx: Transaction, load: Load) -> int:
    """Take out what the load replaces: everything, or (append) the rows of its files' older versions. Returns rows."""
    removed, gone = 0, []
    if load.kind is LoadKind.REPLACE:
        gone = tx.run("chunks_of_other_loads", dataset=load.dataset, load_number=load.number).rows
    elif load.contract.write_disposition == "append":
        gone = tx.run("chunks_to_remove", dataset=load.dataset, load_number=load.number).rows
    for row in gone:  # first, for it waits for a replay into the chunk; what that wrote is then seen and goes out too
        tx.run("chunk_drop", dataset=load.dataset, number=row["number"])
        drop_rejects(tx, load.dataset, row["number"])
    shape = merge_shape(load.contract)
    if load.kind is LoadKind.REPLACE:
        return tx.run("delete_all", shape).count
    for row in gone:
        start, end = origin_range(row["number"])
        removed += tx.run("delete_origins", shape, origin_start=start, origin_end=end).count
    return removed


def _merge_landed(tx: Transaction, load: Load, row: Row) -> Written:
    """Merge one chunk's landed rows into the table, by the same statements as any other chunk."""
    start, end = origin_range(row["number"])
    landing, merging = landing_shape(load), merge_shape(load.contract)
    if not load.contract.primary_key:
        inserted = tx.run("insert_landed", landing, origin_start=start, origin_end=end).count
        return Written("landing", inserted)
    tx.run("create_staging", merging)
    staged = tx.run("stage_landed", replace(landing, target=STAGING), origin_start=start, origin_end=end).count
    written = merge_staged(tx, merging, staged)
    tx.run("drop_staging", merging)
    return written
