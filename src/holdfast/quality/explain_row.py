"""One row's story: what it is, where it came from, what it replaced, and what else was delivered for its key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.adapters.databases.identifiers import quote_table
from holdfast.domain.contract import Contract
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.table import physical_table
from holdfast.engine.drifting import remembered
from holdfast.ports.database import Database, Row, Transaction
from holdfast.ports.source import Source
from holdfast.quality.explain_history import RowHistory, history_of_key, history_of_row
from holdfast.quality.explain_key import SHOWN_MAX, Condition, rows_meeting, subject_of
from holdfast.quality.explain_rejects import RejectsFound, rejects_of_key
from holdfast.quality.explain_source import Delivery, delivery_of
from holdfast.quality.explain_values import text_of

MENDED_VERSION = 10  # of the ledger, the first that keeps what a row was mended to


@dataclass(frozen=True, slots=True)
class Difference:
    """A column in which the table differs from what the source says of the row."""

    column: str
    table: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class RowStory:
    """`values`: of the row, by column of the table. `differences`: None where the source could not be asked.

    `mended`: its raw text broke the contract; a person corrected it, and it was replayed.
    """

    dataset: str
    table: str
    key: dict[str, Any]
    row: Row
    values: dict[str, str | None]
    delivery: Delivery
    differences: list[Difference] | None
    mended: bool
    history: RowHistory
    rejects: RejectsFound
    partition: str | None


@dataclass(frozen=True, slots=True)
class SeveralRows:
    """More than one row meets the conditions: their keys, at most SHOWN_MAX; and whether there are more."""

    keys: list[dict[str, str | None]]
    more: bool


@dataclass(frozen=True, slots=True)
class NoRow:
    """No row meets the conditions; what is known of the key all the same.

    `otherwise`: values of the row that has the key that was given, in the columns in which it is not as asked.
    """

    rejects: RejectsFound
    history: RowHistory
    chunks_waiting: int
    has_table: bool
    otherwise: dict[str, str | None] = field(default_factory=dict)


def explain_row(
    database: Database, source: Source, contract: Contract, conditions: Sequence[Condition]
) -> RowStory | SeveralRows | NoRow:
    """The story of the one row that meets the conditions. Raises the database's errors."""
    with database.reading() as tx:
        contract = remembered(tx, contract)
        has_table = tx.reflect(contract.table) is not None
        table = quote_table(physical_table(contract.table, has_schemas=database.traits.has_schemas))
        rows = rows_meeting(tx, table, subject_of(contract), conditions) if has_table else []
        otherwise = _otherwise(tx, table, contract, conditions) if has_table and not rows else {}
    if not rows:
        key = {c.column.name: c.value for c in conditions if c.column.name != ORIGIN_COLUMN}
        return NoRow(
            rejects=rejects_of_key(database, contract, key),
            history=history_of_key(database, source, contract, key) if has_table else RowHistory(),
            chunks_waiting=_chunks_waiting(database, contract),
            has_table=has_table,
            otherwise=otherwise,
        )
    if len(rows) > 1:
        keys = [_texts(contract, row, subject_of(contract).order) for row in rows[:SHOWN_MAX]]
        return SeveralRows(keys, more=len(rows) > SHOWN_MAX)
    return _story(database, source, contract, rows[0])


def _otherwise(
    tx: Transaction, table: str, contract: Contract, conditions: Sequence[Condition]
) -> dict[str, str | None]:
    """Where the row with this key is there, and some other condition is wrong: what it has in those columns."""
    of_key = [c for c in conditions if c.column.name in contract.primary_key]
    if not of_key or len(of_key) != len(contract.primary_key):
        return {}
    found = rows_meeting(tx, table, subject_of(contract), of_key)
    if not found:
        return {}
    there = _texts(contract, found[0], [c.column.name for c in conditions])
    asked = {c.column.name: text_of(c.column.type, c.value) for c in conditions}
    return {name: text for name, text in there.items() if text != asked[name]}


def _story(database: Database, source: Source, contract: Contract, row: Row) -> RowStory:
    origin = row.get(ORIGIN_COLUMN)
    delivery = delivery_of(database, source, contract.name, -1 if origin is None else origin)
    key = {name: row[name] for name in contract.primary_key}
    mended = _mended(database, contract, delivery.origin) if delivery.values is None else None
    said = delivery.values if mended is None else mended
    return RowStory(
        dataset=contract.name,
        table=contract.table,
        key=key,
        row=row,
        values=_texts(contract, row, list(row)),
        delivery=delivery,
        differences=None if said is None else _differences(contract, row, said),
        mended=mended is not None,
        history=history_of_row(database, source, contract, key),
        rejects=rejects_of_key(database, contract, key),
        partition=partition_of(contract, row),
    )


def partition_of(contract: Contract, row: Row) -> str | None:
    """The partition of its table that a row is in, as touches name it; None where the table has none."""
    by = contract.table_partition
    text = text_of(by.type, row[by.column]) if by else None
    return text[: by.key_chars] if by and text else None


def _mended(database: Database, contract: Contract, origin: int) -> dict[str, Any] | None:
    """What a rejected row was loaded with once it was corrected, by column; None: it was no such row."""
    with database.reading() as tx:
        known = tx.run("ledger_exists").rows[0]["found"]
        if not known or all(row["version"] < MENDED_VERSION for row in tx.run("migrations_applied").rows):
            return None
        found = tx.run("verify_mended", dataset=contract.name, after=origin - 1, most=1).first
    if found is None or found["origin"] != origin or not found["mended"]:
        return None
    values: dict[str, Any] = json.loads(found["mended"])
    return values


def _texts(contract: Contract, row: Row, names: Sequence[str]) -> dict[str, str | None]:
    types = {column.name: column.type for column in contract.columns}
    return {name: text_of(types.get(name), row[name]) for name in names}


def _differences(contract: Contract, row: Row, values: Mapping[str, Any]) -> list[Difference]:
    """Someone may have edited the row behind Holdfast's back: then it is not what was loaded."""
    found = []
    for column in contract.columns:
        if column.name in values and column.name in row:
            here, there = text_of(column.type, row[column.name]), text_of(column.type, values[column.name])
            if here != there:
                found.append(Difference(column.name, here, there))
    return found


def _chunks_waiting(database: Database, contract: Contract) -> int:
    with database.reading() as tx:
        if not tx.run("ledger_exists").rows[0]["found"]:
            return 0
        return int(tx.run("chunks_waiting", dataset=contract.name).rows[0]["chunks"])
