"""The engines that are loaded into: fresh databases on them, the table, and what it holds afterwards.

A place makes one database after another and drops the one before; `close` drops the last. The table has the contract's
columns, key and CHECKs, by Holdfast's own DDL where Holdfast knows the engine; it lacks what only Holdfast fills.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal, Protocol

import psycopg
import sqlalchemy as sa
from psycopg import sql

import holdfast
from bench.tools import answer, environment, program
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.engine.target import target_definition

TABLE = "usage_data"
Key = Literal["keyed", "keyless"]
SCRIPTS = Path(__file__).with_name("scripts")
COLUMNS = """date DATE NOT NULL, bill_id BIGINT NOT NULL, currency VARCHAR(3) NOT NULL, name VARCHAR(200) NOT NULL,
 product1_revenue DECIMAL(15,2) NOT NULL, product2_revenue DECIMAL(15,2) NOT NULL"""
FOUND = "SELECT COUNT(*), SUM(CAST(ROUND(CAST({money} AS DECIMAL(15,2)) * 100) AS BIGINT)) FROM {table}"


class Place(Protocol):
    server_pid: int | None
    version: str

    def fresh(self, like: str | None = None) -> str:
        """The URL of a new database: an empty one, or a copy of one that was kept."""
        ...

    def make_table(self, contract: holdfast.Contract, key: Key, /) -> None: ...

    def found(self, table: str, money: str) -> tuple[int, int]:
        """Rows, and the sum of a money column in cents. Raises NothingThere if there is no such table."""
        ...

    def close(self) -> None: ...


class NothingThere(Exception):
    """The table could not be counted; the message says why."""


def _plain(contract: holdfast.Contract, key: Key) -> holdfast.domain.table.TableDefinition:
    wanted = target_definition(contract)
    ours = (ORIGIN_COLUMN, contract.processed_at)
    columns = tuple(column for column in wanted.columns if column.name not in ours)
    return replace(wanted, columns=columns, primary_key=wanted.primary_key if key == "keyed" else ())


def _create(url: str, contract: holdfast.Contract, key: Key) -> None:
    database = holdfast.connect(url)
    try:
        with database.transaction() as tx:
            tx.create_table(_plain(contract, key))
    finally:
        database.close()


class Postgres:
    """Databases of a server, named after this process. `url` must be that of a role that may create databases."""

    def __init__(self, url: str) -> None:
        self._server = url
        self._name = f"holdfast_bench_{os.getpid()}"
        self._kept: list[str] = []
        self._admin = psycopg.connect(url, autocommit=True)
        self.version = f"PostgreSQL {self._admin.info.parameter_status('server_version')}"
        self.server_pid = self._near_pid()
        fsync = self._admin.execute("SHOW fsync").fetchone()
        self.version += "" if fsync and fsync[0] == "on" else " without fsync"

    @property
    def url(self) -> str:
        return sa.make_url(self._server).set(database=self._name).render_as_string(hide_password=False)

    def fresh(self, like: str | None = None) -> str:
        self._drop(self._name)
        self._make(self._name, like or "template1")
        return self.url

    def keep(self, label: str) -> str:
        """Put the present database aside under a name that `fresh` can copy."""
        kept = f"{self._name}_{label}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE, FREEZE)")
        self.wait_alone()
        self._drop(kept)
        self._admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(self._name), sql.Identifier(kept))
        )
        self._kept.append(kept)
        return kept

    def make_table(self, contract: holdfast.Contract, key: Key, /) -> None:
        _create(self.url, contract, key)

    def found(self, table: str, money: str) -> tuple[int, int]:
        self.wait_alone()
        count = f"SELECT COUNT(*), COALESCE(SUM(ROUND(CAST({money} AS NUMERIC) * 100)), 0) FROM {table}"
        try:
            rows, cents = self.query(count)[0]
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
            raise NothingThere(str(error).splitlines()[0]) from error
        return int(rows), int(cents)

    def query(self, statement: str) -> list[tuple[int, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode()).fetchall()

    def wait_alone(self, patience_s: float = 60) -> None:
        """Until no backend of a killed client is left: what it had under way must be over."""
        count = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = %s"
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            found = self._admin.execute(count, [self._name]).fetchone()
            if not found or not found[0]:
                return
            time.sleep(0.1)

    def close(self) -> None:
        for name in (self._name, *self._kept):
            self._drop(name)
        self._admin.close()

    def _make(self, name: str, like: str) -> None:
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
        )
        self._admin.execute("CHECKPOINT")  # no contender writes what the one before left

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _near_pid(self) -> int | None:
        """The server's process, if it is on this machine and says so."""
        near = self._admin.execute("SELECT inet_server_addr() IS NOT DISTINCT FROM inet_client_addr()").fetchone()
        with suppress(psycopg.Error):
            found = self._admin.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
            if near and near[0] and found:
                return int(str(found[0]).split("\n", 1)[0])
        return None


class _File:
    """A database that is one file with companions beside it."""

    server_pid = None
    name = "bench.db"

    def __init__(self, home: Path) -> None:
        self.file = home / self.name

    def fresh(self, like: str | None = None) -> str:
        assert like is None, "only PostgreSQL keeps databases"
        self.close()
        return self._url()

    def _url(self) -> str:
        return f"sqlite:///{self.file}"

    def close(self) -> None:
        for found in self.file.parent.glob(f"{self.name}*"):
            found.unlink()


class Sqlite(_File):
    """Left by Holdfast in WAL mode, made for the others in that of a new file: rollback journal, synchronous=FULL."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.version = f"SQLite {sqlite3.sqlite_version}"

    def make_table(self, contract: holdfast.Contract, key: Key, /) -> None:
        _create(self._url(), contract, key)
        with sa.create_engine(self._url()).connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")

    def found(self, table: str, money: str) -> tuple[int, int]:
        engine = sa.create_engine(self._url())
        try:
            with engine.connect() as connection:
                count = f"SELECT COUNT(*), COALESCE(SUM(CAST(ROUND({money} * 100) AS BIGINT)), 0) FROM {table}"
                rows, cents = connection.exec_driver_sql(count).one()
        except sa.exc.OperationalError as error:
            raise NothingThere(str(error.orig)) from error
        finally:
            engine.dispose()
        return int(rows), int(cents)


class Duckdb(_File):
    """A DuckDB file, asked through the environment of its own that also loads it."""

    name = "bench.duckdb"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._python = environment("duckdb")
        self.version = "DuckDB " + self._run("SELECT version()")

    def make_table(self, _contract: holdfast.Contract, key: Key, /) -> None:
        self._run(f"CREATE TABLE {TABLE} ({COLUMNS}{_key_of(key)})")

    def found(self, table: str, money: str) -> tuple[int, int]:
        rows, cents = self._run(FOUND.format(table=table, money=money)).split()
        return int(rows), int(cents)

    def _run(self, statement: str) -> str:
        return answer([self._python, SCRIPTS / "duckdb_query.py", self.file, statement])

    def _url(self) -> str:
        return str(self.file)


class Mariadb:
    """A database of a server on this machine, asked through its own client."""

    name = f"holdfast_bench_{os.getpid()}"

    def __init__(self) -> None:
        self._client = [program("mariadb"), "--host=127.0.0.1", "--user=root", "--skip-column-names", "--batch"]
        self.version = "MariaDB " + self.run("SELECT version()")
        self.server_pid = _pid_or_none(self.run("SELECT @@pid_file"))

    def fresh(self, like: str | None = None) -> str:
        assert like is None, "only PostgreSQL keeps databases"
        self.run(f"DROP DATABASE IF EXISTS {self.name}; CREATE DATABASE {self.name}")
        return self.name

    def make_table(self, _contract: holdfast.Contract, key: Key, /) -> None:
        self.run(f"CREATE TABLE {self.name}.{TABLE} ({COLUMNS}{_key_of(key)}) CHARACTER SET utf8mb4")

    def found(self, table: str, money: str) -> tuple[int, int]:
        rows, cents = self.run(f"SELECT COUNT(*), SUM(ROUND({money} * 100)) FROM {self.name}.{table}").split()
        return int(rows), int(cents)

    def run(self, statement: str) -> str:
        return answer([*self._client, "--execute", statement])

    def close(self) -> None:
        self.run(f"DROP DATABASE IF EXISTS {self.name}")


def _key_of(key: Key) -> str:
    return ", PRIMARY KEY (date, bill_id)" if key == "keyed" else ""


def _pid_or_none(file: str) -> int | None:
    with suppress(OSError, ValueError):
        return int(Path(file).read_text())
    return None


Maker = Callable[[Path, str], Place]
MAKERS: dict[str, Maker] = {
    "postgres": lambda home, url: Postgres(url),
    "sqlite": lambda home, url: Sqlite(home),
    "duckdb": lambda home, url: Duckdb(home),
    "mariadb": lambda home, url: Mariadb(),
}
