"""MariaDB 10.6 and newer, MySQL 8, by PyMySQL.

READ COMMITTED, utf8mb4, strict. Text is compared byte by byte, so a key is what it is on other engines. A moment is a
DATETIME(6) in UTC with the comment `UTC`, for TIMESTAMP ends in 2038.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.engine import Fault
from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.errors import ConfigError, ConstraintViolation
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Traits

try:
    import pymysql
except ImportError:
    raise ConfigError(
        "MariaDB and MySQL need the driver PyMySQL, which is not installed; no connection was made",
        hint="pip install 'holdfast[mysql]'",
    ) from None

from holdfast.adapters.databases.mysql_ddl import TransactionalDdl
from holdfast.adapters.databases.mysql_faults import fault_of
from holdfast.adapters.databases.mysql_session import StrictConnection, session_settings, set_up
from holdfast.adapters.databases.mysql_session import connect as strict_connection

if TYPE_CHECKING:
    import pyarrow as pa

POOL_TIMEOUT_S = 30.0
KEY_BYTES_MAX = 3072
KEY_CHARS_MAX = KEY_BYTES_MAX // 4
VARCHAR_CHARS_MAX = 16_000  # what a row may hold in all is 65,535 bytes, four to a character
SCALE_MAX = 30
_TYPES = {
    Kind.INT: "INT",
    Kind.BIGINT: "BIGINT",
    Kind.FLOAT: "DOUBLE",
    Kind.BOOL: "TINYINT(1)",
    Kind.DATE: "DATE",
    Kind.UUID: "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin",
    Kind.JSON: "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",  # MySQL's own JSON would make 1.5 of 1.50
}
_COLLATIONS = {True: "utf8mb4_nopad_bin", False: "utf8mb4_0900_bin"}  # of MariaDB, of MySQL


class MysqlEngine:
    name = "mysql"
    distinct = "NOT ({one} <=> {other})"
    real_is_double = True
    rounds_decimals = False  # the session refuses it
    indexes_inline = True
    # Sorted rows go straight into the table, which is its own index; a landing table would be written for nothing.
    traits = Traits(
        landing_rows_min=1_000_000,
        lands_in_key_order=False,
        can_widen=False,
        has_schemas=False,
        sql_dialect="mysql",
        matches="REGEXP",
        shell_first="SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES');",
        text_end=r"\z",
    )
    fills: Mapping[str, str] = {
        "ops": "ops_",
        "ops_index": "ops_",
        "now": "UTC_TIMESTAMP(6)",
        "now_us": "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6))",  # after a lock was waited for
        "later:": "(UTC_TIMESTAMP(6) + INTERVAL (:bind * 1000000) MICROSECOND)",
        "ago:": "(UTC_TIMESTAMP(6) - INTERVAL (:bind * 1000000) MICROSECOND)",
        "ms_of:": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {column}) DIV 1000)",
        "timestamp": "DATETIME(6)",
        "boolean": "BOOLEAN",
        "json": "LONGTEXT",
        "text": "CHAR",
        "json_object": "JSON_OBJECT",
        "integer": "SIGNED",
        "for_update": "FOR UPDATE",
        "skip_locked": "FOR UPDATE SKIP LOCKED",
    }

    def __init__(self) -> None:
        self._ddl: TransactionalDdl | None = None
        self._collation = _COLLATIONS[True]

    def open(self, address: Address, pool_size: int) -> sa.Engine:
        if not address.url.database:
            raise ConfigError(
                f"{address} names no database; no connection was made",
                hint="write mysql://user:password@host:3306/name",
            )
        url = address.url.set(drivername="mysql+pymysql")
        pool = sa.create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        beside = sa.create_engine(
            url,
            pool_size=1,
            max_overflow=-1,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            hide_parameters=True,
        )
        for made in (pool, beside):
            sa.event.listen(made, "do_connect", lambda _dialect, _record, _args, params: strict_connection(params))
            sa.event.listen(made, "connect", self._connected)
        self._ddl = TransactionalDdl(beside, lambda: self._options)
        self._ddl.listen(pool)
        return pool

    def _connected(self, driver: StrictConnection, _record: object) -> None:
        self._collation = _COLLATIONS[driver.is_mariadb]
        set_up(driver)

    @property
    def _options(self) -> str:
        return f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {self._collation}"

    def begin(self, connection: sa.Connection, lock_timeout_s: float | None) -> None:
        assert self._ddl is not None
        connection.exec_driver_sql(session_settings(lock_timeout_s))
        self._ddl.begin(connection)

    def begin_reading(self, connection: sa.Connection) -> None:
        assert self._ddl is not None
        connection.exec_driver_sql(session_settings())
        self._ddl.begin(connection, reading=True)
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def driver_errors(self) -> tuple[type[Exception], ...]:
        return (pymysql.Error,)

    def fault(self, error: BaseException) -> Fault | None:
        return fault_of(error) if isinstance(error, pymysql.Error) else None

    def bound(self, value: Any) -> Any:
        match value:
            case datetime():
                return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            case UUID():
                return str(value)
            case dict() | list():
                return json.dumps(value, ensure_ascii=False)
            case Decimal() if not value.is_finite():
                raise ConstraintViolation("a decimal is not a finite number; nothing was written")
            case bytes() | bytearray() | memoryview():
                raise ConstraintViolation("bytes are no value of a contract's type; nothing was written")
            case _:
                return value

    def copy_in(self, connection: sa.Connection, table: str, rows: pa.Table) -> int:
        from holdfast.adapters.databases.mysql_copy import copy_in  # and with it Arrow, once there are rows

        driver = connection.connection.driver_connection
        assert isinstance(driver, StrictConnection)
        return copy_in(driver, table, rows)

    def scan(
        self, connection: sa.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
    ) -> Iterator[pa.Table]:
        from holdfast.adapters.databases.mysql_scan import scan

        driver = connection.connection.driver_connection
        assert isinstance(driver, StrictConnection)
        return scan(driver, table, columns, where)

    def column_type(self, column_type: ColumnType) -> str:
        match column_type.kind:
            case Kind.STRING:
                length = column_type.length
                return f"VARCHAR({length})" if length and length <= VARCHAR_CHARS_MAX else "LONGTEXT"
            case Kind.DECIMAL:
                return f"DECIMAL({column_type.precision},{column_type.scale})"
            case Kind.TIMESTAMP:
                return "DATETIME(6) COMMENT 'UTC'" if is_aware(column_type) else "DATETIME(6)"
            case _:
                return _TYPES[column_type.kind]

    def column_checks(self, column: ColumnDefinition) -> list[str]:
        name, length = quote(column.name), column.type.length
        if column.type.kind is Kind.STRING and length and length > VARCHAR_CHARS_MAX:
            return [f"CHAR_LENGTH({name}) <= {length}"]
        return [f"{name} IN (0, 1)"] if column.type.kind is Kind.BOOL else []

    def day_text(self, column: str, _type: ColumnType, /) -> str:
        return f"CAST({column} AS CHAR)"

    def widen(self, _table: str, _column: ColumnDefinition, /) -> list[str]:
        """It would commit, and MODIFY forgets what is not said again: comment, rule, default."""
        return []

    def one_of(self, column: str, values: list[str]) -> str:
        return f"{column} IN ({', '.join(values)})"

    def default_now(self, _column_type: ColumnType, /) -> str:
        return "(UTC_TIMESTAMP(6))"

    def table_options(self, _definition: TableDefinition, /) -> str:
        return self._options

    def lock_creation(self, _connection: sa.Connection, _table: str, /) -> None:
        """DDL has a lock of its own here."""

    def on_conflict(self, table: str, key: tuple[str, ...], columns: tuple[str, ...], /) -> str:
        """ON DUPLICATE KEY is about any unique index.

        Where it is another one than the key's, the key becomes NULL, which it cannot be: an error, and no other row is
        overwritten.
        """
        same = " AND ".join(f"{table}.{quote(name)} <=> VALUES({quote(name)})" for name in key)
        first = f"{table}.{quote(key[0])}"
        changes = [f"{first} = CASE WHEN {same} THEN {first} END"]
        changes += [f"{table}.{quote(name)} = VALUES({quote(name)})" for name in columns]
        return "ON DUPLICATE KEY UPDATE " + ", ".join(changes)

    def problem_with(self, definition: TableDefinition) -> list[str]:
        found = [
            f"column {c.name!r} is {c.type}: MariaDB and MySQL keep {SCALE_MAX} digits after the point at most"
            for c in definition.columns
            if c.type.kind is Kind.DECIMAL and (c.type.scale or 0) > SCALE_MAX
        ]
        for key in (definition.primary_key, *(index.columns for index in definition.indexes)):
            strings = [c for name in key if (c := definition.column(name)) and c.type.kind in (Kind.STRING, Kind.JSON)]
            found += [
                f"column {c.name!r} is {c.type} and in a key: MariaDB and MySQL need a length there, as in string(100)"
                for c in strings
                if not c.type.length
            ]
            if sum(c.type.length or 0 for c in strings) > KEY_CHARS_MAX:
                found.append(f"the key ({', '.join(key)}) is longer than the {KEY_CHARS_MAX} characters a key may have")
        return found
