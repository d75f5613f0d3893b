"""Writing a plan to the ledger: one transaction under the dataset's lock, so that two planners agree.

Files get their numbers in natural name order, chunks in the order of their files: `_origin`, and with it the winner
between two deliveries of a key, depends on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from holdfast.domain.chunk import ChunkState
from holdfast.domain.contract import Contract, parse_budget
from holdfast.domain.origin import origin_range
from holdfast.engine.drifting import record
from holdfast.engine.extraction import is_lost, refuse_share, reserve_numbers, source_of
from holdfast.engine.faults import reach
from holdfast.engine.landing import forget_landed, landing_shape, landing_table
from holdfast.engine.ledger import (
    ChunkRow,
    DatasetLock,
    Load,
    LoadKind,
    current_files,
    lock_dataset,
    lock_load,
    set_load_status,
    unfinished_loads,
)
from holdfast.engine.planner import Plan, PlannedFile
from holdfast.engine.spans import CutFile
from holdfast.engine.target import ensure_target, refuse_foreign_rows
from holdfast.ports.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Registered:
    """`load` is None where the plan had nothing new. `stale`: the ledger moved on, make the plan again."""

    load: Load | None = None
    stale: bool = False


def register(database: Database, plan: Plan, *, run_id: str, max_rejects: str | int | None) -> Registered:
    """Write the plan. Raises TargetMismatch, ContractError; then nothing was written."""
    contract = plan.contract
    refuse_share(contract, max_rejects)
    with database.transaction() as tx:
        lock = lock_dataset(tx, contract)
        seen = tuple((file.number, file.content_hash) for file in current_files(tx, contract.name))
        if seen != plan.seen or _written_meanwhile(tx, plan):
            return Registered(stale=True)
        ensure_target(tx, contract)
        if lock.next_load == 1:
            refuse_foreign_rows(tx, contract)
        if _gave_up_replace_of_other_kind(tx, contract) or _gave_up_other_sources(tx, contract):
            return Registered(stale=True)
        load = None
        if plan.to_register:
            _give_up_older_replaces(tx, plan, contract)
            load = _add_load(tx, lock, plan, run_id, max_rejects)
            _add_files(tx, lock, load, plan.to_register)
            if plan.kind is LoadKind.REPLACE:
                _replace_older_files(tx, contract.name, load)
            record(tx, contract.name, run_id, plan.noted)
            lock.save(tx)
        reserve_numbers(tx, lock, contract, None if load else next((file.known for file in plan.files), None))
        _reopen(tx, contract, max_rejects, new=load)
        reach("plan.registered")
    reach("plan.committed")
    return Registered(load)


def _written_meanwhile(tx: Transaction, plan: Plan) -> bool:
    """Did a worker write a chunk the plan lets go unwritten? Locked, so that none does from here on."""
    waiting = [chunk.number for file in plan.to_register for chunk in file.gone if chunk.state is not ChunkState.DONE]
    states = [tx.run("lock_chunk", dataset=plan.contract.name, number=number).rows[0]["state"] for number in waiting]
    return ChunkState.DONE in states


def _budget(contract: Contract, plan: Plan, max_rejects: str | int | None) -> int | None:
    value = contract.max_rejects if max_rejects is None else max_rejects
    return None if value is None else parse_budget(value).rows_of(plan.rows_about)


def _add_load(tx: Transaction, lock: DatasetLock, plan: Plan, run_id: str, max_rejects: str | int | None) -> Load:
    contract = plan.contract
    number = lock.take_load()
    tx.run(
        "load_add",
        dataset=contract.name,
        number=number,
        kind=str(plan.kind),
        rejects_max=_budget(contract, plan, max_rejects),
        contract=contract.model_dump_json(by_alias=True),
        run_id=run_id,
    )
    load = lock_load(tx, contract.name, number)
    if load.kind.lands:
        tx.run("drop_landing", landing_shape(load))  # of a ledger that is gone
        _create_landing(tx, load)
    return load


def _create_landing(tx: Transaction, load: Load) -> None:
    """Like the target where it may take its place, else as plain as can be: its rows have been checked already."""
    shape = landing_shape(load)
    to_compare = load.kind is LoadKind.LOAD and tx.run("holds_rows", shape).rows[0]["found"]
    tx.run("create_landing_plain" if to_compare else "create_landing", shape)


def _add_files(tx: Transaction, lock: DatasetLock, load: Load, planned: list[PlannedFile]) -> None:
    """Two statements for what is new, however many files there are; what is replaced or moved has its own."""
    files: list[dict[str, Any]] = []
    chunks: list[dict[str, Any]] = []
    for file in planned:
        if file.replaces:
            tx.run("file_replaced", dataset=load.dataset, number=file.replaces.number, load_number=load.number)
            if file.extraction:
                tx.run("file_rejects_drop", dataset=load.dataset, file_number=file.replaces.number)
        for chunk in file.gone:
            _let_go(tx, load, chunk)
        if file.cut is None or file.layout is None:
            continue
        number, older = lock.take_file(), file.replaces or file.follows
        files.append(
            {
                "dataset": load.dataset,
                "number": number,
                "load_number": load.number,
                "uri": file.stamp.uri,
                "version": older.version + 1 if older else 1,
                "content_hash": file.content_hash,
                "size_bytes": file.stamp.size_bytes,
                "modified": file.stamp.modified,
                "layout": file.layout.to_json(),
            }
        )
        chunks += _new_chunks(tx, lock, load, number, file.cut)
    tx.run_many("file_add", files)
    tx.run_many("chunk_add", chunks)


def _let_go(tx: Transaction, load: Load, chunk: ChunkRow) -> None:
    """A chunk whose bytes are gone. If its rows are in the table they stay (merge), or the publish takes them out."""
    in_table = chunk.state is ChunkState.DONE
    if not in_table:
        tx.run("chunk_drop", dataset=load.dataset, number=chunk.number)
    if not in_table or load.contract.write_disposition == "merge":
        drop_rejects(tx, load.dataset, chunk.number)  # the new version says these rows anew


def drop_rejects(tx: Transaction, dataset: str, chunk_number: int) -> None:
    start, end = origin_range(chunk_number)
    tx.run("rejects_drop", dataset=dataset, origin_start=start, origin_end=end)


def _new_chunks(tx: Transaction, lock: DatasetLock, load: Load, file_number: int, cut: CutFile) -> list[dict[str, Any]]:
    """The chunks to be added, once those that are kept are moved to their places in this version."""
    numbers = _numbers(tx, load.dataset, cut, bool(load.contract.primary_key))
    new = []
    for ordinal, planned in enumerate(cut.chunks):
        place: dict[str, Any] = {
            "dataset": load.dataset,
            "file_number": file_number,
            "load_number": load.number,
            "ordinal": ordinal,
            "span_start": planned.span.start,
            "span_end": planned.span.end,
            "first_line": planned.first_line,
        }
        old = cut.kept.get(ordinal)
        number = numbers.get(ordinal) or lock.take_chunk()
        if old is None or old.number != number:
            pinned = {"span_hash": planned.span_hash, "lines": planned.lines, "place": planned.place}
            new.append({**place, **pinned, "number": number})
            if old:
                _let_go(tx, load, old)
            continue
        tx.run("chunk_move", **place, number=number)
        origin_start, origin_end = origin_range(old.number)
        tx.run(
            "chunks_move_rejects",
            dataset=load.dataset,
            file_number=file_number,
            lines_by=planned.first_line - old.first_line,
            bytes_by=planned.span.start - old.span.start,
            origin_start=origin_start,
            origin_end=origin_end,
        )
    return new


def _numbers(tx: Transaction, dataset: str, cut: CutFile, keyed: bool = True) -> dict[int, int]:
    """Numbers by place in the file, growing along it: kept chunks have theirs, changed ones fit in before them.

    What is missing (the file's end, and all that follows a gap that is full) is to get the dataset's next numbers.
    """
    numbers: dict[int, int] = {}
    changed: list[int] = []
    for ordinal in range(len(cut.chunks)):
        old = cut.kept.get(ordinal)
        if old is None:
            changed.append(ordinal)
            continue
        below = tx.run("chunk_below", dataset=dataset, number=old.number).rows[0]["number"]
        is_full = below + len(changed) >= old.number
        if changed and keyed and (is_full or _left_rows_to_earlier(tx, dataset, old)):
            break
        if changed and is_full:
            changed = []  # without a key the order decides nothing: what is in the table keeps its number
        numbers |= {place: below + i for i, place in enumerate(changed, 1)} | {ordinal: old.number}
        changed = []
    return numbers


def _left_rows_to_earlier(tx: Transaction, dataset: str, chunk: ChunkRow) -> bool:
    """Did this chunk, or one after it in the file, leave equal rows their older `_origin`?

    A change in front of it would win over those rows, though it stands before them.
    """
    return bool(tx.run("rows_left_from", dataset=dataset, number=chunk.number).rows[0]["found"])


def _give_up_older_replaces(tx: Transaction, plan: Plan, contract: Contract) -> None:
    """A replace load that never published is overtaken by this one."""
    if plan.kind is not LoadKind.REPLACE:
        return
    for load in unfinished_loads(tx, contract.name):
        if load.kind is LoadKind.REPLACE:
            abandon(tx, load)


def _gave_up_replace_of_other_kind(tx: Transaction, contract: Contract) -> bool:
    """A replace load that was under way when the contract turned to merge or append would empty the table later on."""
    if contract.write_disposition == "replace":
        return False
    overtaken = [load for load in unfinished_loads(tx, contract.name) if load.kind is LoadKind.REPLACE]
    for load in overtaken:
        abandon(tx, load)
    return bool(overtaken)


def _gave_up_other_sources(tx: Transaction, contract: Contract) -> bool:
    """Pages of another address, or that lead on in another way, are not gone on with; nor are files beside pages.

    Nor is an extraction that the API does not let us go on with.
    """
    unfinished, source = unfinished_loads(tx, contract.name), source_of(contract)
    strange = [load for load in unfinished if source_of(load.contract) != source or is_lost(tx, load)]
    for load in strange:
        abandon(tx, load)
    return bool(strange)


def abandon(tx: Transaction, load: Load) -> None:
    """Give a load up: its unfinished chunks are dropped, its landing table goes, what was visible stays.

    The files it was about are not known then, and those it was to replace are current as before.
    """
    for row in tx.run("load_chunks", dataset=load.dataset, load_number=load.number).rows:
        if row["state"] != ChunkState.DONE:
            tx.run("chunk_drop", dataset=load.dataset, number=row["number"])
            drop_rejects(tx, load.dataset, row["number"])
    if load.kind.lands:
        forget_landed(tx, load)
    tx.run("files_give_up", dataset=load.dataset, load_number=load.number)
    tx.run("files_give_back", dataset=load.dataset, load_number=load.number)
    set_load_status(tx, load, "abandoned")


def start_over(tx: Transaction, load: Load) -> None:
    """What landed is to be loaded again; its rows and rejects go."""
    for row in tx.run("chunks_landed", dataset=load.dataset, load_number=load.number).rows:
        origin_start, origin_end = origin_range(row["number"])
        tx.run("rejects_forget", dataset=load.dataset, origin_start=origin_start, origin_end=origin_end)
    tx.run("chunks_start_over", dataset=load.dataset, load_number=load.number)
    tx.run("pages_start_over", dataset=load.dataset, load_number=load.number)
    forget_landed(tx, load)


def _land_anew(tx: Transaction, load: Load, contract: Contract) -> None:
    """A landing table that is gone, or was made for other columns than the contract's of today, is made again."""
    if load.kind.lands and (_shape_of(load.contract) != _shape_of(contract) or not tx.reflect(landing_table(load))):
        start_over(tx, load)
        _create_landing(tx, replace(load, contract=contract))


def _shape_of(contract: Contract) -> tuple[object, ...]:
    return contract.table, contract.columns, contract.primary_key, contract.sequence


def _replace_older_files(tx: Transaction, dataset: str, load: Load) -> None:
    for file in current_files(tx, dataset):
        if file.load_number != load.number:
            tx.run("file_replaced", dataset=dataset, number=file.number, load_number=load.number)


def _reopen(tx: Transaction, contract: Contract, max_rejects: str | int | None, *, new: Load | None) -> None:
    """Loads begun before go on: under today's budget, with today's contract, their failed chunks tried once more."""
    for load in unfinished_loads(tx, contract.name):
        if new and load.number == new.number:
            continue
        _land_anew(tx, load, contract)
        budget = load.rejects_max
        if max_rejects is not None or load.status == "stopped":
            row = tx.run("load_lines", dataset=contract.name, load_number=load.number).rows[0]
            value = contract.max_rejects if max_rejects is None else max_rejects
            budget = None if value is None else parse_budget(value).rows_of(int(row["lines"]))
        tx.run(
            "load_reopen",
            dataset=contract.name,
            number=load.number,
            rejects_max=budget,
            contract=contract.model_dump_json(by_alias=True),
        )
    tx.run("chunks_retry_failed", dataset=contract.name)
