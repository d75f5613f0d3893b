"""A cell of a model: what it says, when it was built and of what, what changed since, and what it would say now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.models.fingerprint import sums_now, window_binds, window_of
from holdfast.models.graph import Graph, Input
from holdfast.models.model import Model
from holdfast.models.partitions import EVERYTHING, WHOLE, Window, days_of
from holdfast.models.planning import NEVER_BUILT, Dirty, ModelPlan, plan_model
from holdfast.models.tables import quoted_target
from holdfast.ports.database import Database, Row, Transaction
from holdfast.quality.explain_cells import knows_models, partition_of, subject_of_model, texts_of
from holdfast.quality.explain_key import SHOWN_MAX, Condition, rows_meeting, where_of
from holdfast.quality.explain_row import SeveralRows

SOURCES_MAX = 20  # files and chunks told of one input, the newest
TOUCHES_MAX = 1000  # changes since the build that are looked at
DEPTH_MAX = 20  # models made of models made of models
_FATES = ("rows_inserted", "rows_updated", "rows_removed")


@dataclass(frozen=True, slots=True)
class InputStory:
    """What stands behind an input's partitions. `sources`: by file, chunk and run, the newest; `totals` of all.

    `new`: those of its changes that came after the build, newest first; `new_touches`: how many. `behind`: the same of
    what a model is made of.
    """

    relation: str
    first: str
    last: str
    totals: Row
    sources: tuple[Row, ...]
    new_touches: int
    new: tuple[Row, ...]
    is_model: bool
    is_current: bool
    behind: tuple[InputStory, ...] = ()


@dataclass(frozen=True, slots=True)
class CellStory:
    """`values`: as built; None where it is not. `now`: what the inputs as they are would make of it, where it is not as
    they are (`why_dirty`). `stale_upstream`: models behind it that are themselves to be rebuilt first.
    """

    model: str
    path: str
    partition: str
    values: dict[str, str | None] | None
    now: dict[str, str | None] | None
    state: Row | None
    why_dirty: str
    stale_upstream: tuple[str, ...]
    inputs: tuple[InputStory, ...]


@dataclass(frozen=True, slots=True)
class NoCell:
    """Neither built, nor would a build make it. `partition`: None where the conditions do not say it."""

    partition: str | None
    is_built: bool


def explain_cell(
    database: Database, graph: Graph, model: Model, conditions: Sequence[Condition]
) -> CellStory | SeveralRows | NoCell:
    """The story of the one row of a model's table that meets the conditions. Raises the database's errors."""
    subject = subject_of_model(model)
    with database.reading() as tx:
        if not knows_models(tx):
            return NoCell(None, is_built=False)
        tx.run("model_utc")
        there = tx.reflect(model.target) is not None
        rows = rows_meeting(tx, quoted_target(database, model), subject, conditions) if there else []
        if len(rows) > 1:
            keys = [texts_of(model, {name: row[name] for name in subject.order}) for row in rows[:SHOWN_MAX]]
            return SeveralRows(keys, more=len(rows) > SHOWN_MAX)
        values = texts_of(model, rows[0]) if rows else None
        partition = partition_of(model, values or {c.column.name: _text(c) for c in conditions})
        if model.grain and partition == WHOLE:
            return NoCell(None, is_built=False)
        return _story(database, tx, graph, model, conditions, values, partition)


def _text(condition: Condition) -> str | None:
    return condition.shown.partition("=")[2] or None


def _story(
    database: Database,
    tx: Transaction,
    graph: Graph,
    model: Model,
    conditions: Sequence[Condition],
    values: dict[str, str | None] | None,
    partition: str,
) -> CellStory | NoCell:
    teller = _Teller(database, tx, graph)
    plan = teller.plan(model)
    dirty = next((found for found in plan.dirty if found.key == partition), None)
    states = {row["partition_key"]: row for row in tx.run("model_states", model=model.name).rows}
    now = _now(database, tx, graph, model, conditions, partition) if dirty else None
    if values is None and now is None:
        return NoCell(partition, is_built=partition in states and not dirty)
    inputs = teller.inputs(model, partition, dirty, DEPTH_MAX)
    return CellStory(
        model=model.target,
        path=str(model.path),
        partition=partition,
        values=values,
        now=now,
        state=states.get(partition),
        why_dirty=dirty.reason if dirty else "",
        stale_upstream=tuple(dict.fromkeys(_stale(inputs))),
        inputs=inputs,
    )


def _stale(inputs: Sequence[InputStory]) -> list[str]:
    """Models that are out of date, the farthest first: in that order they are built."""
    return [name for i in inputs for name in (*_stale(i.behind), *([] if i.is_current else [i.relation]))]


def _now(
    database: Database, tx: Transaction, graph: Graph, model: Model, conditions: Sequence[Condition], partition: str
) -> dict[str, str | None] | None:
    """What the SELECT gives for the cell now; None: nothing any more. Inputs are as they are, current or not."""
    from holdfast.models.query import model_sql

    if any(tx.reflect(given.relation.name) is None for given in graph.inputs_of(model)):
        return None
    where, binds = where_of(conditions)
    select = model_sql(database, graph, model, partition)
    rows = tx.query(f"SELECT * FROM ({select}) AS n WHERE {where} LIMIT 2", binds)  # noqa: S608
    return texts_of(model, rows[0]) if len(rows) == 1 else None


@dataclass(slots=True)
class _Teller:
    """Tells of inputs; every model is compared with its inputs once."""

    database: Database
    tx: Transaction
    graph: Graph
    _plans: dict[str, ModelPlan] = field(default_factory=dict)

    def plan(self, model: Model) -> ModelPlan:
        if model.name not in self._plans:
            self._plans[model.name] = plan_model(self.database, self.tx, self.graph, model)
        return self._plans[model.name]

    def inputs(self, model: Model, partition: str, dirty: Dirty | None, depth: int) -> tuple[InputStory, ...]:
        changed = self._changed(model, [dirty] if dirty else [])
        told = []
        for given in self.graph.inputs_of(model):
            wanted = window_of(given, partition) or EVERYTHING
            told.append(self._input(given, wanted, changed[given.relation.key], depth))
        return tuple(told)

    def _input(self, given: Input, wanted: Window, new_touches: int, depth: int) -> InputStory:
        binds: dict[str, Any] = {"relation": given.relation.key, **window_binds(wanted)}
        made = self.graph.model(given.relation.key)
        most = min(new_touches, TOUCHES_MAX)
        newest = self.tx.run("explain_touches_newest", most=most, **binds).rows if most else []
        return InputStory(
            relation=given.relation.name,
            first=wanted.first,
            last=wanted.last,
            totals=_counts(self.tx.run("explain_touch_totals", **binds).rows[0]),
            sources=tuple(_counts(row) for row in self.tx.run("explain_touches", most=SOURCES_MAX, **binds).rows),
            new_touches=new_touches,
            new=tuple(_by_source(newest)[:SOURCES_MAX]),
            is_model=made is not None,
            is_current=not (made and self._dirty_within(made, wanted)),
            behind=self._behind(made, wanted, depth - 1) if made and depth else (),
        )

    def _dirty_within(self, model: Model, wanted: Window) -> list[Dirty]:
        return [found for found in self.plan(model).dirty if wanted is EVERYTHING or wanted.has(found.key)]

    def _changed(self, model: Model, dirty: Sequence[Dirty]) -> Counter[str]:
        """How many touches of each input these partitions have not seen; one that was never built has seen none."""
        found: Counter[str] = Counter()
        for one in dirty:
            seen_none = one.reason == NEVER_BUILT
            for given in self.graph.inputs_of(model) if seen_none else ():
                if not given.relation.is_external:
                    found[given.relation.key] += sums_now(self.tx, given, one.key)[0]
            found.update({given.relation.key: count for given, count in one.changed})
        return found

    def _behind(self, model: Model, wanted: Window, depth: int) -> tuple[InputStory, ...]:
        """Of the partitions of a model that a window holds: what they are made of, taken together."""
        changed = self._changed(model, self._dirty_within(model, wanted))
        told = []
        for given in self.graph.inputs_of(model):
            within = _reaching_back(wanted, given) if given.by_partition and wanted is not EVERYTHING else EVERYTHING
            told.append(self._input(given, within, changed[given.relation.key], depth))
        return tuple(told)


def _reaching_back(wanted: Window, given: Input) -> Window:
    from holdfast.models.partitions import Days, window

    first, last = days_of(wanted.first), days_of(wanted.last)
    if first is None or last is None:
        return EVERYTHING
    return window(Days(first.first, last.last).reaching_back(given.lookback_days))


def _by_source(touches: Sequence[Row]) -> list[Row]:
    """What one chunk, or one run, changed in several partitions, put together; in the order they are met."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in map(_counts, touches):
        known = found.setdefault((row["dataset"], row["chunk"], row["run_id"]), row)
        if known is not row:
            for name in (*_FATES, "put_together"):
                known[name] += row[name]
    return list(found.values())


def _counts(row: Mapping[str, Any]) -> Row:
    """Sums come back as Decimal on some engines: counts are ints."""
    names = (*_FATES, "put_together", "chunks", "files", "runs", "partitions")
    return {name: int(value) if name in names and value is not None else value for name, value in row.items()}
