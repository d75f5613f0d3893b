"""What Holdfast is measured against: the engine's own bulk loader into the very table Holdfast would make.

The loader's table has the contract's columns, key, CHECKs and indexes, made by Holdfast's own DDL; it lacks what only
Holdfast fills, `_origin` and `processed_at`. Each loader is one process that reads the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psycopg
import sqlalchemy as sa

import holdfast
from bench.measure import Measured, measure
from holdfast.engine.target import target_definition

HOLDFAST_COLUMNS = ("_origin", "processed_at")
FILE = "data/usage.csv"


class Place(Protocol):
    """An engine to load into. Each call makes, loads and drops a database of its own."""

    @property
    def title(self) -> str: ...

    def theirs(self) -> Measured: ...

    def ours(self, command: list[str | Path]) -> Measured:
        """Measure `command`, with `--db` and a fresh database added."""
        ...


def make_table(url: str, contract: holdfast.Contract) -> None:
    """The contract's table without the columns a plain loader cannot fill."""
    wanted = target_definition(contract)
    columns = tuple(column for column in wanted.columns if column.name not in HOLDFAST_COLUMNS)
    database = holdfast.connect(url)
    try:
        with database.transaction() as tx:
            tx.create_table(replace(wanted, columns=columns))
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class Sqlite:
    """`sqlite3 .import` as it comes: one transaction, rollback journal, synchronous=FULL."""

    project: Path
    contract: holdfast.Contract
    title: str = "SQLite"

    def theirs(self) -> Measured:
        with self._fresh() as file:
            make_table(f"sqlite:///{file}", self.contract)
            with sa.create_engine(f"sqlite:///{file}").connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
            return measure(["sqlite3", file, f".import --csv --skip 1 {FILE} {self.contract.table}"], self.project)

    def ours(self, command: list[str | Path]) -> Measured:
        with self._fresh() as file:
            return measure([*command, "--db", f"sqlite:///{file}"], self.project)

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        file = self.project / "bench.db"
        try:
            yield file
        finally:
            for end in ("", "-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Postgres:
    """`psql \\copy` from the client, as one statement and one transaction."""

    project: Path
    contract: holdfast.Contract
    fresh: Callable[[], str]
    server_pid: int | None
    title: str = "PostgreSQL"

    def theirs(self) -> Measured:
        url = self.fresh()
        make_table(url, self.contract)
        steps = ["SET datestyle = 'ISO, DMY'", rf"\copy {self.contract.table} FROM {FILE} CSV HEADER"]
        command = ["psql", url, "--no-psqlrc", "--quiet", *[f"--command={step}" for step in steps]]
        return measure(command, self.project, self.server_pid)

    def ours(self, command: list[str | Path]) -> Measured:
        return measure([*command, "--db", self.fresh()], self.project, self.server_pid)


@contextmanager
def postgres_databases(url: str) -> Iterator[tuple[Callable[[], str], int | None]]:
    """A maker of fresh databases, each dropping the one before it, and the server's process where it is near."""
    name = "holdfast_bench"
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT inet_server_addr() IS NOT DISTINCT FROM inet_client_addr()").fetchone()
        found = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone() if row and row[0] else None

        def fresh_database() -> str:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name}".encode())
            connection.execute("CHECKPOINT")  # no contender writes what the one before left
            return sa.make_url(url).set(database=name).render_as_string(hide_password=False)

        try:
            yield fresh_database, int(str(found[0]).split("\n", 1)[0]) if found else None
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
