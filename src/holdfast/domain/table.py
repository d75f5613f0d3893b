"""Tables as Holdfast describes them to a database, and as it reads them back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from holdfast.domain.types import ColumnType

Grain = Literal["day", "month", "year"]


@dataclass(frozen=True, slots=True)
class CheckRule:
    """A value rule that the database can enforce too. None or empty means no such rule."""

    min: object = None
    max: object = None
    one_of: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    name: str
    type: ColumnType
    nullable: bool = True
    check: CheckRule = field(default_factory=CheckRule)
    default_now: bool = False  # filled by the database's clock when a row is inserted without it


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class TableDefinition:
    name: str
    columns: tuple[ColumnDefinition, ...]
    primary_key: tuple[str, ...] = ()
    indexes: tuple[IndexDefinition, ...] = ()

    def column(self, name: str) -> ColumnDefinition | None:
        return next((c for c in self.columns if c.name == name), None)


def physical_table(name: str, *, has_schemas: bool) -> str:
    """Where the table `silver.sales` stands: on an engine without schemas it is `silver_sales`.

    `main.` and `temp.` are an engine's own words there, and stay.
    """
    schema, dot, table = name.partition(".")
    if has_schemas or not (dot and schema and table) or schema in ("main", "temp"):
        return name
    return f"{schema}_{table}"


@dataclass(frozen=True, slots=True)
class Partition:
    """Which slice of its table a row belongs to: the day, month or year (UTC) of a column."""

    column: str
    type: ColumnType
    grain: Grain = "day"

    @property
    def key_chars(self) -> int:
        """How much of an ISO date is the slice's key: `2024-06-24`, `2024-06`, `2024`."""
        return {"day": 10, "month": 7, "year": 4}[self.grain]


@dataclass(frozen=True, slots=True)
class MergeShape:
    """The names a merge statement is made of. `columns` are all data columns (key included), without `_origin`.

    `staging` is the table rows wait in for the merge, `landing` the one in which a whole load waits to be published.
    `landing`, `sequence` and `processed_at` may be absent.
    """

    target: str
    staging: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    sequence: str | None = None
    processed_at: str | None = None
    landing: str = ""
    partition: Partition | None = None
