"""Choosing whether a load lands: whether its rows wait beside the table and become visible as a whole.

It pays in two cases, and both are asked of the data and the database, not guessed: a large load into an empty table
(its key is built once, instead of being kept in order row by row), and a load of keys the table has already (the whole
of it is compared at once, and rows that are equal are not written). Everything else goes chunk by chunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from holdfast.domain.chunk import PlannedChunk
from holdfast.domain.contract import Contract
from holdfast.engine.forms import form_named
from holdfast.engine.ledger import FileLayout
from holdfast.engine.merge import merge_shape
from holdfast.engine.spans import CutFile
from holdfast.engine.target import compare, target_definition
from holdfast.ports.database import Transaction
from holdfast.ports.source import Source

SAMPLE_CHUNKS = 4
SAMPLE_ROWS = 16  # of each

Key = tuple[Any, ...]
NewFile = tuple[str, FileLayout, CutFile]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen for: the new files (uri, layout, cut) of one plan."""

    tx: Transaction
    source: Source
    contract: Contract
    files: list[NewFile]
    digits_max: int | None = None  # what the engine holds exactly: a key with more is a reject, and no key of the table

    def landing_pays(self, rows_about: int, *, rows_min: int, in_key_order: bool) -> bool:
        """Would the load be better off landing? From `rows_min` rows it is large; `in_key_order`: even if sorted."""
        contract = self.contract
        if contract.publish != "auto" or contract.write_disposition != "merge" or not self.files:
            return False
        table = self.tx.reflect(contract.table)
        if table and compare(target_definition(contract), table):
            return False  # its keys may not even be comparable; registering the plan says what is wrong
        if not self.tx.run("may_land", merge_shape(contract)).rows[0]["may"]:
            return False
        if table is None or not self._holds_rows():
            return rows_about >= rows_min and (in_key_order or not _ascends(self._sample()))
        return self._are_known(self._sample())

    def _holds_rows(self) -> bool:
        return bool(self.tx.run("holds_rows", merge_shape(self.contract)).rows[0]["found"])

    def _are_known(self, keys: list[Key]) -> bool:
        """Does the table have most of these keys?"""
        shape, found = merge_shape(self.contract), 0
        for key in keys:
            binds = {f"key_{i}": value for i, value in enumerate(key)}
            found += int(self.tx.run("key_found", shape, **binds).rows[0]["found"])
        return found * 2 > len(keys)

    def _sample(self) -> list[Key]:
        """Keys of a few rows from each of a few places of what is new, in the order of the files."""
        places = [
            (uri, layout, chunk)
            for uri, layout, cut in self.files
            for place, chunk in enumerate(cut.chunks)
            if place not in cut.kept
        ]
        step = -(-len(places) // SAMPLE_CHUNKS) or 1
        return [key for place in places[::step] for key in self._keys_at(*place)]

    def _keys_at(self, uri: str, layout: FileLayout, chunk: PlannedChunk) -> list[Key]:
        """Keys at the beginning of a chunk; none where its records are very long."""
        form = form_named(layout.form)
        rows = form.first_rows(self.source, self.contract, uri, layout, chunk, self.digits_max)
        if rows is None:
            return []
        keys = rows.select(self.contract.primary_key).slice(0, SAMPLE_ROWS).to_pylist()
        return [tuple(key[name] for name in self.contract.primary_key) for key in keys]


def _ascends(keys: list[Key]) -> bool:
    return all(before <= after for before, after in pairwise(keys))
