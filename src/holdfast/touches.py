"""Touches: which partitions of a table a transaction really changed. Models are rebuilt, and checks redone, by them.

Written in the transaction that changes the rows, never altered, and told apart by sums (see `ledger_6_touch`): so
whoever reads a table's touches before its rows can miss no change, whatever is committed meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.ports.database import Transaction

HASH_BITS = 40
COPIED_FROM = 50  # rows


@dataclass(frozen=True, slots=True)
class Touched:
    """Numbers of rows of one partition that came, that have other values, and that went."""

    inserted: int = 0
    updated: int = 0
    removed: int = 0

    def __add__(self, other: Touched) -> Touched:
        return Touched(self.inserted + other.inserted, self.updated + other.updated, self.removed + other.removed)


Touches = Mapping[str, Touched]  # by partition key: `2024-06-24`, `2024-06`, `2024`; '' where there are no partitions


def relation_of(table: str) -> str:
    """A table as touches name it: however its name is spelled."""
    return table.casefold()


def added(one: Touches, other: Touches) -> Touches:
    """What two steps of a transaction touched together."""
    return {key: one.get(key, Touched()) + other.get(key, Touched()) for key in one.keys() | other.keys()}


def add_touches(
    tx: Transaction, table: str, run_id: str, touches: Touches, *, dataset: str | None = None, chunk: int | None = None
) -> None:
    """Tell what this transaction changed of `table`: by which run, and which chunk of which dataset if it was one."""
    rows = []
    for key, touched in sorted(touches.items()):
        touch_id = uuid.uuid4().hex
        rows.append(
            {
                "relation": relation_of(table),
                "partition_key": key,
                "touch_id": touch_id,
                "touches": 1,
                "hash": int(touch_id, 16) >> (128 - HASH_BITS),
                "dataset": dataset,
                "chunk": chunk,
                "run_id": run_id,
                "rows_inserted": touched.inserted,
                "rows_updated": touched.updated,
                "rows_removed": touched.removed,
            }
        )
    if len(rows) < COPIED_FROM:
        tx.run_many("touch_add", rows)
    else:
        _copy(tx, rows)


def _copy(tx: Transaction, rows: list[dict[str, Any]]) -> None:
    """A chunk of rows of all days of a year: where a statement costs as much as hundreds of rows, in one go."""
    import pyarrow as pa

    now = tx.run("touch_now").rows[0]["now"]
    table = pa.Table.from_pylist(rows).append_column("touched_at", pa.array([now] * len(rows)))
    types = {"touches": pa.int32(), "dataset": pa.string(), "chunk": pa.int64()}  # two of them may be NULL throughout
    for name, kind in types.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(place).cast(kind))
    tx.copy_in("ops.touch", table)
