"""MariaDB databases for tests, each with an empty ledger, without making that ledger anew for every test.

There a table is files and each statement of DDL a transaction: thirty of them cost more than most tests. So a database
that a test is done with is emptied and given to the next one. Where it is not as a new one then, it is dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql
import sqlalchemy as sa

from holdfast.adapters.databases import connect
from holdfast.engine.migrate import upgrade
from tests.support.mysql_server import administrate

KEPT = "ops_migration"  # its rows say that the ledger is there
LEFT = """
SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()
UNION ALL SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()
"""


@dataclass(frozen=True)
class Shape:
    """A database without rows: its own settings, its tables and views as they would be made, the ledger's version."""

    settings: Any
    made: dict[str, str]
    versions: Any


class MysqlDatabases:
    """The databases of one test process on one server. All of them are dropped at the end."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._free: list[str] = []
        self._new: Shape | None = None

    @contextmanager
    def one(self) -> Iterator[str]:
        """The url of a database with an empty ledger that nobody else has."""
        name = self._free.pop() if self._free else self._create()
        yield self._url(name)
        if self._is_new_again(name):
            self._free.append(name)
        else:
            self._administer(f"DROP DATABASE {name}")

    def close(self) -> None:
        while self._free:
            self._administer(f"DROP DATABASE {self._free.pop()}")

    def _url(self, name: str) -> str:
        return sa.make_url(self._server_url).set(database=name).render_as_string(hide_password=False)

    def _create(self) -> str:
        name = f"holdfast_test_{uuid.uuid4().hex}"
        self._administer(f"CREATE DATABASE {name}")
        database = connect(self._url(name))
        upgrade(database)
        database.close()
        if self._new is None:
            with closing(administrate(self._server_url)) as connection, connection.cursor() as cursor:
                cursor.execute(f"USE {name}")
                self._new = _shape(cursor)
        return name

    def _is_new_again(self, name: str) -> bool:
        assert self._new
        try:
            with closing(administrate(self._server_url)) as connection, connection.cursor() as cursor:
                cursor.execute(f"USE {name}")
                cursor.execute("SET lock_wait_timeout = 5, innodb_lock_wait_timeout = 5, foreign_key_checks = 0")
                _empty(cursor, self._new)
                return _shape(cursor) == self._new
        except pymysql.Error:
            return False

    def _administer(self, statement: str) -> None:
        with closing(administrate(self._server_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)


def _empty(cursor: Any, new: Shape) -> None:
    cursor.execute("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
    for (connection,) in cursor.fetchall():
        cursor.execute(f"KILL {connection}")
    for name, kind in _relations(cursor):
        if name not in new.made:
            cursor.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} `{name}`")
        elif kind != "VIEW" and name != KEPT:
            cursor.execute(f"DELETE FROM `{name}`")


def _shape(cursor: Any) -> Shape:
    cursor.execute("SHOW CREATE DATABASE " + _name(cursor))
    settings = cursor.fetchone()[1].replace(_name(cursor), "")
    made = {}
    for name, kind in _relations(cursor):
        cursor.execute(f"SHOW CREATE TABLE `{name}`")
        made[name] = "VIEW" if kind == "VIEW" else cursor.fetchone()[1]
    cursor.execute(f"SELECT version, checksum FROM {KEPT} ORDER BY version")
    versions = cursor.fetchall()
    cursor.execute(LEFT)
    return Shape((settings, cursor.fetchall()), made, versions)


def _name(cursor: Any) -> str:
    cursor.execute("SELECT DATABASE()")
    return str(cursor.fetchone()[0])


def _relations(cursor: Any) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()"
        " ORDER BY table_name"
    )
    return list(cursor.fetchall())
