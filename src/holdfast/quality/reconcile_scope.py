"""What the ledger says should be in a dataset's table: chunks with their files and contracts, and rows mended since."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from holdfast.domain.chunk import ChunkState
from holdfast.domain.contract import Contract
from holdfast.domain.errors import TargetMismatch, UsageError
from holdfast.domain.origin import origin_range
from holdfast.engine.claims import Claim, claim_of
from holdfast.engine.ledger import FileVersion, file_version
from holdfast.engine.target import compare, target_definition
from holdfast.ports.database import Row, Transaction
from holdfast.quality.reconcile_compare import Ids

MENDED_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class ScopeChunk:
    """A chunk whose rows are in the table. `why_not`: why it is not even tried to read it again."""

    claim: Claim
    file: FileVersion
    is_current: bool  # its file version is the newest of its address
    rows_read: int
    rows_inserted: int
    rows_rejected: int
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """`contract`: the newest load's; `contracts`: each load's own. `unfinished`: chunks not in the table, by state."""

    dataset: str
    contract: Contract
    contracts: dict[int, Contract]
    chunks: list[ScopeChunk]
    mended: Ids
    unfinished: dict[str, int]

    @property
    def rows_in_ledger(self) -> int:
        return sum(chunk.rows_inserted for chunk in self.chunks)

    def sampled(self, share: float, seed: int) -> Scope:
        """The same with only so many of the chunks (one at least), chosen by `seed`."""
        count = min(len(self.chunks), max(1, round(share * len(self.chunks))))
        chosen = sorted(random.Random(seed).sample(range(len(self.chunks)), count))  # noqa: S311 - no secret
        return replace(self, chunks=[self.chunks[i] for i in chosen])


def read_scope(tx: Transaction, dataset: str) -> Scope:
    """Raises UsageError where nothing was loaded, TargetMismatch where the table is gone or of other columns."""
    has_ledger = tx.run("ledger_exists").rows[0]["found"]
    rows = tx.run("verify_chunks", dataset=dataset).rows if has_ledger else []
    if not rows:
        raise UsageError(
            f"nothing was loaded into {dataset!r} yet, so there is nothing to verify",
            hint=f"run: holdfast load {dataset}",
        )
    files = {row["number"]: row for row in tx.run("verify_files", dataset=dataset).rows}
    current = {file["uri"] for file in files.values() if file["status"] == "current"}
    versions = {number: file_version(row) for number, row in files.items()}
    contracts = {number: _contract(tx, dataset, number) for number in sorted({row["load_number"] for row in rows})}
    newest = contracts[max(contracts)]
    _refuse_other_table(tx, newest)
    unfinished: dict[str, int] = {}
    chunks = []
    for row in rows:
        file = files[row["file_number"]]
        if row["state"] == ChunkState.DONE:
            chunks.append(_chunk(dataset, row, file, versions[file["number"]], is_superseded=file["uri"] in current))
        else:
            unfinished[row["state"]] = unfinished.get(row["state"], 0) + 1
    return Scope(dataset, newest, contracts, chunks, _mended(tx, dataset), unfinished)


def _contract(tx: Transaction, dataset: str, number: int) -> Contract:
    return Contract.model_validate_json(tx.run("load_get", dataset=dataset, number=number).rows[0]["contract"])


def _refuse_other_table(tx: Transaction, contract: Contract) -> None:
    found = tx.reflect(contract.table)
    differences = compare(target_definition(contract), found) if found else ["there is no such table"]
    if differences:
        raise TargetMismatch(
            f"table {contract.table!r} is not the one that {contract.name!r} was loaded into; it was not read:\n  - "
            + "\n  - ".join(differences),
            hint="restore the table's columns and key; then verify again",
        )


def _chunk(dataset: str, row: Row, file: Row, version: FileVersion, *, is_superseded: bool) -> ScopeChunk:
    is_current = file["status"] == "current"
    why_not = ""
    if row["place"] is not None:
        why_not = "a page of an API or a feed, which is not kept and cannot be asked for as it was"
    elif not is_current and is_superseded:
        why_not = "an older version of the file: it was replaced, and its rows stayed"
    claim = claim_of(dataset, row)
    return ScopeChunk(
        claim, version, is_current, int(row["rows_read"]), int(row["rows_inserted"]), int(row["rows_rejected"]), why_not
    )


def _mended(tx: Transaction, dataset: str) -> Ids:
    """Origins of all rows that were mended, in order."""
    parts = [np.array([row["origin"] for row in rows], np.int64) for rows in mended_pages(tx, dataset)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def mended_pages(tx: Transaction, dataset: str) -> Iterator[list[Row]]:
    """The rejects that were mended, with what they say now, a page at a time."""
    after = -1
    while rows := tx.run("verify_mended", dataset=dataset, after=after, most=MENDED_AT_ONCE).rows:
        yield rows
        after = rows[-1]["origin"]


def mended_in(mended: Ids, chunk: int) -> int:
    """How many rows of a chunk were mended."""
    start, end = origin_range(chunk)
    return int(np.searchsorted(mended, end) - np.searchsorted(mended, start))
