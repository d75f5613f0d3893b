"""A connection that dies: the error says so, nothing is kept, the next transaction works. Secrets are never shown."""
# ruff: noqa: PT012 - the block that raises is the transaction's

from __future__ import annotations

import re
import traceback
from urllib.parse import quote, quote_plus

import psycopg
import pytest
import sqlalchemy as sa

from holdfast.adapters.databases import connect
from holdfast.adapters.databases.transaction import SqlTransaction
from holdfast.domain.errors import ConnectionLost, HoldfastError, StatementFailed
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.ports.database import Database, Transaction

NOTES = TableDefinition("notes", (ColumnDefinition("id", parse_type("bigint"), False),), ("id",))


def sever(tx: Transaction, database_url: str) -> None:
    """The connection dies behind the transaction's back."""
    if database_url.startswith(("sqlite", "duckdb")):
        assert isinstance(tx, SqlTransaction)
        driver = tx._connection.connection.driver_connection
        assert driver is not None
        driver.close()
        return
    if database_url.startswith("mysql"):
        number = tx.query("SELECT CONNECTION_ID() AS number")[0]["number"]
        killer = connect(database_url)
        with killer.transaction() as other:
            other.execute(f"KILL {number}")
        killer.close()
        return
    pid = tx.query("SELECT pg_backend_pid() AS pid")[0]["pid"]
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


def count(database: Database) -> int:
    with database.transaction() as tx:
        return int(tx.query("SELECT COUNT(*) AS n FROM notes")[0]["n"])


def test_a_connection_lost_in_a_transaction(database: Database, database_url: str) -> None:
    with database.transaction() as tx:
        tx.create_table(NOTES)
    with pytest.raises(ConnectionLost), database.transaction() as tx:
        tx.insert_many("notes", [{"id": 1}])
        sever(tx, database_url)
        tx.insert_many("notes", [{"id": 2}])
    assert count(database) == 0
    with database.transaction() as tx:
        tx.insert_many("notes", [{"id": 3}])
    assert count(database) == 1


def test_a_lost_connection_does_not_hide_the_callers_own_error(database: Database, database_url: str) -> None:
    with database.transaction() as tx:
        tx.create_table(NOTES)
    with pytest.raises(ZeroDivisionError), database.transaction() as tx:
        tx.insert_many("notes", [{"id": 1}])
        sever(tx, database_url)
        raise ZeroDivisionError
    assert count(database) == 0


@pytest.mark.parametrize("password", ["s3cret", "p@ss/w:rd%41", "ünï cödé"])
@pytest.mark.parametrize("in_query", [False, True])
def test_secrets_are_in_no_repr_and_no_error(database_url: str, password: str, in_query: bool) -> None:
    url = sa.make_url(database_url)
    if database_url.startswith(("sqlite", "duckdb")) or in_query:
        url = url.update_query_dict({"password": password})
    else:
        url = url.set(password=password)
    text = url.render_as_string(hide_password=False)
    said = _said_of(text)
    spelled = {password, quote(password, safe=""), quote_plus(password)}
    assert not any(secret in line for secret in spelled for line in said), said


def _said_of(url: str) -> list[str]:
    """All that is said about a URL: as it is, and broken in every part."""
    said = []
    for broken in (url, f"nonesuch{url}", re.sub("5432|3306", "1", url), re.sub("5432|3306", "port", url), url[::-1]):
        try:
            database = connect(broken)
            said.append(repr(database))
            with database.transaction() as tx:
                tx.execute("nonsense")
        except StatementFailed as error:
            database.close()
            said += [error.message, error.hint, *traceback.format_exception(error)]
        except HoldfastError as error:
            said += [error.message, error.hint, *traceback.format_exception(error)]
    assert len(said) > 8
    return said
