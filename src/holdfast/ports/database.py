"""What Holdfast asks of a database, and nothing more.

SQL exists only on a transaction; a transaction ends with its `with` block and is dead afterwards. A chunk's rows
and the ledger's line about them share one transaction, so a crash cannot part them.

Statements that make us crash-safe have names (`run`): they are `.sql` files, one folder per engine over a common one,
and a name means the same on every engine. Errors are those of `holdfast.domain.errors`; no driver's exception gets out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.domain.table import MergeShape, Partition, TableDefinition
from holdfast.domain.types import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What decides how work is done on a database; which one it is nobody need ask."""

    exact_digits_max: int | None = None  # significant decimal digits it holds exactly; None: any a contract can ask for
    landing_rows_min: int  # from so many rows on a first load is quicker by a landing table than chunk by chunk
    lands_in_key_order: bool  # even where rows come in the order of their key
    has_savepoints: bool = True  # a part of a transaction can be undone by itself
    can_widen: bool = True  # can give a column a wider type
    json_as_written: bool = True  # keeps a JSON document's own text, spaces and all
    one_process: bool = False  # one process at a time may have it open, so workers are its threads
    has_schemas: bool = True  # else the table `silver.sales` is `silver_sales`: see domain.table.physical_table
    sql_dialect: str  # what SQLGlot calls its SQL
    matches: str  # the operator of a text in which a regular expression is found
    shell_first: str = ""  # what its own shell must be told before it understands our SQL
    text_end: str = "$"  # what in one means the very end of a text, and not the place before its last line feed


@dataclass(frozen=True, slots=True)
class Result:
    """What a named statement gave: its rows, if it returns any, and how many rows it touched (-1: unknown)."""

    rows: list[Row] = field(default_factory=list)
    count: int = -1

    @property
    def first(self) -> Row | None:
        return self.rows[0] if self.rows else None


class Transaction(Protocol):
    """One transaction. Used after its end, every method raises TransactionEnded."""

    def execute(self, statement: str, binds: Mapping[str, Any] | None = None) -> int:
        """Run the caller's own SQL with `:name` binds; returns the number of rows it touched (-1: unknown)."""
        ...

    def query(self, statement: str, binds: Mapping[str, Any] | None = None) -> list[Row]:
        """Run the caller's own SELECT with `:name` binds; returns rows as dicts."""
        ...

    def run(self, name: str, shape: MergeShape | None = None, **binds: Any) -> Result:
        """Run a named statement. `shape` fills in its identifiers."""
        ...

    def run_many(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a named statement once for every row of binds, in as few round trips as the engine can."""
        ...

    def insert_many(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Insert rows (same keys each); returns how many."""
        ...

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]], *, key: Sequence[str]) -> int:
        """Insert rows, or overwrite those whose key exists (the later of two rows in `rows` wins); returns how many."""
        ...

    def copy_in(self, table: str, rows: pa.Table) -> int:
        """Append an Arrow table by the engine's bulk path (columns matched by name); returns how many."""
        ...

    def create_table(self, definition: TableDefinition, *, evolve: bool = False) -> None:
        """Create the table if there is none. `evolve`: add to one that is there what it lacks of nullable columns,
        and widen its types where the engine can.
        """
        ...

    def reflect(self, table: str) -> TableDefinition | None:
        """The table as it is, or None where there is none."""
        ...

    def transaction(self) -> AbstractContextManager[Transaction]:
        """A nested transaction (savepoint): rolls back alone when its block raises."""
        ...


class Database(Protocol):
    """A database behind a pool. Safe to use from many threads; each `transaction()` has a connection to itself."""

    @property
    def engine_name(self) -> str:
        """For people to read; nothing may branch on it."""
        ...

    def transaction(self, *, lock_timeout_s: float | None = None) -> AbstractContextManager[Transaction]:
        """A transaction that commits when its block ends and rolls back when it raises.

        Raises CommitUnknown where the connection was lost while COMMIT was under way.
        """
        ...

    def reading(self) -> AbstractContextManager[Transaction]:
        """A transaction that sees one snapshot, waits for no writer, and is refused (AccessDenied) if it writes."""
        ...

    def statement(self, name: str) -> str:
        """The SQL of a named statement as this engine runs it, identifiers of the ledger filled in."""
        ...

    def shown(self, statement: str, binds: Mapping[str, Any]) -> str:
        """A statement with its binds written into it, for the engine's own shell."""
        ...

    @property
    def traits(self) -> Traits: ...

    def partition_key(self, partition: Partition, alias: str) -> str:
        """SQL for the key of the slice that a row of `alias` is in: `2024-06-24`, `2024-06` or `2024`."""
        ...

    def problem_with(self, definition: TableDefinition) -> list[str]:
        """What this engine cannot hold exactly of such a table, in sentences; empty: nothing (P9)."""
        ...

    def scan(
        self,
        tx: Transaction,
        table: str,
        columns: Sequence[tuple[str, ColumnType]],
        origins: Sequence[tuple[int, int]] = (),
    ) -> Iterator[pa.Table]:
        """All rows of a table in batches, in no order, within `tx` (a `reading()` one: that is the snapshot).

        Columns have exactly the types the parser gives them (`parsed.arrow_type`), and ODD_COLUMN behind them: the text
        of what is no value of its column's type, which itself is NULL then. `origins`: only rows whose `_origin` is in
        one of these half-open ranges. Until the last batch is taken nothing else may run on `tx`.
        """
        ...

    def close(self) -> None: ...
