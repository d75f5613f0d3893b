"""What one engine must say of itself; all else (pool, transactions, errors' wording, DDL) is shared.

A new engine is one class like this, one folder of SQL, and a line in `connect.py`. See docs/adding-an-engine.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from holdfast.adapters.databases.address import Address
from holdfast.domain.errors import HoldfastError
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType
from holdfast.ports.database import Traits

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Fault:
    """A driver's exception in Holdfast's words. `text` holds no values of rows; the caller masks secrets in it."""

    kind: type[HoldfastError]
    text: str
    hint: str = ""


class Engine(Protocol):
    def __hash__(self) -> int: ...

    @property
    def name(self) -> str:
        """Also the name of its folder of SQL."""
        ...

    @property
    def fills(self) -> Mapping[str, str]:
        """The engine's words for `{now}`, `{timestamp}`, ....

        A key that ends in `:` takes a bind (`{later:x}`, `{ago:x}`, in seconds) or a column (`{ms_of:started_at}`).
        """
        ...

    @property
    def distinct(self) -> str:
        """The comparison by which NULL differs from every value and equals NULL: an operator, or `{one} .. {other}`."""
        ...

    @property
    def traits(self) -> Traits: ...

    @property
    def real_is_double(self) -> bool:
        """Is a column declared `real` as wide as a double?"""
        ...

    @property
    def rounds_decimals(self) -> bool:
        """Would it round a bind that has more digits than its column, without a word?"""
        ...

    @property
    def indexes_inline(self) -> bool:
        """Do indexes stand in CREATE TABLE itself? Where each statement of DDL commits, they come and go with it."""
        ...

    def on_conflict(self, table: str, key: tuple[str, ...], columns: tuple[str, ...], /) -> str:
        """The end of an INSERT into `table` (quoted) that meets a known `key`: overwrite `columns`; none: leave it."""
        ...

    def open(self, address: Address, pool_size: int) -> sa.Engine:
        """A pool of connections; none is made yet."""
        ...

    def begin(self, connection: sa.Connection, lock_timeout_s: float | None) -> None:
        """Make the transaction real: a write transaction where the engine has one writer, with its lock timeout."""
        ...

    def begin_reading(self, connection: sa.Connection) -> None:
        """One snapshot, no waiting for writers, no writing."""
        ...

    def driver_errors(self) -> tuple[type[Exception], ...]:
        """What the driver raises where SQLAlchemy does not stand between: bulk paths, connecting."""
        ...

    def fault(self, error: BaseException) -> Fault | None:
        """What a driver's exception means; None where it is not one of the driver's."""
        ...

    def bound(self, value: Any) -> Any:
        """A bind as the driver takes it without loss. Raises ConstraintViolation where it cannot."""
        ...

    def copy_in(self, connection: sa.Connection, table: str, rows: pa.Table) -> int: ...

    def scan(
        self, connection: sa.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str, /
    ) -> Iterator[pa.Table]:
        """Rows of a (quoted) table in batches, as `scanning.typed` makes them. `where`: a condition, or empty."""
        ...

    def column_type(self, column_type: ColumnType) -> str:
        """The type's name in DDL."""
        ...

    def column_checks(self, column: ColumnDefinition, /) -> list[str]:
        """Rules that the type's name alone does not enforce on this engine."""
        ...

    def day_text(self, column: str, column_type: ColumnType, /) -> str:
        """SQL for a text that begins with the (quoted) column's ISO day, of a moment its day in UTC."""
        ...

    def widen(self, table: str, column: ColumnDefinition, /) -> list[str]:
        """DDL that gives a (quoted) table's column this wider type; empty: the engine cannot."""
        ...

    def one_of(self, column: str, values: list[str], /) -> str:
        """The rule that a (quoted) column holds one of these literals, in its quickest form."""
        ...

    def default_now(self, column_type: ColumnType, /) -> str: ...

    def table_options(self, definition: TableDefinition, /) -> str: ...

    def lock_creation(self, connection: sa.Connection, table: str, /) -> None:
        """Let one transaction at a time create this table."""
        ...

    def problem_with(self, definition: TableDefinition, /) -> list[str]: ...
