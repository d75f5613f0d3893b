"""What is MariaDB's and MySQL's own: values that strict mode alone would let be altered, and DDL that commits."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import make_url

from holdfast.adapters.databases import connect, mysql_ddl
from holdfast.adapters.databases.mysql import MysqlEngine
from holdfast.adapters.databases.mysql_session import StrictConnection
from holdfast.domain.errors import (
    AccessDenied,
    AuthenticationFailed,
    ConfigError,
    ConstraintViolation,
    DatabaseError,
    DatabaseUnavailable,
    LockTimeout,
    UniqueViolation,
)
from holdfast.domain.table import ColumnDefinition, IndexDefinition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.engine.migrate import LATEST, upgrade
from holdfast.engine.reports import examine
from holdfast.ports.database import Database, Transaction
from tests.support.mysql_server import administrate
from tests.support.processes import wait_until

TYPES = {"id": "bigint", "s": "string(3)", "n": "int", "d": "decimal(5,2)", "day": "date"}
NARROW = TableDefinition(
    "narrow", tuple(ColumnDefinition(n, parse_type(t), n != "id") for n, t in TYPES.items()), ("id",)
)
BAD = [("s", "abcd"), ("s", "abc "), ("n", 2**31), ("d", "1000.00"), ("d", "1.239"), ("day", "2024-02-30"), ("n", "x")]


@pytest.fixture
def database(mysql_url: str) -> Iterator[Database]:
    opened = connect(mysql_url)
    yield opened
    opened.close()


def insert(tx: Transaction, row: dict[str, Any]) -> None:
    tx.insert_many("narrow", [row])


def upsert(tx: Transaction, row: dict[str, Any]) -> None:
    tx.upsert("narrow", [row], key=["id"])


def copy(tx: Transaction, row: dict[str, Any]) -> None:
    tx.copy_in("narrow", pa.Table.from_pylist([row]))


@pytest.mark.parametrize("may_load", [True, False], ids=["by LOAD DATA", "by INSERT"])
def test_no_value_is_altered_on_its_way_in(database: Database, monkeypatch: pytest.MonkeyPatch, may_load: bool) -> None:
    monkeypatch.setattr(StrictConnection, "may_load", property(lambda _: may_load, lambda _self, _found: None))
    with database.transaction() as tx:
        tx.create_table(NARROW)
    for column, value in BAD:
        for way in (insert, upsert, copy):
            with pytest.raises(ConstraintViolation) as caught, database.transaction() as tx:
                way(tx, {"id": 1, column: value})
            assert str(value) not in caught.value.message.partition("narrow")[2], (column, value)
    with database.transaction() as tx:
        nasty = "a\\\t\n'\"\0😀"
        tx.create_table(TableDefinition("texts", (ColumnDefinition("t", parse_type("string")),)))
        tx.copy_in("texts", pa.table({"t": [nasty, "\\N", "NULL", "", None, "x\r\n"]}))
        assert [row["t"] for row in tx.query("SELECT t FROM texts")] == [nasty, "\\N", "NULL", "", None, "x\r\n"]
        assert tx.query("SELECT COUNT(*) AS n FROM narrow") == [{"n": 0}]
        with pytest.raises(UniqueViolation), tx.transaction() as savepoint:
            savepoint.copy_in("narrow", pa.table({"id": [1, 2, 1]}))
        assert tx.query("SELECT COUNT(*) AS n FROM narrow") == [{"n": 0}]


def test_keys_are_told_apart_by_every_byte(database: Database) -> None:
    columns = (ColumnDefinition("k", parse_type("string(5)"), False), ColumnDefinition("u", parse_type("int"), False))
    keys = TableDefinition("exact", columns, ("k",), (IndexDefinition(("u",), unique=True),))
    with database.transaction() as tx:
        tx.create_table(keys)
        tx.insert_many("exact", [{"k": k, "u": n} for n, k in enumerate(["a", "A", "a ", "á", "", "😀", "😁"])])
        found = tx.reflect("exact")
        assert tx.query("SELECT u FROM exact WHERE k = '😁'") == [{"u": 6}]
    assert found is not None
    assert found.columns == columns
    with pytest.raises(ConstraintViolation), database.transaction() as tx:
        tx.upsert(
            "exact", [{"k": "new", "u": 1}], key=["k"]
        )  # another index than the key's: no other row is overwritten
    with database.transaction() as tx:
        tx.execute("CREATE TABLE loose (a VARCHAR(5) CHARACTER SET utf8mb3, b VARCHAR(5) COLLATE utf8mb4_general_ci)")
        loose = tx.reflect("loose")
    assert loose is not None
    assert all("not exact to the byte" in str(column.type) for column in loose.columns)
    with database.transaction() as tx:
        tx.execute("CREATE TABLE lasting (a INT) ENGINE=MyISAM")
        lasting = tx.reflect("lasting")
    assert lasting is not None
    assert "not undone by a rollback" in str(lasting.columns[0].type)
    problems = MysqlEngine().problem_with(
        TableDefinition(
            "t",
            (ColumnDefinition("k", parse_type("string")), ColumnDefinition("d", parse_type("decimal(38,35)"))),
            ("k",),
        )
    )
    assert len(problems) == 2


def test_numbers_are_bound_with_all_their_digits(database: Database) -> None:
    small = Decimal("1.234567890123456789E-8")
    with database.transaction() as tx:
        tx.execute("CREATE TABLE small (d DECIMAL(38,26))")
        tx.insert_many("small", [{"d": small}])
        assert tx.query("SELECT d FROM small") == [{"d": small}]


def test_a_url_that_is_not_complete_says_so(mysql_url: str) -> None:
    for url, said in ((mysql_url.rpartition("/")[0] + "/", "names no database"), (mysql_url + "?nonesuch=1", "option")):
        with pytest.raises(ConfigError, match=said):  # noqa: PT012 - opening, or connecting, says it
            database = connect(url)
            with database.reading() as tx:
                tx.query("SELECT 1")


def die_at(url: str, step: int) -> bool:
    """A process that migrates the ledger and is killed at its n-th change of a table. False: there were fewer."""
    return os.WIFSIGNALED(os.waitpid(migrate_until(url, step, signal.SIGKILL), 0)[1])


def test_a_server_that_does_not_let_us_in(mysql_url: str) -> None:
    right = make_url(mysql_url)
    wrong = {
        right.set(username="nonesuch", password="hush-hush"): AuthenticationFailed,
        right.set(database="nonesuch"): AccessDenied,
        right.set(port=1): DatabaseUnavailable,
    }
    for url, expected in wrong.items():
        with pytest.raises(expected) as caught:  # noqa: PT012 - opening, or connecting, says it
            database = connect(url.render_as_string(hide_password=False))
            with database.reading() as tx:
                tx.query("SELECT 1")
        assert caught.value.hint
        assert "hush-hush" not in f"{caught.value.message} {caught.value.hint}"


def migrate_until(url: str, step: int, given: signal.Signals) -> int:
    """A process that migrates the ledger and gives itself this signal at its n-th change of a table."""
    child = os.fork()
    if child == 0:
        from holdfast.adapters.databases import mysql_ddl

        seen = [0]
        done = mysql_ddl._journal_without

        def dying(cursor: Any, name: str) -> None:
            seen[0] += 1
            done(cursor, name)
            if seen[0] == step:
                os.kill(os.getpid(), given)

        mysql_ddl._journal_without = dying
        with suppress(DatabaseError):
            upgrade(connect(url))
        os._exit(0)
    return child


def test_a_migration_killed_at_any_table_is_completed_by_the_next(mysql_url: str) -> None:
    for step in (1, 2, 7):
        assert die_at(mysql_url, step)
    database = connect(mysql_url)
    assert upgrade(database).found == 0
    assert upgrade(database).found == LATEST
    with database.transaction() as tx:
        assert tx.query("SELECT table_name FROM ops_unsettled") == []
    database.close()


def test_who_waits_for_a_migration_that_dies_completes_it(mysql_url: str) -> None:
    """The tables of the other one are half-way, and must not be taken for the ledger."""
    frozen = migrate_until(mysql_url, 9, signal.SIGSTOP)
    os.waitpid(frozen, os.WUNTRACED)
    found: list[int] = []
    database = connect(mysql_url)
    waiter = threading.Thread(target=lambda: found.append(upgrade(database).found))
    waiter.start()
    with administrate(mysql_url) as admin, admin.cursor() as cursor:
        waiting = "SELECT 1 FROM information_schema.processlist WHERE db = %s AND state = 'User lock'"
        wait_until(
            lambda: cursor.execute(waiting, [make_url(mysql_url).database]), deadline_s=60, what="the second to wait"
        )
    os.kill(frozen, signal.SIGKILL)
    os.waitpid(frozen, 0)
    waiter.join(60)
    assert found == [0]
    assert upgrade(database).found == LATEST
    database.close()


def test_the_doctor_looks_at_the_server(database: Database) -> None:
    findings = {finding.what: finding for finding in examine(database, "here")}
    assert all(finding.good for finding in findings.values())
    assert {"server", "bulk path", "sql_mode", "text", "rights"} <= findings.keys()
    assert "NULL" not in findings["server"].found
    with database.transaction() as tx:
        tx.execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    hints = {finding.what: finding.hint for finding in examine(database, "here")}
    assert "COLLATE" in hints["text"]


def test_the_whole_ledger_may_be_dropped_at_once(database: Database) -> None:
    """Its journal with it, which is what drops the others."""
    upgrade(database)
    named = (
        "SELECT table_name AS name, table_type AS kind FROM information_schema.tables WHERE table_schema = DATABASE()"
    )
    with database.transaction() as tx:
        kinds = {row["name"]: row["kind"] for row in tx.query(named)}
        assert "ops_unsettled" in kinds
        for name, kind in kinds.items():
            tx.execute(f"DROP {'VIEW' if kind == 'VIEW' else 'TABLE'} {name}")
    with database.transaction() as tx:
        assert tx.query(named) == []
    assert upgrade(database).found == 0


def replace_table(database: Database, fail: bool) -> None:
    with database.transaction() as tx:
        tx.execute("DROP TABLE t")
        tx.execute("CREATE TABLE t (later INT)")
        tx.execute("INSERT INTO t VALUES (2)")
        if fail:
            raise ZeroDivisionError


def test_a_table_that_is_replaced_in_a_transaction_is_there_if_it_fails(database: Database, mysql_url: str) -> None:
    named = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
    everything = [{"name": "ops_unsettled"}, {"name": "t"}]
    with database.transaction() as tx:
        tx.execute("CREATE TABLE t (sooner INT)")
        tx.execute("INSERT INTO t VALUES (1)")
    with suppress(ZeroDivisionError):
        replace_table(database, fail=True)
    with database.transaction() as tx:
        assert tx.query("SELECT * FROM t") == [{"sooner": 1}]
        assert tx.query(named) == everything
    child = os.fork()
    if child == 0:
        other = connect(mysql_url)
        with other.transaction() as tx:
            tx.execute("DROP TABLE t")
            tx.execute("CREATE TABLE t (later INT)")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    again = connect(mysql_url)
    with again.transaction() as tx:
        assert tx.query("SELECT * FROM t") == [{"sooner": 1}]
    again.close()
    replace_table(database, fail=False)
    with database.transaction() as tx:
        assert tx.query("SELECT * FROM t") == [{"later": 2}]
        assert tx.query(named) == everything
        assert tx.query("SELECT * FROM ops_unsettled") == []


def read_and_change(database: Database, statement: str) -> None:
    with database.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM narrow") == [{"n": 0}]
        tx.execute(statement)
        tx.create_table(NARROW)


def test_a_transaction_does_not_wait_for_itself(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """DDL on a table it has read would: it is an error that says so, and the table is as it was."""
    monkeypatch.setattr(mysql_ddl, "DDL_LOCK_S", 1)
    with database.transaction() as tx:
        tx.create_table(NARROW)
    for statement in ("ALTER TABLE narrow ADD COLUMN more INT", "DROP TABLE narrow"):
        with pytest.raises(LockTimeout, match="a transaction of its own"):
            read_and_change(database, statement)
    with database.transaction() as tx:
        assert tx.reflect("narrow") is not None
        insert(tx, {"id": 1})


def test_tables_come_and_go_with_their_transaction(database: Database) -> None:
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.create_table(NARROW)
        insert(tx, {"id": 1})
        raise ZeroDivisionError
    with database.transaction() as tx:
        assert tx.reflect("narrow") is None
        tx.create_table(NARROW)
        insert(tx, {"id": 1})
        tx.create_table(NARROW)  # it is there, and keeps its row
        tx.execute("CREATE TABLE IF NOT EXISTS narrow (other INT)")
        assert tx.query("SELECT COUNT(*) AS n FROM narrow") == [{"n": 1}]
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.execute("DROP TABLE narrow")
        assert tx.reflect("narrow") is None
        raise ZeroDivisionError
    with database.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM narrow") == [{"n": 1}]
        tx.execute("DROP TABLE narrow")
    with database.transaction() as tx:
        assert tx.query("SELECT table_name FROM ops_unsettled") == []
    with database.reading() as reader:
        assert reader.query(
            "SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_name = 'narrow' "
            "AND table_schema = DATABASE()"
        ) == [{"n": 0}]
