"""Transactions mean the same on every engine: all or nothing, ended is ended, a swallowed error is never committed."""

# ruff: noqa: PT012 - the block that raises is the transaction's

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from holdfast.adapters.databases import connect
from holdfast.domain.errors import (
    AccessDenied,
    ConstraintViolation,
    DatabaseError,
    LockTimeout,
    StatementFailed,
    TransactionEnded,
    TransientError,
    UniqueViolation,
)
from holdfast.domain.table import ColumnDefinition, MergeShape, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.ports.database import Database, Row, Transaction

NOTES = TableDefinition(
    "notes",
    (ColumnDefinition("id", parse_type("bigint"), False), ColumnDefinition("body", parse_type("string(10)"))),
    ("id",),
)
SHAPE = MergeShape("notes", "notes_staging", ("id", "body"), ("id",))


@pytest.fixture
def notes(database: Database) -> Database:
    with database.transaction() as tx:
        tx.create_table(NOTES)
    return database


def add(tx: Transaction, *ids: int) -> None:
    tx.insert_many("notes", [{"id": i, "body": f"note {i}"} for i in ids])


def ids(database: Database) -> list[int]:
    with database.transaction() as tx:
        return [row["id"] for row in tx.query("SELECT id FROM notes ORDER BY id")]


def test_a_block_that_ends_commits(notes: Database) -> None:
    with notes.transaction() as tx:
        add(tx, 1, 2)
    assert ids(notes) == [1, 2]


def test_a_block_that_raises_leaves_nothing(notes: Database) -> None:
    with pytest.raises(ZeroDivisionError), notes.transaction() as tx:
        add(tx, 1)
        raise ZeroDivisionError
    assert ids(notes) == []


def test_creating_a_table_rolls_back_too(database: Database) -> None:
    with suppress(ZeroDivisionError), database.transaction() as tx:
        tx.create_table(NOTES)
        raise ZeroDivisionError
    with database.transaction() as tx:
        assert tx.reflect("notes") is None


def test_a_swallowed_error_is_never_committed(notes: Database) -> None:
    with pytest.raises(StatementFailed, match="rolled back"), notes.transaction() as tx:
        add(tx, 1)
        with suppress(DatabaseError):
            tx.execute("INSERT INTO notes (id) VALUES (1)")
    assert ids(notes) == []


def test_after_an_error_only_the_end_is_left(notes: Database) -> None:
    with suppress(StatementFailed), notes.transaction() as tx:
        with suppress(DatabaseError):
            tx.execute("nonsense")
        with pytest.raises(StatementFailed, match="earlier statement"):
            add(tx, 2)
    assert ids(notes) == []


USES: list[Callable[[Transaction], object]] = [
    lambda tx: tx.execute("DELETE FROM notes"),
    lambda tx: tx.query("SELECT 1 AS one"),
    lambda tx: tx.run("table_rows", SHAPE),
    lambda tx: tx.run_many("worker_leave", [{"worker": "w"}]),
    lambda tx: tx.insert_many("notes", [{"id": 1}]),
    lambda tx: tx.upsert("notes", [{"id": 1}], key=["id"]),
    lambda tx: tx.create_table(NOTES),
    lambda tx: tx.reflect("notes"),
    lambda tx: tx.transaction().__enter__(),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("raises", [False, True])
def test_an_ended_transaction_refuses_every_use(
    notes: Database, use: Callable[[Transaction], object], raises: bool
) -> None:
    with suppress(ZeroDivisionError), notes.transaction() as tx:
        if raises:
            raise ZeroDivisionError
    with pytest.raises(TransactionEnded, match="ended"):
        use(tx)


def check_that_all_of_it_fails(notes: Database) -> None:
    """Without savepoints a nested block that fails takes the whole transaction with it, and says so."""
    with pytest.raises(StatementFailed, match="a key is there already"), notes.transaction() as tx:
        add(tx, 1)
        with pytest.raises(UniqueViolation), tx.transaction() as inner:
            add(inner, 1)
        add(tx, 2)
    with pytest.raises(StatementFailed, match="ZeroDivision"), notes.transaction() as tx:
        with suppress(ZeroDivisionError), tx.transaction():
            raise ZeroDivisionError
        add(tx, 2)
    assert ids(notes) == []
    with notes.transaction() as tx:
        add(tx, 1)
        with tx.transaction() as inner, inner.transaction() as innermost:
            add(innermost, 3)
        with pytest.raises(TransactionEnded):
            add(inner, 4)
    assert ids(notes) == [1, 3]


def test_a_savepoint_rolls_back_alone(notes: Database) -> None:
    if not notes.traits.has_savepoints:
        check_that_all_of_it_fails(notes)
        return
    with notes.transaction() as tx:
        add(tx, 1)
        with pytest.raises(UniqueViolation), tx.transaction() as inner:
            add(inner, 2)
            add(inner, 1)
        with tx.transaction() as inner, inner.transaction() as innermost:
            add(innermost, 3)
        with pytest.raises(TransactionEnded):
            add(inner, 4)
    assert ids(notes) == [1, 3]


def test_a_savepoint_with_a_swallowed_error_rolls_back(notes: Database) -> None:
    if not notes.traits.has_savepoints:
        check_that_all_of_it_fails(notes)
        return
    with notes.transaction() as tx:
        add(tx, 1)
        with pytest.raises(StatementFailed), tx.transaction() as inner:
            add(inner, 2)
            with suppress(UniqueViolation):
                add(inner, 1)
    assert ids(notes) == [1]


def test_an_error_by_the_outer_transaction_inside_a_savepoint_is_not_lost(notes: Database) -> None:
    with suppress(UniqueViolation, StatementFailed), notes.transaction() as tx:
        add(tx, 1)
        with tx.transaction(), suppress(UniqueViolation):
            add(tx, 1)
        add(tx, 2)
    assert ids(notes) == []


def test_a_statement_of_the_outer_transaction_belongs_to_the_open_savepoint(notes: Database) -> None:
    if not notes.traits.has_savepoints:
        check_that_all_of_it_fails(notes)
        return
    with notes.transaction() as tx:
        add(tx, 1)
        with pytest.raises(UniqueViolation), tx.transaction():
            add(tx, 1)
        add(tx, 2)
    assert ids(notes) == [1, 2]


def test_violations_have_names(notes: Database) -> None:
    bad_rows: list[Row] = [{"id": None, "body": "x"}, {"id": 7, "body": "longer than ten"}]
    for bad in bad_rows:
        with pytest.raises(ConstraintViolation) as caught, notes.transaction() as tx:
            tx.insert_many("notes", [bad])
        assert "longer than ten" not in caught.value.message
        assert "nothing of it was kept" in caught.value.message


def test_a_lock_that_is_not_free_in_time_is_a_lock_timeout(notes: Database) -> None:
    with notes.transaction() as tx:
        add(tx, 1)
    with notes.transaction() as tx:
        tx.execute("UPDATE notes SET body = 'a' WHERE id = 1")
        with pytest.raises(LockTimeout) as caught, notes.transaction(lock_timeout_s=0.1) as other:
            other.execute("UPDATE notes SET body = 'b' WHERE id = 1")
    assert isinstance(caught.value, TransientError)
    assert caught.value.hint


def test_many_threads_at_once_lose_nothing(notes: Database) -> None:
    with notes.transaction() as tx:
        tx.insert_many("notes", [{"id": 0, "body": "0"}])
    barrier = threading.Barrier(8)

    def count_up(_worker: int) -> None:
        barrier.wait()
        for _ in range(10):
            with notes.transaction() as tx:
                tx.execute("UPDATE notes SET body = CAST(CAST(body AS INTEGER) + 1 AS VARCHAR(10)) WHERE id = 0")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(count_up, range(8)))
    with notes.transaction() as tx:
        assert tx.query("SELECT body FROM notes") == [{"body": "80"}]


def test_a_closed_database_opens_again_when_used(database_url: str) -> None:
    database = connect(database_url)
    with database.transaction() as tx:
        tx.create_table(NOTES)
    database.close()
    assert ids(database) == []
    database.close()


def test_binds_are_values_not_sql_and_quoted_colons_are_not_binds(notes: Database) -> None:
    nasty = "'); -- :x"
    with notes.transaction() as tx:
        tx.execute("INSERT INTO notes (id, body) VALUES (:id, :body)", {"id": 1, "body": nasty})
        found = tx.query(
            "SELECT body, ' :no ''bind' AS text FROM notes WHERE body = :body -- nor :here", {"body": nasty}
        )
    assert found == [{"body": nasty, "text": " :no 'bind"}]


def test_a_missing_bind_is_named(notes: Database) -> None:
    with pytest.raises(StatementFailed, match="'id'"), notes.transaction() as tx:
        tx.query("SELECT body FROM notes WHERE id = :id")


def test_reading_sees_one_snapshot_and_waits_for_no_writer(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("CREATE TABLE seen (n INTEGER)")
        tx.execute("INSERT INTO seen VALUES (1)")
    with database.reading() as reader:
        assert reader.query("SELECT COUNT(*) AS n FROM seen") == [{"n": 1}]
        with database.transaction() as writer:
            writer.execute("INSERT INTO seen VALUES (2)")
            with database.reading() as another:
                assert another.query("SELECT COUNT(*) AS n FROM seen") == [{"n": 1}]
        assert reader.query("SELECT COUNT(*) AS n FROM seen") == [{"n": 1}]
    with database.reading() as later:
        assert later.query("SELECT COUNT(*) AS n FROM seen") == [{"n": 2}]


def test_reading_refuses_to_write_and_the_next_transaction_may(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("CREATE TABLE seen (n INTEGER)")
    with pytest.raises(AccessDenied), database.reading() as reader:
        reader.execute("INSERT INTO seen VALUES (1)")
    with database.transaction() as tx:
        assert tx.execute("INSERT INTO seen VALUES (1)") == 1
