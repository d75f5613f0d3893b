"""Three ways for landed rows to become the table's, each of them set by set and in the publishing transaction.

*take place*: the table is empty and nothing hangs on it, so the landing table gets its keys and its name.
*fill*: the table is empty, or was emptied, and the rows are inserted in the order of its key.
*merge*: landed rows are compared with the table's first; only those that win and differ are written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from holdfast.domain.errors import LockTimeout, RowsUnaccounted, SerializationFailure, UniqueViolation
from holdfast.domain.table import MergeShape
from holdfast.engine.faults import reach
from holdfast.engine.merge import Teller, Written
from holdfast.engine.touching import touches_of_moves
from holdfast.ports.database import Row, Transaction
from holdfast.touches import Touches

_WRITES = {"inserted": "insert_staged", "updated": "update_staged", "unchanged": "advance_staged"}


@dataclass(frozen=True, slots=True)
class Fates:
    """What became of landed rows: counts of fates by chunk; rows that are not counted had the fate `others`.

    `touches` by chunk; None: all that landed touched what it touched when it landed.
    """

    others: str
    touches: Mapping[int, Touches] | None = None
    by_chunk: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, rows: list[Row], fate: str | None = None) -> None:
        for row in rows:
            self.by_chunk[row["chunk"]][fate or row["fate"]] += int(row["row_count"])

    def of_chunk(self, number: int, landed: int) -> Written:
        """The fates of a chunk's `landed` rows."""
        found = Counter(self.by_chunk.get(number, Counter()))
        found[self.others] += landed - found.total()
        return Written("landing", found["inserted"], found["updated"], found["unchanged"], found["superseded"])

    def total(self, fate: str) -> int:
        return sum(found[fate] for found in self.by_chunk.values())


def take_place(tx: Transaction, shape: MergeShape, landed: int) -> Fates:
    """Give the landing table the target's keys, then its place, name, grants and comments."""

    def build_keys(tx: Transaction) -> None:
        for statement in _attachments(tx, shape, stage=1):
            tx.execute(statement)

    were_repeated = _without_repeated_keys(tx, shape, build_keys)
    tx.run("analyze_landing", shape)
    reach("publish.keyed")
    # asked again: building took its time, and neither rights nor views wait for our lock
    if obstacle := tx.run("swap_obstacles", shape).first:
        raise SerializationFailure(f"{shape.target} can no longer be swapped, try again: {obstacle['reason']}")
    afterwards = _attachments(tx, shape, stage=2)
    try:
        with tx.transaction() as savepoint:
            savepoint.run("wait_briefly")
            savepoint.run("drop_target", shape)
            savepoint.run("rename_landing", shape)
            for statement in afterwards:
                savepoint.execute(statement)
    except LockTimeout:  # somebody reads on and on: one who fills does not disturb, nor wait
        return fill_empty(tx, shape, landed)
    return _kept(tx, shape, landed) if were_repeated else Fates("inserted")


def _attachments(tx: Transaction, shape: MergeShape, *, stage: int) -> list[str]:
    return [row["statement"] for row in tx.run("table_attachments", shape).rows if row["stage"] == stage]


def fill_empty(tx: Transaction, shape: MergeShape, landed: int) -> Fates:
    """Insert all `landed` rows, in the order of the key."""

    def fill(tx: Transaction) -> None:
        tx.run("fill_target", shape)

    _without_repeated_keys(tx, shape, fill)
    return _kept(tx, shape, landed)


def _without_repeated_keys(tx: Transaction, shape: MergeShape, work: Callable[[Transaction], None]) -> bool:
    """Work as if no key came twice. One that did is told by the database; only then are rows ranked. Returns if so."""
    try:
        with tx.transaction() as savepoint:
            work(savepoint)
        return False
    except UniqueViolation as repeated:
        if not shape.key:
            raise _unique_beside_the_key(shape) from repeated
    tx.run("dedupe_landing", shape)
    try:
        work(tx)
        return True
    except UniqueViolation as repeated:
        raise _unique_beside_the_key(shape) from repeated


def _unique_beside_the_key(shape: MergeShape) -> UniqueViolation:
    return UniqueViolation(
        f"rows of this load repeat what a unique index of {shape.target}, other than its key, allows once;"
        " nothing of this load was published",
        hint=f"drop that index of {shape.target}, or deliver rows it allows, and run the load again",
    )


def _kept(tx: Transaction, shape: MergeShape, landed: int) -> Fates:
    """Rows that are in the table now were inserted; of the `landed` ones the others lost."""
    if tx.run("table_rows", shape).rows[0]["table_rows"] == landed:
        return Fates("inserted")
    rows = tx.run("rows_by_chunk", shape).rows
    fates = Fates("superseded", _touches_by_chunk(rows))
    fates.add(rows, "inserted")
    return fates


def merge_into(tx: Transaction, shape: MergeShape, teller: Teller | None, *, may_be_overtaken: bool) -> Fates:
    """Compare first, then write only what wins and differs.

    `may_be_overtaken`: chunks are unfinished. One of them may come between an unchanged row and the load's row, so then
    unchanged rows advance too (see `advance_unchanged`).
    """
    tx.run("stage_all" if may_be_overtaken else "stage_differing", shape)
    reach("publish.compared")
    tx.run("prepare_staging", shape)
    compared = Fates("unchanged")
    compared.add(tx.run("staged_fates", shape).rows)
    if not compared.by_chunk:
        tx.run("drop_staging", shape)
        return Fates("unchanged", {})
    tx.run("drop_beaten", shape)
    written = tx.run("written_by_partition", shape).rows
    winners = Fates("unchanged", _touches_by_chunk(written))
    winners.add(tx.run("staged_fates", shape).rows)
    if teller and winners.total("updated"):
        tx.run("history_add_landed", shape, dataset=teller.dataset, run_id=teller.run_id)
    for fate, statement in _WRITES.items():
        _write(tx, shape, statement, winners.total(fate))
    tx.run("drop_staging", shape)
    for chunk, before in compared.by_chunk.items():
        winners.by_chunk[chunk]["superseded"] += before.total() - winners.by_chunk[chunk].total()
    return winners


def _touches_by_chunk(rows: list[Row]) -> dict[int, Touches]:
    by_chunk: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        old = row["old_partition"] if row.get("fate") == "updated" else None
        by_chunk[row["chunk"]].append({**row, "old_partition": old})
    return {chunk: touches_of_moves(found) for chunk, found in by_chunk.items()}


def _write(tx: Transaction, shape: MergeShape, statement: str, expected: int) -> None:
    """Write the staged rows of one fate. Raises RowsUnaccounted where that are not as many as the comparison found."""
    written = tx.run(statement, shape).count if expected else 0
    if written != expected:
        raise RowsUnaccounted(
            f"{statement} wrote {written:,} rows of {shape.target} where the comparison found {expected:,};"
            " nothing of this load was published",
            hint="run the load again; if it comes back, the table is written by a trigger or rule of its own",
        )
