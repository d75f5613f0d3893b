"""Which rows of models a row went into: each model's own SELECT, run with that row as all there is of its input.

The keys of what comes out are the cells the row is in; they are looked for in the next models in turn. A model that
takes its input by an outer join may give rows for it that hold nothing of it, and one that joins a table with itself
may give fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from holdfast.domain.table import physical_table
from holdfast.domain.types import Kind
from holdfast.models.graph import Graph, Input
from holdfast.models.model import Model
from holdfast.models.partitions import WHOLE, concerned
from holdfast.models.planning import plan_model
from holdfast.models.tables import quoted_target
from holdfast.ports.database import Database, Row, Transaction
from holdfast.quality.explain_key import SHOWN_MAX, Subject
from holdfast.quality.explain_values import text_of

if TYPE_CHECKING:
    from sqlglot import exp

LEDGER_VERSION = 7  # the first that knows models
Key = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """Rows of a relation, by key, and the partition they are in; None: not known, or it has none."""

    keys: tuple[Key, ...]
    partitions: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A row of a model. `values`: as the table has it; None where it is not built.

    Not `is_current`: it is to be rebuilt, or made of what is.
    """

    partition: str
    key: dict[str, str | None]
    values: dict[str, str | None] | None
    is_current: bool


@dataclass(frozen=True, slots=True)
class ModelCells:
    """The cells of one model, at most SHOWN_MAX, and whether there are `more`."""

    model: str
    cells: tuple[Cell, ...]
    more: bool


def subject_of_model(model: Model) -> Subject:
    from holdfast.domain.contract import Column

    columns = tuple(Column(name=name, type=kind, nullable=True) for name, kind in model.head.columns.items())
    return Subject(model.target, model.target, columns, tuple(model.head.key))


def knows_models(tx: Transaction) -> bool:
    """Is there a ledger, and one that knows of models?"""
    if not tx.run("ledger_exists").rows[0]["found"]:
        return False
    return any(row["version"] >= LEDGER_VERSION for row in tx.run("migrations_applied").rows)


def cells_of(database: Database, graph: Graph, relation: str, key: Key, partition: str | None) -> list[ModelCells]:
    """The cells that a row of `relation` is in, model by model in the order they are built.

    `key` tells the row from all others of its table.
    """
    given = {relation.casefold(): Given((key,), frozenset([partition]) if partition else None)}
    found = []
    stale: set[str] = set()  # models whose cells are out of date, and so are those made of them
    with database.reading() as tx:
        if not knows_models(tx):
            return []
        tx.run("model_utc")
        for model in graph.models:
            inputs = [i for i in graph.inputs_of(model) if i.relation.key in given]
            if not inputs or any(tx.reflect(i.relation.name) is None for i in graph.inputs_of(model)):
                continue  # it is not made of the row, or cannot be made yet
            keys = _keys_made(database, tx, graph, model, {i.relation.key: given[i.relation.key] for i in inputs})
            cells = _cells(database, tx, graph, model, keys[:SHOWN_MAX])
            if any(i.relation.key in stale for i in inputs):
                cells = [replace(cell, is_current=False) for cell in cells]
            if any(not cell.is_current for cell in cells):
                stale.add(model.name)
            if cells:
                found.append(ModelCells(model.target, tuple(cells), len(keys) > SHOWN_MAX))
                partitions = frozenset(cell.partition for cell in cells) - {WHOLE}
                given[model.name] = Given(tuple(keys[:SHOWN_MAX]), partitions or None)
    return found


def _keys_made(
    database: Database, tx: Transaction, graph: Graph, model: Model, given: Mapping[str, Given]
) -> list[Row]:
    """Keys of the rows the model makes of these rows alone, each once; at most one more than SHOWN_MAX."""
    keys: dict[tuple[Any, ...], Row] = {}
    for i in (i for i in graph.inputs_of(model) if i.relation.key in given):
        rows = given[i.relation.key]
        for partition in _partitions(model, i, rows):
            statement, binds = _statement(database, graph, model, i, rows, partition)
            for row in tx.query(statement, binds):
                keys.setdefault(tuple(row.values()), row)
            if len(keys) > SHOWN_MAX:
                return list(keys.values())[: SHOWN_MAX + 1]
    return list(keys.values())


def _partitions(model: Model, given: Input, rows: Given) -> list[str]:
    """Which partitions of the model see the rows; '' where all of them may."""
    if model.grain is None or not given.by_partition or rows.partitions is None:
        return [WHOLE]
    found = {out for key in rows.partitions for out in concerned(key, model.grain, given.lookback_days)}
    return sorted(found) or [WHOLE]


def _statement(
    database: Database, graph: Graph, model: Model, given: Input, rows: Given, partition: str
) -> tuple[str, dict[str, Any]]:
    """The model's SELECT over the rows, its key's columns only."""
    from sqlglot import exp

    from holdfast.models.filters import input_filters
    from holdfast.models.query import narrowed, render

    dialect, inputs = database.traits.sql_dialect, graph.inputs_of(model)
    names = {i.relation.key: i.relation.name for i in inputs}
    only, binds = _only(rows.keys)
    filters = dict(input_filters(inputs, partition))
    there = filters.get(given.relation.key)
    filters[given.relation.key] = exp.and_(there, only) if there else only
    tree = narrowed(
        model.select(dialect),
        filters,
        lambda relation: physical_table(names[relation], has_schemas=database.traits.has_schemas),
    )
    columns = [exp.alias_(_as_typed(model, name), name, quoted=True) for name in model.head.key]
    query = exp.select(*columns).from_(tree.subquery("m", copy=False)).limit(SHOWN_MAX + 1)
    return render(model, query, dialect), binds


def _as_typed(model: Model, name: str) -> exp.Expr:
    """A day without hours, as the table holds it."""
    from sqlglot import exp

    column = exp.column(exp.to_identifier(name, quoted=True), table="m")
    return exp.cast(column, "date") if model.head.columns[name].kind is Kind.DATE else column


def _only(keys: Sequence[Key]) -> tuple[exp.Expr, dict[str, Any]]:
    """A condition that holds for rows with these keys, and its binds."""
    from sqlglot import exp

    binds: dict[str, Any] = {}
    rows = []
    for key in keys:
        parts = []
        for name, value in key.items():
            bind = f"cell_{len(binds)}"
            binds[bind] = value
            column = exp.column(exp.to_identifier(name, quoted=True))
            parts.append(exp.EQ(this=column, expression=exp.Var(this=f":{bind}")))
        rows.append(exp.and_(*parts))
    return exp.or_(*rows), binds


def _cells(database: Database, tx: Transaction, graph: Graph, model: Model, keys: Sequence[Row]) -> list[Cell]:
    if not keys:
        return []
    plan = plan_model(database, tx, graph, model)
    dirty = {found.key for found in plan.dirty}
    built = rows_of_keys(database, tx, model, keys)
    found = []
    for key in keys:
        texts = texts_of(model, key)
        partition = partition_of(model, texts)
        values = built.get(tuple(texts.values()))
        found.append(Cell(partition, texts, values, is_current=partition in plan.known and partition not in dirty))
    return found


def rows_of_keys(
    database: Database, tx: Transaction, model: Model, keys: Sequence[Key]
) -> dict[tuple[str | None, ...], dict[str, str | None]]:
    """The model's rows with these keys, as texts by the texts of their keys."""
    from holdfast.models.query import render

    if tx.reflect(model.target) is None:
        return {}
    only, binds = _only(keys)
    where = render(model, only, database.traits.sql_dialect)
    rows = tx.query(f"SELECT * FROM {quoted_target(database, model)} WHERE {where}", binds)  # noqa: S608
    found = [texts_of(model, row) for row in rows]
    return {tuple(texts[name] for name in model.head.key): texts for texts in found}


def texts_of(model: Model, row: Row) -> dict[str, str | None]:
    return {name: text_of(model.head.columns.get(name), value) for name, value in row.items()}


def partition_of(model: Model, texts: Mapping[str, str | None]) -> str:
    """The partition that a row of the model is in."""
    part = model.head.partition
    text = texts.get(part.column) if part else None
    chars = {"day": 10, "month": 7, "year": 4}
    return text[: chars[part.grain]] if part and text else WHOLE
