"""What a row was before: every value that was replaced, in order, and which line of which file said so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.domain.contract import Contract
from holdfast.domain.types import Kind
from holdfast.engine.merge import merge_shape
from holdfast.ports.database import Database, Row
from holdfast.ports.source import Source
from holdfast.quality.changes import Asked, changes_of, has_history, pruned_before, value_text
from holdfast.quality.explain_source import Delivery, deliveries_of
from holdfast.quality.explain_values import text_of

HISTORY_MAX = 100  # replacements told of one row; the latest


@dataclass(frozen=True, slots=True)
class Replacement:
    """A row took the place of another with its key. `columns`: (name, old text, new text) of what differed."""

    changed_at: Any
    run_id: str
    columns: tuple[tuple[str, str | None, str | None], ...]
    by: Delivery
    replaced: Delivery
    partition: str
    old_partition: str


@dataclass(frozen=True, slots=True)
class RowHistory:
    """`total` replacements, the latest of them in order. `is_kept`: else nobody knows whether there were any.

    `pruned_before`: those before that moment were taken out; empty: none were.
    """

    total: int = 0
    latest: tuple[Replacement, ...] = ()
    is_kept: bool = True
    pruned_before: str = ""


def history_of_row(database: Database, source: Source, contract: Contract, key: Mapping[str, Any]) -> RowHistory:
    """Of a row of the table. `key`: its values by key column, as the table gives them."""
    with database.reading() as tx:
        if not key or not has_history(tx):
            return RowHistory(is_kept=False)
        binds = {f"key_{number}": key[name] for number, name in enumerate(contract.primary_key)}
        found = tx.run("explain_row_key", merge_shape(contract), **binds).first
        rows = tx.run("explain_history", dataset=contract.name, row_key=found["row_key"]).rows if found else []
        pruned = pruned_before(tx)
    return _told(database, source, contract, rows, pruned)


def history_of_key(database: Database, source: Source, contract: Contract, key: Mapping[str, Any]) -> RowHistory:
    """Of a row that the table has no more: by typed values of some columns of its key. All the history is read."""
    wanted = {name: text_of(contract.column(name).type, key[name]) for name in contract.primary_key if name in key}
    with database.reading() as tx:
        if set(wanted) != set(contract.primary_key) or not wanted or not has_history(tx):
            return RowHistory(is_kept=False)
        rows = [
            row
            for row in changes_of(tx, contract.name, Asked(), pattern=_pattern(contract, key))
            if key_texts(contract, row) == wanted
        ]
        pruned = pruned_before(tx)
    return _told(database, source, contract, sorted(rows, key=lambda row: (row["changed_at"], row["origin"])), pruned)


def _pattern(contract: Contract, key: Mapping[str, Any]) -> str:
    """What the key's text must look like: whole numbers and days are written alike everywhere."""
    plain = (Kind.INT, Kind.BIGINT, Kind.DATE)
    texts = [str(key[n]) for n in contract.primary_key if contract.column(n).type.kind in plain]
    return f"%{max(texts, key=len)}%" if texts else "%"


def key_texts(contract: Contract, row: Row) -> dict[str, str | None]:
    """The key of a change, by column."""
    found: dict[str, str | None] = json.loads(row["row_key"])
    return {name: value_text(contract, name, text) for name, text in found.items()}


def _told(database: Database, source: Source, contract: Contract, rows: list[Row], pruned: str) -> RowHistory:
    groups = _by_origin(rows)
    latest = groups[-HISTORY_MAX:]
    origins = {row[name] for group in latest for row in group for name in ("origin", "old_origin")}
    found = deliveries_of(database, source, contract.name, origins)
    told = tuple(_replacement(contract, group, found) for group in latest)
    return RowHistory(len(groups), told, contract.keeps_history, pruned)


def _by_origin(rows: list[Row]) -> list[list[Row]]:
    """A row replaces another once. Groups in the order of their first change: the clock may go on between columns."""
    groups: dict[int, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["origin"], []).append(row)
    return [sorted(group, key=lambda row: row["column_name"]) for group in groups.values()]


def _replacement(contract: Contract, group: list[Row], found: Mapping[int, Delivery]) -> Replacement:
    first = group[0]
    return Replacement(
        changed_at=first["changed_at"],
        run_id=first["run_id"],
        columns=tuple(
            (
                row["column_name"],
                value_text(contract, row["column_name"], row["old_value"]),
                value_text(contract, row["column_name"], row["new_value"]),
            )
            for row in group
        ),
        by=found[first["origin"]],
        replaced=found[first["old_origin"]],
        partition=first["partition_key"],
        old_partition=first["old_partition"],
    )
