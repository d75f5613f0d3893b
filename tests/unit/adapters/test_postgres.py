"""What is PostgreSQL's own: deadlocks, an unknown COMMIT, a server that goes and comes back, no session state."""
# ruff: noqa: PT012 - the block that raises is the transaction's

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from holdfast.adapters.databases import connect
from holdfast.domain.errors import (
    AccessDenied,
    AuthenticationFailed,
    CommitUnknown,
    ConnectionLost,
    DatabaseUnavailable,
    Deadlock,
    SerializationFailure,
    StatementFailed,
)
from holdfast.ports.database import Database
from tests.support.postgres_server import PostgresServer
from tests.support.proxy import Proxy


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    database = connect(postgres_url)
    with database.transaction() as tx:
        tx.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)")
        tx.insert_many("t", [{"id": 1, "n": 0}, {"id": 2, "n": 0}])
    yield database
    database.close()


def total(database: Database) -> int:
    with database.transaction() as tx:
        return int(tx.query("SELECT SUM(n) AS n FROM t")[0]["n"])


def at(url: str, **parts: object) -> str:
    return sa.make_url(url).set(**parts).render_as_string(hide_password=False)  # type: ignore[arg-type]


def test_of_two_that_deadlock_one_may_go_on(postgres: Database) -> None:
    barrier, ends = threading.Barrier(2), []

    def cross(first: int, second: int) -> None:
        try:
            with postgres.transaction() as tx:
                tx.execute("UPDATE t SET n = n + 1 WHERE id = :id", {"id": first})
                barrier.wait(10)
                tx.execute("UPDATE t SET n = n + 1 WHERE id = :id", {"id": second})
            ends.append("committed")
        except Deadlock as error:
            ends.append(type(error).__name__)

    threads = [threading.Thread(target=cross, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["Deadlock", "committed"]
    assert total(postgres) == 2


@pytest.mark.parametrize(("reached_the_server", "expected"), [(False, 0), (True, 7)])
def test_a_connection_lost_at_commit_leaves_it_unknown(
    postgres: Database, postgres_url: str, reached_the_server: bool, expected: int
) -> None:
    with Proxy(sa.make_url(postgres_url).port or 5432) as proxy:
        database = connect(at(postgres_url, host="127.0.0.1", port=proxy.port))
        with pytest.raises(CommitUnknown, match="not known"), database.transaction() as tx:
            tx.execute("UPDATE t SET n = 7 WHERE id = 1")
            proxy.cut_answer_to() if reached_the_server else proxy.cut_before()
        assert total(database) == expected  # the pool has made a new connection
        database.close()


def test_a_connection_cut_in_a_copy_is_lost_and_keeps_nothing(postgres: Database, postgres_url: str) -> None:
    import pyarrow as pa

    with Proxy(sa.make_url(postgres_url).port or 5432) as proxy:
        database = connect(at(postgres_url, host="127.0.0.1", port=proxy.port))
        table = pa.table({"id": pa.array(range(10, 1_000_010), pa.int32())})
        with pytest.raises(ConnectionLost) as caught, database.transaction() as tx:
            proxy.cut_after_bytes(500_000, sent_by="client")
            tx.copy_in("t", table)
        assert type(caught.value) is ConnectionLost
        assert total(database) == 0
        database.close()


def test_after_a_restart_of_the_server_the_pool_is_good_again() -> None:
    with PostgresServer() as server:
        database = connect(server.url)
        with database.transaction() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
            tx.insert_many("t", [{"n": 1}])
        with pytest.raises(ConnectionLost), database.transaction() as tx:
            tx.execute("INSERT INTO t VALUES (2)")
            server.stop_at_once()
            tx.query("SELECT 1 AS one")
        with pytest.raises(DatabaseUnavailable), database.transaction():
            pass
        server.start()
        assert total(database) == 1
        database.close()


def test_connections_that_cannot_be_made(postgres_url: str) -> None:
    for url, kind, words in [
        (at(postgres_url, database="nonesuch"), AccessDenied, "does not exist"),
        (at(postgres_url, username="nonesuch"), AuthenticationFailed, "nonesuch"),
        (at(postgres_url, host="127.0.0.1", port=1), DatabaseUnavailable, "refused"),
        (at(postgres_url, host="host.invalid"), DatabaseUnavailable, "host.invalid"),
    ]:
        with pytest.raises(kind, match=words) as caught, connect(url).transaction():
            pass
        assert caught.value.hint


def test_what_the_server_refuses_has_a_name(postgres: Database) -> None:
    for statement, kind in [
        ("CREATE TEMPORARY TABLE x (a INTEGER); SET TRANSACTION READ ONLY; DELETE FROM t", AccessDenied),
        ("SET LOCAL ROLE pg_monitor; DELETE FROM t", AccessDenied),
        ("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '40001'; END $$", SerializationFailure),
        ("DO $$ BEGIN RAISE EXCEPTION SQLSTATE '53300'; END $$", DatabaseUnavailable),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", StatementFailed),
        ("SELECT 1 FROM nonesuch", StatementFailed),
    ]:
        with pytest.raises(kind), postgres.transaction() as tx:
            tx.execute(statement)


def test_a_pool_whose_connections_are_all_out_says_so(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.adapters.databases.postgres.POOL_TIMEOUT_S", 0.1)
    database = connect(postgres_url, pool_size=1)
    with database.transaction(), pytest.raises(DatabaseUnavailable, match="in use"), database.transaction():
        pass
    database.close()


def test_nothing_stays_in_the_session(postgres_url: str) -> None:
    database = connect(postgres_url, pool_size=1)
    with database.transaction(lock_timeout_s=3) as tx:
        assert tx.query("SHOW lock_timeout") == [{"lock_timeout": "3s"}]
        for _ in range(20):
            tx.query("SELECT :n + 1 AS n", {"n": 1})
    with database.transaction() as tx:
        assert tx.query("SHOW lock_timeout") == [{"lock_timeout": "0"}]
        assert tx.query("SELECT name FROM pg_prepared_statements") == []
        assert tx.query("SHOW transaction_isolation") == [{"transaction_isolation": "read committed"}]
        assert tx.query("SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()") == []
    database.close()


def test_options_of_the_url_reach_the_driver(postgres_url: str) -> None:
    url = sa.make_url(postgres_url).update_query_dict({"application_name": "mine"})
    database = connect(url.render_as_string(hide_password=False))
    with database.transaction() as tx:
        assert tx.query("SHOW application_name") == [{"application_name": "mine"}]
    database.close()


def test_a_table_in_a_schema(postgres: Database) -> None:
    from holdfast.domain.table import ColumnDefinition, IndexDefinition, TableDefinition
    from holdfast.domain.types import parse_type

    column = ColumnDefinition("id", parse_type("bigint"), False)
    definition = TableDefinition("sales.usage.v2", (column,), ("id",), (IndexDefinition(("id",)),))
    with postgres.transaction() as tx:
        tx.execute("CREATE SCHEMA sales")
        tx.create_table(definition)
        tx.insert_many("sales.usage.v2", [{"id": 1}])
        assert tx.query('SELECT id FROM sales."usage.v2"') == [{"id": 1}]
        assert tx.reflect("sales.usage.v2") == definition
        assert tx.reflect("usage.v2") is None
