"""DuckDB under SQLAlchemy: a process opens a file once, its cursors are the pool's connections, one at a time writes.

DuckDB gives a file to one process, and lets transactions of that process collide when they write the same rows. Here a
writing transaction takes the file's lock before it begins, so they take turns, as on SQLite; readers never wait.
The lock is given back when the transaction ends, whatever ended it.
"""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import duckdb
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import DBAPIModule

from holdfast.adapters.databases.duckdb_values import rows_of

warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")  # moments come that way, on purpose
PATIENCE_S = 2.0  # another process may be about to leave the file: a short command, a load that ends
BINDS_MAX = 2_000  # of one statement
LOST = (duckdb.FatalException, duckdb.InternalException, duckdb.ConnectionException)
_VALUES = re.compile(r"(INSERT INTO .*\) VALUES )(\(.*\))\s*", re.DOTALL)
_TYPES = duckdb.StatementType
_WRITES = {_TYPES.INSERT, _TYPES.UPDATE, _TYPES.DELETE}
_TELL_NOTHING = {_TYPES.CREATE, _TYPES.ALTER, _TYPES.DROP, _TYPES.TRANSACTION, _TYPES.SET, _TYPES.ATTACH, _TYPES.DETACH}
_open: dict[str, Instance] = {}
_opening = threading.Lock()


class WriterBusy(Exception):
    """Another transaction of this process writes."""


class Instance:
    """A file as this process has it open. `users`: connections that were given out."""

    def __init__(self, key: str, config: dict[str, str], root: duckdb.DuckDBPyConnection) -> None:
        self.key, self.config, self.root = key, config, root
        self.users = 0
        self.writer = threading.Lock()


class OtherOptions(Exception):
    """The file is open in this process already, with other options."""


def borrow(key: str, file: str, config: dict[str, str]) -> Instance:
    """The instance of a file, opened if need be; `give_back` it. Waits a little for another process to leave it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with _opening:
            found = _open.get(key)
            if found is None:
                found = _opened(key, file, config, is_last_try=time.monotonic() > deadline)
            if found is not None:
                if found.config != config:
                    raise OtherOptions
                found.users += 1
                return found
        time.sleep(0.05)


def _opened(key: str, file: str, config: dict[str, str], *, is_last_try: bool) -> Instance | None:
    try:
        made = Instance(key, config, duckdb.connect(file, config=dict(config)))
        made.root.execute(
            "SET GLOBAL TimeZone = 'UTC'"
        )  # not among the options: 1.5 has no time zones before it is open
    except duckdb.IOException as error:
        if is_last_try or not is_held(error):
            raise
        return None
    _open[key] = made
    return made


def is_held(error: BaseException) -> bool:
    """Has another process the file open?"""
    return isinstance(error, duckdb.IOException) and "lock on file" in str(error)


def give_back(instance: Instance) -> None:
    """The last one out closes the file, so that another process can open it."""
    with _opening:
        instance.users -= 1
        if not instance.users:
            _open.pop(instance.key, None)
            instance.root.close()


class Connection:
    """A DB-API connection: one cursor of the process's instance."""

    def __init__(self, instance: Instance) -> None:
        self.driver = instance.root.cursor()
        self._instance: Instance | None = instance
        self._writer: threading.Lock | None = None
        self._begun = False

    def begin(self, *, timeout_s: float) -> None:
        """A write transaction, once no other of this process writes. Raises WriterBusy."""
        lock = self._instance.writer if self._instance else threading.Lock()
        if not lock.acquire(timeout=timeout_s):
            raise WriterBusy
        self._writer = lock
        self._begin("BEGIN TRANSACTION")

    def begin_reading(self) -> None:
        self._begin("BEGIN TRANSACTION READ ONLY")

    def _begin(self, statement: str) -> None:
        try:
            self.driver.execute(statement)
            self._begun = True
        except BaseException:
            self._release()
            raise

    def cursor(self) -> Cursor:
        return Cursor(self.driver)

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        self._end("ROLLBACK")

    def _end(self, statement: str) -> None:
        try:
            if self._begun:
                self._begun = False
                self.driver.execute(statement)
        except duckdb.TransactionException as error:
            if "no transaction is active" not in str(error):  # DuckDB ends one by itself when its COMMIT fails
                raise
        finally:
            self._release()

    def _release(self) -> None:
        lock, self._writer = self._writer, None
        if lock:
            lock.release()

    def interrupt(self) -> None:
        """End the statement that runs, from another thread."""
        if self._instance:
            self.driver.interrupt()

    def close(self) -> None:
        try:
            self.driver.close()  # rolls back
        finally:
            self._release()
            instance, self._instance = self._instance, None
            if instance:
                give_back(instance)


class Cursor:
    """A DB-API cursor that has read its rows as soon as a statement is run."""

    arraysize = 1

    def __init__(self, driver: duckdb.DuckDBPyConnection) -> None:
        self._driver = driver
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, binds: Sequence[Any] = ()) -> None:
        answers = self._answers(statement)
        self._run(statement, binds)
        columns = [tuple(column) for column in self._driver.description or []]
        if answers == "rows":
            rows = rows_of(self._driver, [str(column[1]) for column in columns])
            self.description, self._rows, self.rowcount = columns, iter(rows), len(rows)
            return
        told = self._driver.fetchall() if answers == "count" else [(-1,)]
        self.description, self._rows, self.rowcount = None, iter(()), int(told[0][0])

    def _answers(self, statement: str) -> str:
        """DuckDB answers what is no query with a row of its own: how many rows were written, or that all went well."""
        parts = self._driver.extract_statements(statement)
        if len(parts) != 1:
            raise duckdb.ProgrammingError(f"{len(parts)} statements in one, expected one; nothing of it was run")
        if parts[0].type in _WRITES:
            return "rows" if "RETURNING" in statement.upper() else "count"
        return "nothing" if parts[0].type in _TELL_NOTHING else "rows"

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Many rows a statement where it is a plain INSERT: a statement costs DuckDB as much as hundreds of rows."""
        parted = _VALUES.fullmatch(statement)
        width = len(rows[0])
        if not parted or not width or parted[2].count("?") != width or "?" in parted[1]:
            for binds in rows:
                self._run(statement, binds)
            return
        step = max(1, BINDS_MAX // width)
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            self._run(parted[1] + ",".join([parted[2]] * len(some)), [value for binds in some for value in binds])

    def _run(self, statement: str, binds: Sequence[Any]) -> None:
        self._driver.execute(statement, list(binds) if binds else None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        return [row for _, row in zip(range(size or self.arraysize), self._rows, strict=False)]

    def setinputsizes(self, *_: object) -> None:
        """Nothing to prepare."""

    def close(self) -> None:
        self._rows = iter(())


class Dialect(DefaultDialect):
    """Only what plain text with binds asks of a dialect."""

    name = "duckdb"
    driver = "holdfast"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    supports_sane_rowcount = True

    @classmethod
    def import_dbapi(cls) -> DBAPIModule:
        names = {name: getattr(duckdb, name) for name in dir(duckdb) if name.endswith("Error")}
        return SimpleNamespace(paramstyle="qmark", **names)  # type: ignore[return-value]

    def initialize(self, connection: Any) -> None:
        """Nothing is asked of a new connection."""

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:  # noqa: ARG002 - as SQLAlchemy names them
        return isinstance(e, LOST)
