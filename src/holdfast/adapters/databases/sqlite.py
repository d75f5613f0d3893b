"""SQLite: one file, one writer, no server.

Every transaction but a reading one is a write transaction from its first statement (BEGIN IMMEDIATE), so two of them
never deadlock over who may write. The file is in WAL mode (readers are not stopped) with synchronous=FULL (a COMMIT
survives a power cut).
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.engine import Fault
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.sqlite_faults import fault_of
from holdfast.adapters.databases.sqlite_sum import add_sum
from holdfast.adapters.databases.sqlite_values import EXACT_DIGITS_MAX, NOW, exact_number
from holdfast.adapters.databases.statements import on_conflict
from holdfast.domain.errors import ConfigError
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Traits

if TYPE_CHECKING:
    import pyarrow as pa

BUSY_TIMEOUT_S = 60.0
_LATER = "strftime('%Y-%m-%d %H:%M:%f', 'now', '+' || :bind || ' seconds')"
_AGO = "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || :bind || ' seconds')"
_MEMORY = {"", ":memory:"}
_TYPES = {
    Kind.INT: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.FLOAT: "DOUBLE PRECISION",
    Kind.BOOL: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.UUID: "UUID_TEXT",
    Kind.JSON: "JSON_TEXT",  # plain JSON has numeric affinity: the document 1.50 would become 1.5
}


class SqliteEngine:
    name = "sqlite"
    distinct = "IS NOT"
    real_is_double = True
    rounds_decimals = False
    traits = Traits(
        exact_digits_max=EXACT_DIGITS_MAX,
        landing_rows_min=1_000_000,
        lands_in_key_order=False,
        can_widen=False,
        has_schemas=False,
        sql_dialect="sqlite",
        matches="REGEXP",
    )
    indexes_inline = False
    on_conflict = staticmethod(on_conflict)
    fills: Mapping[str, str] = {
        "ops": "ops_",
        "ops_index": "ops_",
        "now": NOW,
        "now_us": "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000)",
        "later:": _LATER,
        "ago:": _AGO,
        "ms_of:": "CAST(ROUND((julianday({column}) - 2440587.5) * 86400000) AS INTEGER)",
        "timestamp": "TEXT",
        "boolean": "BOOLEAN",
        "json": "TEXT",
        "text": "TEXT",
        "json_object": "json_object",
        "integer": "INTEGER",
        "for_update": "",
        "skip_locked": "",
    }

    def open(self, address: Address, pool_size: int) -> sa.Engine:
        file = address.url.database or ""
        memory = file in _MEMORY
        if not memory and not file.startswith("file:") and not Path(file).absolute().parent.is_dir():
            raise ConfigError(
                f"{address}: the directory {str(Path(file).absolute().parent)!r} does not exist; nothing was created",
                hint="create the directory, or name another file: sqlite:///relative.db, sqlite:////absolute/file.db",
            )
        if address.url.query and "uri" not in address.url.query:
            raise ConfigError(
                f"{address}: a plain SQLite URL takes no options; nothing was opened",
                hint="leave them out, or write a SQLite URI: sqlite:///file:/path/file.db?mode=ro&uri=true",
            )
        pool = sa.create_engine(
            address.url.set(drivername="sqlite+pysqlite", database=file or None),
            poolclass=QueuePool,
            pool_size=1 if memory else pool_size,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_S,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False, "isolation_level": None},
            hide_parameters=True,
            skip_autocommit_rollback=False,
        )
        sa.event.listen(pool, "connect", _set_up)
        return pool

    def begin(self, connection: sa.Connection, lock_timeout_s: float | None) -> None:
        seconds = BUSY_TIMEOUT_S if lock_timeout_s is None else lock_timeout_s
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def begin_reading(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")

    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (sqlite3.Error,)

    def fault(self, error: BaseException) -> Fault | None:
        return fault_of(error) if isinstance(error, sqlite3.Error) else None

    def bound(self, value: Any) -> Any:
        match value:
            case Decimal():
                return exact_number(value)
            case datetime():
                return (value.astimezone(UTC) if value.tzinfo else value).replace(tzinfo=None).isoformat(" ")
            case date():
                return value.isoformat()
            case UUID():
                return str(value)
            case dict() | list():
                return json.dumps(value, ensure_ascii=False)
            case _:
                return value

    def copy_in(self, connection: sa.Connection, table: str, rows: pa.Table) -> int:
        from holdfast.adapters.databases.sqlite_copy import copy_in  # and with it Arrow, once there are rows

        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return copy_in(driver.cursor(), table, rows)

    def scan(
        self, connection: sa.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
    ) -> Iterator[pa.Table]:
        from holdfast.adapters.databases.sqlite_scan import scan

        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return scan(driver, table, columns, where)

    def column_type(self, column_type: ColumnType) -> str:
        match column_type.kind:
            case Kind.STRING:
                return f"VARCHAR({column_type.length})" if column_type.length else "TEXT"
            case Kind.DECIMAL:
                return f"NUMERIC({column_type.precision},{column_type.scale})"
            case Kind.TIMESTAMP:
                return "TIMESTAMPTZ" if is_aware(column_type) else "TIMESTAMP"
            case _:
                return _TYPES[column_type.kind]

    def column_checks(self, column: ColumnDefinition) -> list[str]:
        """SQLite does not enforce a type's measures. Where the values are listed, the list does."""
        name = quote(column.name)
        if column.type.kind is Kind.STRING and column.type.length and not column.check.one_of:
            return [f"length({name}) <= {column.type.length}"]
        if column.type.kind is Kind.BOOL:
            return [f"{name} IN (0, 1)"]
        return []

    def day_text(self, column: str, _type: ColumnType, /) -> str:
        return column  # which begins with the day

    def widen(self, _table: str, _column: ColumnDefinition, /) -> list[str]:
        """SQLite alters no column's type: the table would have to be made anew."""
        return []

    def one_of(self, column: str, values: list[str]) -> str:
        """Not IN: SQLite makes a lookup table of its values anew in every statement, also for one row."""
        return " OR ".join(f"{column} = {value}" for value in values)

    def default_now(self, _column_type: ColumnType, /) -> str:
        return f"({NOW})"

    def table_options(self, definition: TableDefinition) -> str:
        """A table that is its own index: half the writes of a table with a key beside it."""
        key = definition.primary_key
        column = definition.column(key[0]) if len(key) == 1 else None
        is_rowid = column is not None and column.type.kind is Kind.INT
        # `PRAGMA integrity_check` of SQLite 3.40 sees NULLs in NOT NULL columns of a table WITHOUT ROWID that has a
        # nullable column and does not begin with its key.
        leads = tuple(c.name for c in definition.columns[: len(key)]) == key
        is_trusted = leads or not any(c.nullable for c in definition.columns)
        return " WITHOUT ROWID" if key and not is_rowid and is_trusted else ""

    def lock_creation(self, _connection: sa.Connection, _table: str, /) -> None:
        """Write transactions exclude each other already."""

    def problem_with(self, definition: TableDefinition) -> list[str]:
        return [
            f"column {c.name!r} is {c.type}: SQLite holds {EXACT_DIGITS_MAX} significant digits exactly, "
            f"values with more are rejected as E_PRECISION"
            for c in definition.columns
            if c.type.kind is Kind.DECIMAL and (c.type.precision or 0) > EXACT_DIGITS_MAX
        ]


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.create_function("regexp", 2, _matches, deterministic=True)
    add_sum(connection)


def _matches(pattern: str, text: object) -> bool | None:
    """What SQLite asks for `text REGEXP pattern`. A `$` at the end is the very end, as in the shell of SQLite."""
    if pattern.endswith("$") and not pattern.endswith(r"\$"):
        pattern = pattern[:-1] + r"\Z"
    return None if text is None else re.search(pattern, str(text)) is not None


def _use_wal(connection: sqlite3.Connection) -> None:
    """Two processes that open a new file at once: SQLite refuses one of them without waiting, so wait here."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.02)
