"""DuckDB: one file, one process, columns.

A process has a file open once, however many connections it uses, and no other process has it meanwhile: more workers
are threads. Writing transactions take turns. There are no savepoints: a statement that fails undoes its transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.pool import QueuePool

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.engine import Fault
from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.errors import ConfigError
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Traits

try:
    import duckdb
except ImportError:
    raise ConfigError(
        "DuckDB's driver is not installed; nothing was opened", hint="pip install 'holdfast[duckdb]'"
    ) from None

from holdfast.adapters.databases import duckdb_dialect, duckdb_values
from holdfast.adapters.databases.duckdb_faults import fault_of, is_interrupted
from holdfast.adapters.databases.statements import on_conflict

if TYPE_CHECKING:
    import pyarrow as pa

BUSY_TIMEOUT_S = 60.0
OPTIONS = {"memory_limit": "1GB", "threads": "", "temp_directory": "", "max_temp_directory_size": "", "access_mode": ""}
"""What a URL may say after `?`, and what is meant where it does not ('': as DuckDB has it)."""
_FIXED = {
    "autoinstall_known_extensions": "false",  # nothing is fetched from anywhere
    "python_enable_replacements": "false",  # a table's name is no variable of some function's
}
_NOW = "uuid_extract_timestamp(uuidv7())"
_TYPES = {
    Kind.STRING: "VARCHAR",
    Kind.INT: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.BOOL: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.UUID: "UUID",
    Kind.JSON: "JSON",
}


class DuckdbEngine:
    name = "duckdb"
    distinct = "IS DISTINCT FROM"
    real_is_double = False
    rounds_decimals = True
    traits = Traits(
        landing_rows_min=1_000_000,
        lands_in_key_order=False,
        has_savepoints=False,
        can_widen=False,
        one_process=True,
        sql_dialect="duckdb",
        matches="SIMILAR TO",
    )
    indexes_inline = False
    on_conflict = staticmethod(on_conflict)
    fills: Mapping[str, str] = {
        "ops": "ops.",
        "ops_index": "ops_",
        # current_timestamp stands still in a transaction; a new UUID has the moment in it, to the millisecond.
        "now": _NOW,
        "now_us": f"epoch_us({_NOW})",
        "later:": f"({_NOW} + to_seconds(CAST(:bind AS DOUBLE)))",
        "ago:": f"({_NOW} - to_seconds(CAST(:bind AS DOUBLE)))",
        "ms_of:": "epoch_ms({column})",
        "timestamp": "TIMESTAMPTZ",
        "boolean": "BOOLEAN",
        "json": "VARCHAR",
        "text": "VARCHAR",
        "json_object": "json_object",
        "integer": "INTEGER",
        "for_update": "",
        "skip_locked": "",
    }

    def open(self, address: Address, pool_size: int) -> sa.Engine:
        """Closing the pool ends the statements that still run."""
        file, config = _file_of(address), {**_FIXED, **_options_of(address)}
        key = f":memory:{uuid.uuid4().hex}" if file == ":memory:" else str(Path(file).resolve())
        registry.register("duckdb.holdfast", duckdb_dialect.__name__, "Dialect")
        given: WeakSet[duckdb_dialect.Connection] = WeakSet()

        def give() -> duckdb_dialect.Connection:
            made = duckdb_dialect.Connection(duckdb_dialect.borrow(key, file, config))
            given.add(made)
            return made

        pool = sa.create_engine(
            "duckdb+holdfast://",
            creator=give,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_S,
            hide_parameters=True,
        )
        sa.event.listen(pool, "engine_disposed", lambda _: _interrupt(given))
        if file == ":memory:":  # it lives as long as the pool, not as its connections
            held = duckdb_dialect.borrow(key, file, config)
            sa.event.listen(pool, "engine_disposed", lambda _: duckdb_dialect.give_back(held), once=True)
        return pool

    def begin(self, connection: sa.Connection, lock_timeout_s: float | None) -> None:
        _driver(connection).begin(timeout_s=BUSY_TIMEOUT_S if lock_timeout_s is None else lock_timeout_s)

    def begin_reading(self, connection: sa.Connection) -> None:
        _driver(connection).begin_reading()

    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (duckdb.Error, duckdb_dialect.WriterBusy, duckdb_dialect.OtherOptions, RuntimeError)

    def fault(self, error: BaseException) -> Fault | None:
        if isinstance(error, RuntimeError) and not is_interrupted(error):
            return None
        return fault_of(error) if isinstance(error, self.driver_errors()) else None

    def bound(self, value: Any) -> Any:
        return duckdb_values.bound(value)

    def copy_in(self, connection: sa.Connection, table: str, rows: pa.Table) -> int:
        from holdfast.adapters.databases.duckdb_copy import copy_in  # and with it Arrow, once there are rows

        return copy_in(_driver(connection).driver, table, rows)

    def scan(
        self, connection: sa.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
    ) -> Iterator[pa.Table]:
        from holdfast.adapters.databases.duckdb_scan import scan

        return scan(_driver(connection).driver, table, columns, where)

    def column_type(self, column_type: ColumnType) -> str:
        match column_type.kind:
            case Kind.DECIMAL:
                return f"DECIMAL({column_type.precision},{column_type.scale})"
            case Kind.TIMESTAMP:
                return "TIMESTAMPTZ" if is_aware(column_type) else "TIMESTAMP"
            case _:
                return _TYPES[column_type.kind]

    def column_checks(self, column: ColumnDefinition) -> list[str]:
        """VARCHAR(n) is any VARCHAR to DuckDB. The rule is also where the length is read back from."""
        if column.type.kind is Kind.STRING and column.type.length:
            return [f"length({quote(column.name)}) <= {column.type.length}"]
        return []

    def day_text(self, column: str, column_type: ColumnType, /) -> str:
        at = f"({column} AT TIME ZONE 'UTC')" if is_aware(column_type) else column
        return f"CAST({at} AS VARCHAR)"

    def widen(self, _table: str, _column: ColumnDefinition, /) -> list[str]:
        """DuckDB alters no column that has a key, a rule or an index upon it."""
        return []

    def one_of(self, column: str, values: list[str]) -> str:
        return f"{column} IN ({', '.join(values)})"

    def default_now(self, column_type: ColumnType, /) -> str:
        return "current_timestamp" if is_aware(column_type) else "(current_timestamp AT TIME ZONE 'UTC')"

    def table_options(self, _definition: TableDefinition, /) -> str:
        return ""

    def lock_creation(self, _connection: sa.Connection, _table: str, /) -> None:
        """Write transactions exclude each other already."""

    def problem_with(self, _definition: TableDefinition, /) -> list[str]:
        return []


def _interrupt(connections: Iterable[duckdb_dialect.Connection]) -> None:
    for connection in list(connections):
        connection.interrupt()


def _driver(connection: sa.Connection) -> duckdb_dialect.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, duckdb_dialect.Connection)
    return driver


def _file_of(address: Address) -> str:
    file = address.url.database or ":memory:"
    if file != ":memory:" and not Path(file).absolute().parent.is_dir():
        raise ConfigError(
            f"{address}: the directory {str(Path(file).absolute().parent)!r} does not exist; nothing was created",
            hint="create the directory, or name another file: duckdb:///relative.duckdb, duckdb:////absolute/file.duckdb",
        )
    return file


def _options_of(address: Address) -> dict[str, str]:
    """Raises ConfigError for an option that is none of ours."""
    given = {name: value for name, value in address.url.query.items() if isinstance(value, str)}
    unknown = sorted(set(address.url.query) - set(OPTIONS) | set(address.url.query) - set(given))
    if unknown or address.url.host or address.url.username:
        raise ConfigError(
            f"{address}: a DuckDB URL names a file and may set {', '.join(OPTIONS)}; nothing was opened",
            hint="write duckdb:///file.duckdb?memory_limit=2GB&threads=4",
        )
    return {name: value for name, value in {**OPTIONS, **given}.items() if value}
