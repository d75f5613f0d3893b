"""Publishing a load that becomes visible as a whole: readers see nothing of it, then everything.

One transaction: what the load replaces goes out, its landed rows go in, the ledger is told. Killed in it, nothing
happened, and whoever looks next does it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog

from holdfast.domain.chunk import ChunkState
from holdfast.domain.counts import RowCounts
from holdfast.domain.errors import ConstraintViolation, RowsUnaccounted, StatementFailed, UniqueViolation
from holdfast.domain.origin import origin_range
from holdfast.domain.table import MergeShape
from holdfast.engine.commit import LedgerLine, finish_chunk
from holdfast.engine.faults import reach
from holdfast.engine.landed import Fates, fill_empty, merge_into, take_place
from holdfast.engine.landing import forget_landed, landing_shape, waiting_relation
from holdfast.engine.ledger import Load, LoadKind, lock_dataset, lock_load
from holdfast.engine.merge import merge_shape, teller_of
from holdfast.engine.register import drop_rejects, start_over
from holdfast.engine.stages import recorded_stage
from holdfast.engine.touching import touches_of_moves
from holdfast.ports.database import Database, Row, Transaction
from holdfast.touches import add_touches, relation_of

log = structlog.get_logger("holdfast.publish")
_WRITTEN = (ChunkState.DONE, ChunkState.LANDED)
_UNDER_WAY = (ChunkState.READY, ChunkState.CLAIMED)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """How a load's chunks stand."""

    states: list[ChunkState]

    @property
    def all_written(self) -> bool:
        return all(state in _WRITTEN for state in self.states)

    @property
    def rest_failed(self) -> bool:
        """Nothing is under way, and something landed beside what failed."""
        return not any(state in _UNDER_WAY for state in self.states) and ChunkState.LANDED in self.states


def close_load(database: Database, load: Load, *, run_id: str) -> bool:
    """End a load whose chunks are all written, publishing it where that is still to do. False: it is not complete.

    One that landed for speed alone and that the table refuses as a whole (a foreign key, a unique index, a trigger of
    its own) goes on chunk by chunk: then only chunks with such rows fail.
    """
    try:
        with recorded_stage(run_id, "publish", f"load {load.number}") as stage:
            is_closed = _close(database, load, run_id)
            if not (is_closed and load.kind.lands):
                stage.forget()
        if is_closed:
            log.info("load done", load=load.number, kind=str(load.kind))
        return is_closed
    except (UniqueViolation, ConstraintViolation, StatementFailed, RowsUnaccounted) as refused:
        if not _goes_on_chunkwise(database, load):
            raise
        log.warning(
            "could not be published as a whole, goes on chunk by chunk", load=load.number, error=refused.message
        )
        return False


def _goes_on_chunkwise(database: Database, load: Load) -> bool:
    with database.transaction() as tx:
        lock_dataset(tx, load.contract)
        load = lock_load(tx, load.dataset, load.number)
        if load.status != "open" or not load.may_publish_in_part:
            return False
        start_over(tx, load)
        tx.run("load_goes_chunkwise", dataset=load.dataset, number=load.number)
    return True


def _close(database: Database, load: Load, run_id: str) -> bool:
    with database.transaction() as tx:
        lock_dataset(tx, load.contract)
        load = lock_load(tx, load.dataset, load.number)
        if load.status != "open":
            return load.status == "done"
        rows = tx.run("load_chunks", dataset=load.dataset, load_number=load.number).rows
        chunks = _Chunks([ChunkState(row["state"]) for row in rows])
        if not chunks.all_written:
            if load.may_publish_in_part and chunks.rest_failed:
                _publish(tx, load, run_id)
                tx.run("load_goes_chunkwise", dataset=load.dataset, number=load.number)
            return False
        removed = _publish(tx, load, run_id) if load.kind.lands else 0
        tx.run("load_done", dataset=load.dataset, number=load.number, rows_removed=removed, run_id=run_id)
        reach("publish.finished")
    reach("publish.committed")
    return True


def _publish(tx: Transaction, load: Load, run_id: str) -> int:
    """Make what landed visible; returns how many rows the load took out of the table."""
    reach("publish.begun")
    shape = landing_shape(load)
    tx.run("tune_publish")
    tx.run("lock_target", shape)
    removed = _remove_replaced(tx, load, run_id)
    reach("publish.removed")
    swaps = _may_swap(tx, load, shape)
    if not swaps:
        tx.run("let_landed_go", shape)
    let_go = tx.run("chunks_let_go", dataset=load.dataset, load_number=load.number).rows
    _delete_chunks(tx, replace(shape, target=shape.landing), let_go)
    tx.run_many("touches_let_go", [{"waiting": waiting_relation(load), "chunk": row["number"]} for row in let_go])
    landed = tx.run("chunks_landed", dataset=load.dataset, load_number=load.number).rows
    if load.kind is LoadKind.REPLACE or not tx.run("holds_rows", shape).rows[0]["found"]:
        rows = sum(row["rows_inserted"] for row in landed)
        fates = take_place(tx, shape, rows) if swaps else fill_empty(tx, shape, rows)
    elif load.contract.primary_key:
        others = tx.run("unfinished_chunks", dataset=load.dataset, load_number=load.number).rows[0]["found"]
        fates = merge_into(tx, shape, teller_of(load.contract, run_id), may_be_overtaken=bool(others))
    else:
        tx.run("fill_target", shape)
        fates = Fates("inserted")
    reach("publish.rows_written")
    _tell_touches(tx, load, fates, run_id)
    for row in landed:
        _account(tx, load, row, fates, run_id)
    forget_landed(tx, load)
    return removed


def _tell_touches(tx: Transaction, load: Load, fates: Fates, run_id: str) -> None:
    table = load.contract.table
    if fates.touches is None:
        tx.run("touches_publish", relation=relation_of(table), waiting=waiting_relation(load))
    for chunk, touches in sorted((fates.touches or {}).items()):
        add_touches(tx, table, run_id, touches, dataset=load.dataset, chunk=chunk)


def _may_swap(tx: Transaction, load: Load, shape: MergeShape) -> bool:
    """May the landing table become the table?

    Its rows were committed one chunk after another, so a reader with an older snapshot would see a part of them: not
    where all or nothing was asked for.
    """
    return load.may_publish_in_part and not tx.run("swap_obstacles", shape).rows


def _account(tx: Transaction, load: Load, row: Row, fates: Fates, run_id: str) -> None:
    """The ledger's line about a chunk, now that the fates of its rows are known."""
    written = fates.of_chunk(row["number"], row["rows_inserted"])
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
    reach("publish.chunk_accounted")


def _remove_replaced(tx: Transaction, load: Load, run_id: str) -> int:
    """Take out what the load replaces: everything, or (append) the rows of its files' older versions. Returns rows."""
    gone = []
    if load.kind is LoadKind.REPLACE:
        gone = tx.run("chunks_of_other_loads", dataset=load.dataset, load_number=load.number).rows
    elif load.contract.write_disposition == "append":
        gone = tx.run("chunks_to_remove", dataset=load.dataset, load_number=load.number).rows
    for row in gone:  # first, for it waits for a replay into the chunk; what that wrote is then seen and goes out too
        tx.run("chunk_drop", dataset=load.dataset, number=row["number"])
        drop_rejects(tx, load.dataset, row["number"])
    shape = merge_shape(load.contract)
    if load.kind is LoadKind.REPLACE:
        _tell_removed(tx, load, tx.run("all_by_partition", shape).rows, run_id)
        return tx.run("delete_all", shape).count
    for row in gone:
        start, end = origin_range(row["number"])
        rows = tx.run("origins_by_partition", shape, origin_start=start, origin_end=end).rows
        _tell_removed(tx, load, rows, run_id, row["number"])
    return _delete_chunks(tx, shape, gone)


def _tell_removed(tx: Transaction, load: Load, rows: list[Row], run_id: str, chunk: int | None = None) -> None:
    removed = touches_of_moves([row for row in rows if row["row_count"]])
    add_touches(tx, load.contract.table, run_id, removed, dataset=load.dataset, chunk=chunk)


def _delete_chunks(tx: Transaction, shape: MergeShape, chunks: list[Row]) -> int:
    """Take these chunks' rows out of the shape's target; returns how many they were."""
    deleted = 0
    for row in chunks:
        start, end = origin_range(row["number"])
        deleted += tx.run("delete_origins", shape, origin_start=start, origin_end=end).count
    return deleted
