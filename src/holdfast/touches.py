"""Touches: which partitions of a table a transaction really changed. Models are rebuilt, and checks redone, by them.

Written in the transaction that changes the rows, never altered, and told apart by sums (see `ledger_6_touch`): so
whoever reads a table's touches before its rows can miss no change, whatever is committed meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.ports.database import Transaction

HASH_BITS = 40


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
                "hash": int(touch_id, 16) >> (128 - HASH_BITS),
                "dataset": dataset,
                "chunk": chunk,
                "run_id": run_id,
                "inserted": touched.inserted,
                "updated": touched.updated,
                "removed": touched.removed,
            }
        )
    tx.run_many("touch_add", rows)
