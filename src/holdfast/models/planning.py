"""Which partitions of a model are out of date, and why: its saved fingerprints against what the ledger says now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from holdfast.domain.errors import ModelError
from holdfast.domain.table import physical_table
from holdfast.domain.types import Kind
from holdfast.models.fingerprint import Touches, fingerprint_of, touches_of
from holdfast.models.graph import Graph, Input, Relation
from holdfast.models.model import Model
from holdfast.models.partitions import WHOLE, Grain, concerned, days_of, key_of
from holdfast.ports.database import Database, Row, Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER_BUILT = "never built"
SQL_CHANGED = "SQL changed"
INTERRUPTED = "a build of it did not come to its end"
RESET = "reset"
GONE = "its table is gone"


@dataclass(frozen=True, slots=True)
class Dirty:
    """A partition to build. `changed`: inputs with touches that are not in it yet, and how many."""

    key: str
    reason: str
    changed: tuple[tuple[Input, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What of one model is to do. `current`: partitions that are as their inputs are."""

    model: Model
    inputs: tuple[Input, ...]
    sql_hash: str
    dirty: tuple[Dirty, ...]
    current: frozenset[str] = frozenset()
    known: frozenset[str] = field(default_factory=frozenset)
    """Partitions the ledger has a line of."""


def plan_model(
    database: Database, tx: Transaction, graph: Graph, model: Model, *, is_forgotten: bool = False
) -> ModelPlan:
    """Compare every partition there is: those its inputs' changes reach, and those built before.

    `is_forgotten`: as if nothing had been built.
    """
    inputs = graph.inputs_of(model)
    sql_hash = sql_hash_of(model, graph)
    rows = [] if is_forgotten else tx.run("model_states", model=model.name).rows
    states = {row["partition_key"]: row for row in rows}
    _refuse_other_grain(model, states)
    touches = touches_of(tx, inputs)
    is_new = not states or any(state["sql_hash"] not in (None, sql_hash) for state in states.values())
    keys = frozenset(states) | set(_reached(database, tx, model.grain, touches, inputs, is_new=is_new))
    found = [
        _judged(key, states.get(key), fingerprint_of(touches, inputs, sql_hash, key), inputs) for key in sorted(keys)
    ]
    dirty = tuple(item for item in found if item)
    return ModelPlan(model, inputs, sql_hash, dirty, keys - {item.key for item in dirty}, frozenset(states))


def _refuse_other_grain(model: Model, states: Iterable[str]) -> None:
    chars = {Grain.DAY: 10, Grain.MONTH: 7, Grain.YEAR: 4, None: 0}[model.grain]
    other = next((key for key in states if len(key) != chars), None)
    if other is not None:
        was = "as a whole" if other == WHOLE else f"by partitions like {other}"
        raise ModelError(
            f"{model.target} was built {was}, and its head says another partition now; nothing was built",
            hint=f"build it anew: holdfast build {model.target} --reset",
        )


def _judged(key: str, state: Row | None, now: str, inputs: tuple[Input, ...]) -> Dirty | None:
    saved = state["fingerprint"] if state else None
    if state is None or (saved is None and state["first_built_at"] is None):
        return Dirty(key, NEVER_BUILT)
    if saved is None:
        return Dirty(key, RESET)
    if saved == now:
        return None if state["status"] == "done" else Dirty(key, INTERRUPTED)
    before, after = json.loads(saved), json.loads(now)
    if before["sql"] != after["sql"]:
        return Dirty(key, SQL_CHANGED)
    changed = []
    for given in inputs:
        name = given.relation.key
        old, new = before["inputs"].get(name), after["inputs"].get(name)
        if new is not None and old != new:
            changed.append((given, new[0] - (old[0] if old else 0)))
    return Dirty(key, "changed: " + ", ".join(given.relation.name for given, _ in changed), tuple(changed))


def sql_hash_of(model: Model, graph: Graph) -> str:
    """What, when it changes, makes all that was built out of date: the SELECT, the head, how inputs are partitioned."""
    from holdfast.models.query import canonical_text

    head = model.head.model_dump_json(include={"key", "columns", "partition", "inputs"})
    inputs = [
        (g.relation.key, g.by_partition and (g.relation.column, g.relation.kind, g.relation.grain))
        for g in graph.inputs_of(model)
    ]
    text = f"1\n{canonical_text(model, graph.dialect)}\n{head}\n{inputs}"
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _reached(
    database: Database,
    tx: Transaction,
    grain: Grain | None,
    touches: Mapping[str, Touches],
    inputs: tuple[Input, ...],
    *,
    is_new: bool,
) -> Iterator[str]:
    """Partitions that changes reached. For a model that is `new` the data is asked too: it may be older than the
    ledger's notes of changes, or than the contract's partition.
    """
    if grain is None:
        yield WHOLE
        return
    for given in (g for g in inputs if g.by_partition):
        keys = touches[given.relation.key].keys
        if is_new or WHOLE in keys:
            yield from _in_data(database, tx, given, grain)
        for key in keys:
            yield from concerned(key, grain, given.lookback_days)


def _in_data(database: Database, tx: Transaction, given: Input, grain: Grain) -> Iterator[str]:
    relation = given.relation
    if tx.reflect(relation.name) is None:
        return
    for value in distinct_days(database, tx, relation):
        yield from concerned(key_of(value, Grain.DAY), grain, given.lookback_days)


def distinct_days(database: Database, tx: Transaction, relation: Relation) -> list[date]:
    """A day of every partition the table has rows of."""
    from sqlglot import exp

    from holdfast.models.dialects import dialect_of

    schema, _, name = physical_table(relation.name, has_schemas=database.traits.has_schemas).rpartition(".")
    table = exp.table_(
        exp.to_identifier(name, quoted=True), db=exp.to_identifier(schema, quoted=True) if schema else None
    )
    column: exp.Expr = exp.column(exp.to_identifier(relation.column or "", quoted=True))
    if relation.kind is not Kind.STRING:
        column = exp.cast(column, "date")
    query = exp.select(exp.alias_(column, "day", quoted=True)).distinct().from_(table)
    tx.run("model_utc")
    return sorted(_day(row["day"]) for row in tx.query(query.sql(dialect=dialect_of(database.traits.sql_dialect))))


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    days = days_of(str(value))
    assert days is not None
    return days.first
