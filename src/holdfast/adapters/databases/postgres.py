"""PostgreSQL, by psycopg 3.

READ COMMITTED, and no session state (no SET but SET LOCAL, no prepared statements on the server, no session locks), so
PgBouncer's transaction pooling works. A dead server is noticed by TCP keepalives; a pooled connection that died is
replaced before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.engine import Fault
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.statements import on_conflict
from holdfast.domain.errors import ConfigError
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Traits

try:
    import psycopg
except ImportError:
    raise ConfigError(
        "PostgreSQL needs the driver psycopg, which is not installed; no connection was made",
        hint="pip install 'holdfast[postgres]'",
    ) from None

from holdfast.adapters.databases.postgres_faults import fault_of

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES = {
    Kind.INT: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.FLOAT: "DOUBLE PRECISION",
    Kind.BOOL: "BOOLEAN",
    Kind.DATE: "DATE",
    Kind.UUID: "UUID",
    Kind.JSON: "JSONB",
}
POOL_TIMEOUT_S = 30.0
_CONNECTION_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "application_name": "holdfast",
    "client_encoding": "utf8",  # binary COPY sends text as it is
}


# Days, moments and floats are the same text whatever the server's, the database's or the user's settings are: the
# history of values keeps texts, and finds rows by them.
_TEXTS = {"TimeZone": "UTC", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "extra_float_digits": "1"}
_LOCAL = {
    **_TEXTS,
    # A machine that vanished mid-transaction must not hold its locks for the two hours that are TCP's default; a frozen
    # process not for ever. Local to the transaction, so nothing is left behind in a pooled session.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "300000",
}


class PostgresEngine:
    name = "postgres"
    distinct = "IS DISTINCT FROM"
    real_is_double = False
    rounds_decimals = True
    # Even sorted rows land: one sort for the key, by several processes, still beats keeping the index.
    traits = Traits(
        landing_rows_min=1_000_000,
        lands_in_key_order=True,
        sql_dialect="postgres",
        json_as_written=False,
        matches="~",
    )
    indexes_inline = False
    on_conflict = staticmethod(on_conflict)
    fills: Mapping[str, str] = {
        "ops": "ops.",
        "ops_index": "ops_",
        "now": "clock_timestamp()",
        "now_us": "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)",
        "later:": "(clock_timestamp() + make_interval(secs => CAST(:bind AS double precision)))",
        "ago:": "(clock_timestamp() - make_interval(secs => CAST(:bind AS double precision)))",
        "ms_of:": "CAST(EXTRACT(EPOCH FROM {column}) * 1000 AS bigint)",
        "timestamp": "timestamptz",
        "boolean": "boolean",
        "json": "text",
        "text": "TEXT",
        "json_object": "json_build_object",
        "integer": "integer",
        "for_update": "FOR UPDATE",
        "skip_locked": "FOR UPDATE SKIP LOCKED",
    }

    def open(self, address: Address, pool_size: int) -> sa.Engine:
        given = address.url.query
        defaults = {name: value for name, value in _CONNECTION_DEFAULTS.items() if name not in given}
        return sa.create_engine(
            address.url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            connect_args={"prepare_threshold": None, **defaults},
            isolation_level="READ COMMITTED",
            use_native_hstore=False,
            hide_parameters=True,
        )

    def begin(self, connection: sa.Connection, lock_timeout_s: float | None) -> None:
        local = dict(_LOCAL)
        if lock_timeout_s is not None:
            local["lock_timeout"] = str(max(1, int(lock_timeout_s * 1000)))  # 0 would mean: wait for ever
        settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in local.items())
        connection.exec_driver_sql(f"SELECT {settings}")

    def begin_reading(self, connection: sa.Connection) -> None:
        settings = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in _TEXTS.items())
        connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY{settings}")

    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (psycopg.Error,)

    def fault(self, error: BaseException) -> Fault | None:
        return fault_of(error) if isinstance(error, psycopg.Error) else None

    def bound(self, value: Any) -> Any:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

    def copy_in(self, connection: sa.Connection, table: str, rows: pa.Table) -> int:
        from holdfast.adapters.databases.postgres_copy import copy_in  # and with it Arrow, once there are rows

        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        return copy_in(driver, table, rows)

    def scan(
        self, connection: sa.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
    ) -> Iterator[pa.Table]:
        from holdfast.adapters.databases.postgres_scan import scan

        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
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

    def column_checks(self, _column: ColumnDefinition, /) -> list[str]:
        """The types enforce their measures."""
        return []

    def day_text(self, column: str, column_type: ColumnType, /) -> str:
        """Not a cast, whose form is a setting of the session."""
        at = f"({column} AT TIME ZONE 'UTC')" if is_aware(column_type) else column
        return f"to_char({at}, 'YYYY-MM-DD')"

    def widen(self, table: str, column: ColumnDefinition, /) -> list[str]:
        return [f"ALTER TABLE {table} ALTER COLUMN {quote(column.name)} TYPE {self.column_type(column.type)}"]

    def one_of(self, column: str, values: list[str]) -> str:
        return f"{column} IN ({', '.join(values)})"

    def default_now(self, column_type: ColumnType) -> str:
        """The statement's moment, not the row's: a volatile default makes COPY insert row by row, a third slower."""
        return "statement_timestamp()" if is_aware(column_type) else "(statement_timestamp() AT TIME ZONE 'UTC')"

    def table_options(self, _definition: TableDefinition, /) -> str:
        return ""

    def lock_creation(self, connection: sa.Connection, table: str) -> None:
        """IF NOT EXISTS looks before it locks: two at once would collide. The lock ends with the transaction."""
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(hashtextextended('holdfast table ' || :table, 0))"), {"table": table}
        )

    def problem_with(self, _definition: TableDefinition, /) -> list[str]:
        return []
