"""`connect(url)`: the one place that chooses an engine."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.adapters.databases.address import parse_address
from holdfast.adapters.databases.engine import Engine
from holdfast.adapters.databases.pooled import PooledDatabase
from holdfast.domain.errors import ConfigError
from holdfast.ports.database import Database


def _sqlite() -> Engine:
    from holdfast.adapters.databases.sqlite import SqliteEngine

    return SqliteEngine()


def _postgres() -> Engine:
    from holdfast.adapters.databases.postgres import PostgresEngine

    return PostgresEngine()


def _duckdb() -> Engine:
    from holdfast.adapters.databases.duckdb import DuckdbEngine

    return DuckdbEngine()


def _mysql() -> Engine:
    from holdfast.adapters.databases.mysql import MysqlEngine

    return MysqlEngine()


ENGINES: dict[str, Callable[[], Engine]] = {
    "sqlite": _sqlite,
    "postgres": _postgres,
    "postgresql": _postgres,
    "postgresql+psycopg": _postgres,
    "duckdb": _duckdb,
    "mysql": _mysql,
    "mysql+pymysql": _mysql,
    "mariadb": _mysql,
    "mariadb+pymysql": _mysql,
}
"""An engine's module is imported when its scheme is asked for: a SQLite install needs no other driver."""


def connect(url: str, *, pool_size: int = 5) -> Database:
    """A database behind a pool of at most `pool_size` connections. Connections are made when first needed.

    `sqlite:///file.db` (relative), `sqlite:////abs/file.db`, `sqlite:///:memory:` (one shared connection: transactions
    take turns), `postgresql://user:password@host:5432/name?sslmode=require`, `mysql://user:password@host:3306/name`
    (also `mariadb://`), `duckdb:///file.duckdb?memory_limit=2GB`. Raises ConfigError for any other URL.
    """
    if pool_size < 1:
        raise ConfigError(f"pool_size is {pool_size}, expected 1 or more")
    address = parse_address(url)
    scheme = address.url.drivername
    if scheme not in ENGINES:
        raise ConfigError(
            f"{address}: there is no engine for {scheme!r}; expected one of {', '.join(ENGINES)}",
            hint="write sqlite:///file.db or postgresql://user:password@host:5432/name",
        )
    return PooledDatabase(ENGINES[scheme](), address, pool_size)
