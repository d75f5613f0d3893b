"""The content of a partition: staged by the model's SELECT, looked at, then the table is brought to it row by row.

Rows that are as they shall be are not written, so what is made of them stays up to date. Every name in the SQL here is
quoted and comes from the model's head, every bound of a partition is Holdfast's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.errors import PartitionRefused
from holdfast.domain.table import MergeShape
from holdfast.domain.types import Kind
from holdfast.engine.faults import reach
from holdfast.models.built import Built
from holdfast.models.graph import Graph, relation_of_model
from holdfast.models.model import STAGING, Model
from holdfast.models.partitions import days_of
from holdfast.models.planning import ModelPlan
from holdfast.models.tables import quoted_target, shape_of
from holdfast.ports.database import Database, Row, Transaction


def write_partition(database: Database, tx: Transaction, graph: Graph, plan: ModelPlan, built: Built) -> None:
    model, shape = plan.model, shape_of(plan.model)
    within = partition_condition(model, built.key, graph.dialect)
    with built.timed("stage"):
        tx.run("create_model_staging", shape)
        tx.execute(staging_sql(database, graph, plan, built.key))
        tx.run("index_model_staging", shape)
        reach("build.staged")
    with built.timed("check"):
        if any(given.lookback_days for given in plan.inputs):
            tx.execute(f"DELETE FROM {quote(STAGING)} WHERE NOT ({within('')})")  # noqa: S608
        built.rows = _check(tx, model, within, database.traits.exact_digits_max)
    target = quoted_target(database, model)
    with built.timed("delete"):
        built.removed = tx.execute(
            f"DELETE FROM {target} WHERE {within('')} AND NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM {quote(STAGING)} AS s WHERE {_matched(shape, 's', target)})"
        )
        reach("build.deleted")
    with built.timed("update"):
        built.updated = tx.run("model_update_differing", shape).count
        reach("build.updated")
    with built.timed("insert"):
        names, staged = (", ".join(p + quote(name) for name in shape.columns) for p in ("", "s."))
        built.inserted = tx.execute(
            f"INSERT INTO {target} ({names}) SELECT {staged} FROM {quote(STAGING)} AS s"  # noqa: S608
            f" WHERE NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {_matched(shape, 's', 't')})"
            f" ORDER BY {', '.join('s.' + quote(name) for name in shape.key)}"
        )
        reach("build.inserted")
    tx.run("drop_model_staging", shape)


def _matched(shape: MergeShape, one: str, other: str) -> str:
    return " AND ".join(f"{one}.{quote(name)} = {other}.{quote(name)}" for name in shape.key)


def partition_condition(model: Model, key: str, dialect: str) -> Callable[[str], str]:
    """SQL that is true for the target's rows of a partition; of the table of this alias, if one is given."""
    from holdfast.models.dialects import dialect_of
    from holdfast.models.filters import condition

    days, relation = days_of(key), relation_of_model(model)

    def text(alias: str) -> str:
        if days is None:
            return "1 = 1"
        return condition(relation, days, alias or None).sql(dialect=dialect_of(dialect), identify=True)

    return text


def staging_sql(database: Database, graph: Graph, plan: ModelPlan, key: str) -> str:
    """The INSERT that fills the staging table."""
    from holdfast.models.query import model_sql

    return f"INSERT INTO {quote(STAGING)} ({', '.join(map(quote, plan.model.head.columns))}) " + model_sql(
        database, graph, plan.model, key
    )


def _check(tx: Transaction, model: Model, within: Callable[[str], str], digits_max: int | None) -> int:
    """How many rows there are. Raises PartitionRefused where they cannot be the partition's content."""
    table, names = quote(STAGING), model.head.key
    wrong = [(f"{quote(name)} IS NULL", f"without {name}, which is in the key") for name in names]
    wrong.append((f"NOT ({within('')})", f"of another partition (by {_column(model)})"))
    wrong += _too_large(model, digits_max) if digits_max else []
    counts = ", ".join(f"SUM(CASE WHEN {test} THEN 1 ELSE 0 END) AS n{i}" for i, (test, _) in enumerate(wrong))
    row = tx.query(f"SELECT COUNT(*) AS n, {counts} FROM {table}")[0]  # noqa: S608
    for i, (_, what) in enumerate(wrong):
        if row[f"n{i}"]:
            raise _refused(model, f"{_rows(row[f'n{i}'])} {what}")
    listed = ", ".join(map(quote, names))
    twice = tx.query(
        f"SELECT {listed}, COUNT(*) AS times_given FROM {table} GROUP BY {listed} HAVING COUNT(*) > 1"  # noqa: S608
        f" ORDER BY {listed} LIMIT 1"
    )
    if twice:
        raise _refused(model, f"the key {_spelled(twice[0], names)} comes {twice[0]['times_given']} times")
    return int(row["n"])


def _too_large(model: Model, digits_max: int) -> Iterator[tuple[str, str]]:
    """Where decimals are kept as floats, no column enforces its precision, and only so many digits are exact."""
    for name, kind in model.head.columns.items():
        if kind.kind is Kind.DECIMAL:
            digits, scale = min(digits_max, kind.precision or digits_max), kind.scale or 0
            held = f"{digits} digits, {scale} of them after the point, are held exactly"
            yield f"ABS({quote(name)}) >= 1e{digits - scale}", f"too large for {name} ({kind}): {held}"


def _column(model: Model) -> str:
    return model.head.partition.column if model.head.partition else ""


def _spelled(row: Row, names: list[str]) -> str:
    return ", ".join(f"{name}={row[name]}" for name in names)


def _rows(count: int) -> str:
    return "1 row is" if int(count) == 1 else f"{int(count):,} rows are"


def _refused(model: Model, what: str) -> PartitionRefused:
    return PartitionRefused(
        f"of what the SELECT gives {what}; the partition is as it was",
        hint=f"correct the SELECT in {model.path} and build again",
    )
