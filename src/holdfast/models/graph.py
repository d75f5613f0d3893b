"""Which model reads what, and the order they are built in: an input before what is made of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from holdfast.domain.errors import ModelError, UsageError
from holdfast.domain.table import physical_table
from holdfast.domain.types import Kind
from holdfast.models.model import STAGING, Model
from holdfast.models.partitions import Grain


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as models know it: its name as written, and how it is partitioned, if it is.

    `kind` is how the partition column is compared: date, timestamp, or text like 2024-06.
    """

    name: str
    column: str | None = None
    kind: Kind = Kind.DATE
    grain: Grain | None = None
    is_external: bool = False
    """Not in the ledger, and so never changing."""

    @property
    def key(self) -> str:
        """As the ledger spells it."""
        return self.name.casefold()


@dataclass(frozen=True, slots=True)
class Input:
    """One input of one model. Not `by_partition`: it is read whole, and any change of it concerns every partition."""

    relation: Relation
    lookback_days: int = 0
    by_partition: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Models in the order they are built, and what each reads."""

    models: tuple[Model, ...]
    inputs: Mapping[str, tuple[Input, ...]]
    dialect: str

    def inputs_of(self, model: Model) -> tuple[Input, ...]:
        return self.inputs[model.name]

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name.casefold()), None)

    def upstream(self, model: Model) -> list[Model]:
        """Every model this one is made of, near and far, in the order they are built."""
        wanted, found = [model.name], set[str]()
        while wanted:
            for given in self.inputs[wanted.pop()]:
                if given.relation.key in self.inputs and given.relation.key not in found:
                    found.add(given.relation.key)
                    wanted.append(given.relation.key)
        return [other for other in self.models if other.name in found]

    def readers(self, relation: str) -> list[Model]:
        """Models that read this relation."""
        key = relation.casefold()
        return [m for m in self.models if any(given.relation.key == key for given in self.inputs[m.name])]

    def chosen(self, names: Sequence[str]) -> list[Model]:
        """The models of these names (targets, their last part, or file names), in build order; no names: all.

        Raises UsageError for a name that is none's or more than one's.
        """
        found: set[str] = set()
        for name in names:
            fitting = [m for m in self.models if m.name == name.casefold()] or [
                m for m in self.models if name.casefold() in (m.file_name.casefold(), m.name.rpartition(".")[2])
            ]
            if len(fitting) != 1:
                known = ", ".join(m.target for m in fitting or self.models) or "none"
                what = f"{name!r} names more than one model" if fitting else f"no model {name!r}"
                raise UsageError(f"{what}; there are: {known}; nothing was built")
            found.add(fitting[0].name)
        return [model for model in self.models if model.name in found or not names]


def refuse_shared_tables(models: Sequence[Model], tables: Sequence[Relation], *, has_schemas: bool) -> None:
    """Raises ModelError for a target that is kept where another table is: `silver.x` and `silver_x` without schemas."""
    places = {physical_table(table.key, has_schemas=has_schemas): table.name for table in tables}
    for model in models:
        place = physical_table(model.name, has_schemas=has_schemas)
        if place.startswith("ops." if has_schemas else "ops_") or place == STAGING:
            raise ModelError(
                f"{model.path}: target {model.target} is a name of Holdfast's own; nothing was built",
                hint="name another target in the head",
            )
        other = places.setdefault(place, model.target)
        if other.casefold() != model.name:
            raise ModelError(
                f"{model.path}: target {model.target} and {other} are one table here, {place}; nothing was built",
                hint="name another target in the head",
            )


def make_graph(models: Sequence[Model], tables: Iterable[Relation], dialect: str) -> Graph:
    """Find every model's inputs among `tables` and the models themselves. Raises ModelError."""
    known = _tables_by_key(tables)
    for model in models:
        if model.name in known:
            raise ModelError(
                f"{model.path}: target {model.target} is a table that is loaded, not built; nothing was built",
                hint="name another target in the head",
            )
    known |= {model.name: relation_of_model(model) for model in models}
    inputs = {model.name: _inputs(model, known, dialect) for model in models}
    return Graph(tuple(_ordered(models, inputs)), inputs, dialect)


def _tables_by_key(tables: Iterable[Relation]) -> dict[str, Relation]:
    """Tables of contracts. Two may load one table, but their touches must speak of the same partitions."""
    known: dict[str, Relation] = {}
    for relation in tables:
        other = known.get(relation.key)
        if other is None or other.column is None:  # without a partition, a change concerns all of them
            known[relation.key] = relation
        elif relation.column not in (None, other.column):
            raise ModelError(
                f"two contracts load {relation.name}, one has its partition by {other.column!r}, the other by"
                f" {relation.column!r}: which rows a change concerns could not be told; nothing was built",
                hint="name the same partition column in both contracts",
            )
    return known


def relation_of_model(model: Model) -> Relation:
    part = model.head.partition
    if part is None:
        return Relation(model.target)
    return Relation(model.target, part.column, model.head.columns[part.column].kind, part.grain)


def _inputs(model: Model, known: Mapping[str, Relation], dialect: str) -> tuple[Input, ...]:
    from holdfast.models.query import relation_of, tables_of

    rules = {name.casefold(): rule for name, rule in model.head.inputs.items()}
    found: dict[str, Input] = {}
    for name in sorted({relation_of(table) for table in tables_of(model.select(dialect))}):
        rule = rules.get(name)
        relation = known.get(name)
        if relation is None and rule and rule.external:
            relation = Relation(name, is_external=True)
        if relation is None:
            raise ModelError(
                f"{model.path}: reads {name!r}, which is no table of a contract and no model's target;"
                f" there are: {', '.join(sorted(known)) or 'none'}{_near(name, known)}; nothing was built",
                hint=f'correct the name; a table Holdfast does not load: [inputs."{name}"] external = true in the head',
            )
        by_partition = bool(model.grain and relation.grain and (rule is None or rule.partition))
        found[name] = Input(relation, rule.lookback_days if rule and by_partition else 0, by_partition)
    if unread := sorted(rules.keys() - found.keys()):
        raise ModelError(
            f"{model.path}: the head has [inputs.{unread[0]!r}], which the SELECT does not read;"
            f" it reads {', '.join(found) or 'nothing'}; nothing was built"
        )
    if model.grain and not any(given.by_partition for given in found.values()):
        raise ModelError(
            f"{model.path}: has a partition, but no input of it has: {', '.join(found) or 'it reads nothing'};"
            " nothing was built",
            hint='say in its contract how it is partitioned (partition = "date"), or drop partition from the head',
        )
    return tuple(found.values())


def _near(name: str, known: Mapping[str, Relation]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _ordered(models: Sequence[Model], inputs: Mapping[str, tuple[Input, ...]]) -> list[Model]:
    by_name = {model.name: model for model in models}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for model in sorted(models, key=lambda m: m.name):
        sorter.add(model.name, *(g.relation.key for g in inputs[model.name] if g.relation.key in by_name))
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        path = " -> ".join(reversed(error.args[1]))
        raise ModelError(
            f"models are made of each other in a circle: {path}; nothing was built", hint="take one of these steps out"
        ) from None
