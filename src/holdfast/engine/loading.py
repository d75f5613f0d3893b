"""A load from its plan to its last line: plan, register, let workers work, and say what happened to every row (P7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.domain.contract import Contract
from holdfast.domain.counts import RowCounts
from holdfast.domain.errors import ChunkFailed, DriftRefused, HoldfastError, RejectBudgetExceeded
from holdfast.domain.page import WARNINGS_PATTERN, warnings_of
from holdfast.engine.drifting import record
from holdfast.engine.extraction import plan_extraction
from holdfast.engine.ledger import counts_of, unfinished_loads
from holdfast.engine.merge import merge_shape
from holdfast.engine.owed import LOADS_MAX, Owed
from holdfast.engine.planner import Plan, make_plan
from holdfast.engine.register import Registered, register
from holdfast.ports.database import Database, Row, Transaction
from holdfast.ports.source import Source


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that is in the ledger. `files_known`: files whose bytes were loaded, or planned, before."""

    plan: Plan
    registered: Registered

    @property
    def files_known(self) -> int:
        return len(self.plan.files) - len(self.plan.to_register)


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one run did to one dataset. `counts` are this run's; `chunks_*` are those of the loads it owed."""

    dataset: str
    table: str
    counts: RowCounts
    removed: int  # rows of replaced file versions, or of the replaced table, that were taken out
    files_loaded: int
    files_known: int
    chunks_done: int
    chunks_total: int
    chunks_failed: int
    ways: dict[str, int]
    table_rows: int | None = None
    warnings: list[str] = field(default_factory=list)


def plan(
    database: Database,
    source: Source,
    contract: Contract,
    patterns: list[str],
    *,
    landing_rows_min: int | None = None,
) -> Plan:
    """What a load would do: of files, or of the pages of an API or a feed. Writes nothing."""
    if contract.web:
        return plan_extraction(database, contract)
    return make_plan(database, source, contract, patterns, landing_rows_min=landing_rows_min)


def prepare(
    database: Database,
    source: Source,
    contract: Contract,
    patterns: list[str],
    *,
    run_id: str,
    max_rejects: str | int | None = None,
    landing_rows_min: int | None = None,
) -> Prepared:
    """Plan and register. A planner that was overtaken by another one plans again; what the other did is known then."""
    while True:
        try:
            planned = plan(database, source, contract, patterns, landing_rows_min=landing_rows_min)
        except DriftRefused as error:
            with database.transaction() as tx:
                record(tx, contract.name, run_id, error.noted)
            raise
        registered = register(database, planned, run_id=run_id, max_rejects=max_rejects)
        if not registered.stale:
            return Prepared(planned, registered)


def is_open(database: Database, owed: Owed) -> bool:
    """Is there a load among the owed ones that a worker could do anything for?"""
    with database.reading() as tx:
        return any(row["number"] <= owed.last for row in tx.run("open_loads", dataset=owed.dataset).rows)


def chunks_waiting(database: Database, dataset: str) -> int:
    """How many planned chunks of the dataset are not written yet."""
    with database.reading() as tx:
        if not tx.run("ledger_exists").rows[0]["found"]:
            return 0
        return int(tx.run("chunks_waiting", dataset=dataset).rows[0]["chunks"])


def contract_in_ledger(database: Database, dataset: str) -> Contract | None:
    """The contract of the dataset's oldest unfinished load: what a bare worker goes by. None: all are finished."""
    with database.reading() as tx:
        return next((load.contract for load in unfinished_loads(tx, dataset)), None)


def progress(database: Database, owed: Owed) -> Row:
    """How far the owed loads are: bytes, rows and chunks, done and in all."""
    with database.reading() as tx:
        return _progress(tx, owed)


def _progress(tx: Transaction, owed: Owed) -> Row:
    return tx.run("progress", dataset=owed.dataset, first=owed.first, last=owed.last).rows[0]


def verdict(database: Database, contract: Contract, owed: Owed) -> HoldfastError | None:
    """Why the owed loads are not finished; None: they are, and every chunk of them is done."""
    with database.reading() as tx:
        loads = [load for load in unfinished_loads(tx, contract.name) if load.number <= owed.last]
        failed = tx.run("chunks_failed", dataset=contract.name, load_max=owed.last).rows
    stopped = next((load for load in loads if load.status == "stopped"), None)
    if stopped:
        return RejectBudgetExceeded(
            stopped.error or f"load {stopped.number} of {contract.name} was stopped",
            hint=f"see: holdfast rejects list {contract.name}; or load again with a higher --max-rejects",
        )
    if failed:
        return _chunks_failed(contract.name, failed)
    if loads:
        return ChunkFailed(
            f"{contract.name}: load {loads[0].number} is not finished; what was committed stays",
            hint=f"run it again: holdfast load {contract.name}",
        )
    return None


def _chunks_failed(dataset: str, failed: list[Row]) -> ChunkFailed:
    first = failed[0]
    return ChunkFailed(
        f"{dataset}: {len(failed)} chunk(s) failed, others are committed; chunk {first['number']}: {first['error']}",
        hint=f"see: holdfast chunks {dataset} --state failed; then run the load again",
    )


def report(
    database: Database,
    contract: Contract,
    *,
    run_id: str,
    files_known: int,
    owed: Owed | None,
) -> LoadReport:
    """What the run did, read from the ledger, and the table counted against it where anything was done.

    `owed` is None where nothing was: the chunks are then those of all loads.
    """
    with database.reading() as tx:
        row = tx.run("run_counts", dataset=contract.name, run_id=run_id).rows[0]
        removed = int(tx.run("run_removed", dataset=contract.name, run_id=run_id).rows[0]["removed"])
        far = _progress(tx, owed or Owed(contract.name, 0, LOADS_MAX))
        counts = counts_of(row)
        table_rows, warnings = None, []
        if counts.read or removed:
            both = tx.run("table_and_ledger", merge_shape(contract), dataset=contract.name).rows[0]
            table_rows, warnings = int(both["table_rows"]), _compare(contract, both)
        said = tx.run("page_warnings", dataset=contract.name, run_id=run_id, pattern=WARNINGS_PATTERN).rows
        warnings += [warning for row in said for warning in warnings_of(row["place"])]
    if counts.read and counts.rejected == counts.read:
        warnings.append("every row was rejected: does the contract fit these files?")
    return LoadReport(
        dataset=contract.name,
        table=contract.table,
        counts=counts,
        removed=removed,
        files_loaded=int(row["files"]),
        files_known=files_known + int(row["files_met"]) - int(row["files"]),
        chunks_done=int(far["chunks_done"]),
        chunks_total=int(far["chunks_total"]),
        chunks_failed=int(far["chunks_failed"]),
        ways={way: int(row[way]) for way in ("direct", "merge", "landing")},
        table_rows=table_rows,
        warnings=warnings,
    )


def _compare(contract: Contract, both: Row) -> list[str]:
    table_rows, ledger_rows = int(both["table_rows"]), int(both["ledger_rows"])
    if table_rows >= ledger_rows:
        return []
    return [
        f"{contract.table} holds {table_rows:,} rows, {ledger_rows - table_rows:,} fewer than Holdfast put there:"
        " somebody deleted rows"
    ]
