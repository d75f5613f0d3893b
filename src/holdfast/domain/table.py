"""Tables as Holdfast describes them to a database, and as it reads them back."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.domain.types import ColumnType


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
