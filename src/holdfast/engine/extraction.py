"""An extraction: one pass over the pages of an API or a feed, as the ledger knows it.

It is one version of a "file" whose name is the address, and its first page is planned with it; every other page is
added by the commit of the one before. One that is unfinished is gone on with before another begins.
"""

from __future__ import annotations

import xxhash

from holdfast.domain.chunk import FileStamp, PlannedChunk, Span
from holdfast.domain.contract import NO_SHARE, Contract
from holdfast.domain.errors import ContractError
from holdfast.domain.origin import CHUNK_STEP
from holdfast.domain.page import LOST_PATTERN, Place
from holdfast.engine.ledger import DatasetLock, FileLayout, FileVersion, Load, current_files, unfinished_loads
from holdfast.engine.planner import Plan, PlannedFile
from holdfast.engine.since import since_of
from holdfast.engine.spans import CutFile
from holdfast.ports.database import Database, Transaction


def plan_extraction(database: Database, contract: Contract) -> Plan:
    """What a load of an API or a feed would do: go on with an unfinished extraction, or begin one. Calls nobody."""
    web = contract.web
    if web is None:
        raise ContractError(f"contract {contract.name!r} has neither api nor feed")
    with database.reading() as tx:
        exists = bool(tx.run("ledger_exists").rows[0]["found"])
        current = current_files(tx, contract.name) if exists else []
        loads = unfinished_loads(tx, contract.name) if exists else []
        unfinished = {load.number for load in loads if not is_lost(tx, load)}
        under_way = next((file for file in current if file.load_number in unfinished and file.uri == web.uri), None)
        first = tx.run("page_first", dataset=contract.name, file_number=under_way.number) if under_way else None
        last = tx.run("page_last", dataset=contract.name, uri=web.uri).first if exists else None
    seen = tuple((file.number, file.content_hash) for file in current)
    stamp = FileStamp(uri=web.uri, size_bytes=0, modified="")
    if under_way and first:
        pages = int(first.rows[0]["written"] or 0)
        told = f"unfinished: goes on after {pages:,} page{'' if pages == 1 else 's'}"
        return Plan(contract, [PlannedFile(stamp, under_way.content_hash, known=under_way, extraction=told)], seen)
    place = first_place(contract, Place.from_json(last["place"]) if last else None)
    older = next((file for file in reversed(current) if file.uri == web.uri), None)
    # what was told once and is not told again stays as it was told: only a whole new telling takes its place
    is_whole = contract.api is not None and web.incremental is None and contract.write_disposition == "merge"
    planned = PlannedFile(
        stamp,
        content_hash=f"extraction {(older.version if older else 0) + 1}",
        layout=_layout(contract),
        cut=CutFile("", [PlannedChunk(Span(0, 1), "", first_line=1, lines=0, place=place.to_json())]),
        replaces=older if is_whole else None,
        follows=older,
        extraction=f"one extraction, {_asked(place)}; how many pages it has is not known beforehand",
    )
    return Plan(contract, [planned], seen)


def first_place(contract: Contract, last: Place | None) -> Place:
    """Where an extraction begins, after one that ended at `last`."""
    basis = _basis(contract)
    done = last.done if last and last.basis == basis else None
    if done is None:
        return Place(since=since_of(contract, None), basis=basis)
    return Place(
        since=since_of(contract, done.high), basis=basis, high=done.high, etag=done.etag, modified=done.modified
    )


def _basis(contract: Contract) -> str:
    """What is remembered holds for the same column only; and a feed is asked for anew where more is read of it."""
    if contract.feed:
        read = [column.model_dump_json() for column in contract.columns]
        return xxhash.xxh3_64_hexdigest("\n".join([*read, *contract.primary_key, contract.write_disposition]).encode())
    incremental = contract.web.incremental if contract.web else None
    return incremental.field if incremental else ""


def _asked(place: Place) -> str:
    if place.since:
        return f"of what is new since {place.since}"
    return "of what changed since the last" if place.etag or place.modified else "of everything"


def _layout(contract: Contract) -> FileLayout:
    names = tuple(column.header_names[0] for column in contract.columns)
    return FileLayout(names=names, newline="lf", encoding="utf-8", data_start=0, data_end=0, form="jsonl")


def reserve_numbers(tx: Transaction, lock: DatasetLock, contract: Contract, file: FileVersion | None) -> None:
    """Keep chunk numbers free for all pages there may be: a page's is its extraction's first plus its place in it.

    So the commit that adds a page need not lock the dataset. `file`: an extraction that goes on, maybe with more pages.
    """
    if contract.web is None:
        return
    first = lock.next_chunk - CHUNK_STEP
    if file:
        first = int(tx.run("page_first", dataset=contract.name, file_number=file.number).rows[0]["number"])
    end = first + contract.web.pages_max
    lock.next_chunk = max(lock.next_chunk, -(-end // CHUNK_STEP) * CHUNK_STEP)
    lock.save(tx)


def source_of(contract: Contract) -> tuple[str, str]:
    """Loads of one source can go on from each other's chunks; a load of another source is given up."""
    return (contract.web.uri, contract.web.form) if contract.web else ("", "")


def is_lost(tx: Transaction, load: Load) -> bool:
    """Is it an extraction whose next page the API does not know any more?"""
    if load.contract.web is None:
        return False
    found = tx.run("pages_lost", dataset=load.dataset, load_number=load.number, pattern=LOST_PATTERN).rows[0]
    return bool(found["pages"])


def refuse_share(contract: Contract, max_rejects: str | int | None) -> None:
    """Raises ContractError for a budget that is a share of a number nobody knows."""
    if contract.web and str(max_rejects or "").strip().endswith("%"):
        raise ContractError(NO_SHARE, hint="for instance: --max-rejects 100")
