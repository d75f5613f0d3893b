"""What is checked: a table with its columns, key and partition, and what was declared of it.

A dataset's contract makes one, a model's head makes one; the checks themselves ask for neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.adapters.databases.identifiers import quote, quote_table
from holdfast.domain.check import Check
from holdfast.domain.contract import Contract
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.table import Partition, physical_table
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Database

if TYPE_CHECKING:
    from holdfast.models.graph import Graph
    from holdfast.models.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A table that is checked. `relation` is its name as touches have it; `key` tells its rows apart."""

    name: str
    relation: str
    types: Mapping[str, ColumnType]
    key: tuple[str, ...]
    primary_key: tuple[str, ...]
    partition: Partition | None
    checks: Sequence[Check] = ()
    contract: Contract | None = None  # of a dataset
    model: Model | None = None  # of a table that is built, and the graph it stands in
    graph: Graph | None = None


def of_contract(contract: Contract) -> Subject:
    types = {column.name: column.type for column in contract.columns}
    return Subject(
        name=contract.name,
        relation=contract.table,
        types=types,
        key=tuple(contract.primary_key) or (ORIGIN_COLUMN,),
        primary_key=tuple(contract.primary_key),
        partition=contract.table_partition,
        checks=contract.checks,
        contract=contract,
    )


def of_model(model: Model, graph: Graph) -> Subject:
    by = model.head.partition
    return Subject(
        name=model.target,
        relation=model.target,
        types=model.head.columns,
        key=tuple(model.head.key),
        primary_key=tuple(model.head.key),
        partition=Partition(by.column, model.head.columns[by.column], by.grain.value) if by else None,
        checks=model.head.checks,
        model=model,
        graph=graph,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """A subject in a database: the words of SQL that name it there."""

    database: Database
    subject: Subject

    @property
    def table(self) -> str:
        return self.named(self.subject.relation)

    def named(self, relation: str) -> str:
        """Any table, as this database has it."""
        return quote_table(physical_table(relation, has_schemas=self.database.traits.has_schemas))

    @property
    def keys(self) -> str:
        """The columns that tell a row from the others, of `t`."""
        return ", ".join(f"t.{quote(name)}" for name in self.subject.key)

    def slice(self) -> str:
        """The key of the partition a row of `t` is in; '' where the table has none."""
        return self._key(self.subject.partition, "t") if self.subject.partition else "''"

    def day(self, column: str, alias: str = "t", kind: ColumnType | None = None) -> str:
        """The day (UTC) of a column of `t`, as text. Without a column that of the partition."""
        partition = self.subject.partition
        name = column or (partition.column if partition else "")
        by_day = Partition(name, kind or self.subject.types[name], "day")
        return self._key(by_day, alias)

    def month(self, column: str) -> str:
        name = column or (self.subject.partition.column if self.subject.partition else "")
        return self._key(Partition(name, self.subject.types[name], "month"), "t")

    def _key(self, partition: Partition, alias: str) -> str:
        """A column of texts has the key itself: a model's months are `2024-06`."""
        if partition.type.kind is Kind.STRING:
            return f"{alias}.{quote(partition.column)}"
        return self.database.partition_key(partition, alias)


DATE = ColumnType(Kind.DATE)
__all__ = ["DATE", "Place", "Subject", "of_contract", "of_model"]
