"""A statement's name is a promise: every one exists on every engine, and each is run there, twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa

from holdfast.adapters.databases.connect import ENGINES
from holdfast.adapters.databases.pooled import PooledDatabase
from holdfast.adapters.databases.statements import Words, escape_quoted, fill, load_statements, shape_fills, unfilled
from holdfast.adapters.databases.transaction import words_of
from holdfast.domain.errors import StatementFailed
from holdfast.domain.table import ColumnDefinition, MergeShape, Partition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.engine.migrate import MIGRATIONS, upgrade
from holdfast.ports.database import Database, Transaction

COLUMNS = {"k": "bigint", "v": "string(5)", "seq": "int", "day": "date", "_origin": "bigint"}
TARGET = TableDefinition(
    "target",
    (
        *(ColumnDefinition(name, parse_type(text), name in ("v", "day")) for name, text in COLUMNS.items()),
        ColumnDefinition("seen", parse_type("timestamp(%Y, UTC)"), False, default_now=True),
    ),
    ("k",),
)
PARTITION = Partition("day", parse_type("date"), "month")
SHAPE = MergeShape(
    "target", "target_staging", ("k", "v", "seq", "day"), ("k",), "seq", "seen", "target_landing", PARTITION
)
TEXT_BINDS = re.compile(r"(?<![:\w\\]):(\w+)")
COMPARED = (
    "drop_beaten",
    "staged_fates",
    "insert_staged",
    "update_staged",
    "advance_staged",
    "written_by_partition",
    "history_add_landed",
)
MADE_BY_UPGRADE = {name for names in MIGRATIONS.values() for name in names} | {"ledger_schema"}


def rows(*found: tuple[int, str | None, int, int]) -> pa.Table:
    return pa.table(
        {
            "k": pa.array([r[0] for r in found], pa.int64()),
            "v": pa.array([r[1] for r in found], pa.string()),
            "seq": pa.array([r[2] for r in found], pa.int32()),
            "_origin": pa.array([r[3] for r in found], pa.int64()),
        }
    )


def test_every_engine_has_the_same_names() -> None:
    names = [set(load_statements(make().name)) for make in ENGINES.values()]
    assert all(found == names[0] for found in names)
    assert names[0]


@pytest.mark.parametrize("scheme", sorted(ENGINES))
def test_every_word_in_braces_is_known(scheme: str) -> None:
    engine = ENGINES[scheme]()
    fills = {**engine.fills, **shape_fills(SHAPE, words_of(engine))}
    assert {name: unfilled(fill(text, fills)) for name, text in load_statements(engine.name).items()} == {
        name: [] for name in load_statements(engine.name)
    }


def test_every_statement_runs_twice(database: Database) -> None:
    """Each in a savepoint of its own, against the ledger, a target, its staging table and a landing table.

    Without savepoints on the engine: each in a transaction of its own.
    """
    assert isinstance(database, PooledDatabase)
    upgrade(database)
    with database.transaction() as tx:
        tx.create_table(TARGET)
    names = [name for name in database.statement_names if name not in MADE_BY_UPGRADE]
    if database.traits.has_savepoints:
        with database.transaction() as tx:
            for name in (name for name in names for _ in range(2)):
                run_on_a_stage(tx.transaction, name, database.statement(name))
    else:
        for name in (name for name in names for _ in range(2)):
            run_on_a_stage(database.transaction, name, database.statement(name))
    assert len(names) + len(MADE_BY_UPGRADE) == len(database.statement_names)


def run_on_a_stage(begin: Callable[[], AbstractContextManager[Transaction]], name: str, text: str) -> None:
    with suppress(_Undo), begin() as savepoint:
        if not name.startswith("create_landing"):
            savepoint.run("create_landing", SHAPE)
        if name == "rename_landing":
            savepoint.run("drop_target", SHAPE)
        elif name in COMPARED:
            savepoint.run("stage_differing", SHAPE)
        elif name not in ("create_staging", "create_model_staging", "stage_differing", "stage_all"):
            savepoint.run("create_staging", SHAPE)
        filled = fill(text, shape_fills(SHAPE, Words(now="", distinct="")))
        binds = {bind: value_of(bind) for bind in TEXT_BINDS.findall(escape_quoted(filled))}
        savepoint.run(name, SHAPE, **binds)
        raise _Undo


class _Undo(Exception):
    """So that the second run meets what the first one met."""


def value_of(bind: str) -> Any:
    """Digits, as text: every engine takes them for a number too where one is needed. Days, truths, limits are not."""
    if bind in ("rate_date", "first_day", "last_day"):
        return date(2024, 1, 5)
    if bind in ("is_final", "range_refused"):
        return True
    if bind in ("cutoff", "slice_end", "touched_at"):
        return datetime(2024, 1, 5, tzinfo=UTC)
    if bind == "most":
        return 99
    known = {
        "stage_status": "running",
        "status": "open",
        "outcome": "passed",
        "state": "ready",
        "kind": "chunk",
        "way": "merge",
        "schema": None,
        "as_of": None,
    }
    return known.get(bind, "99")


def test_an_unknown_name_is_refused(database: Database) -> None:
    with pytest.raises(StatementFailed, match="nonesuch"):
        database.statement("nonesuch")
    with pytest.raises(StatementFailed, match="nonesuch"), database.transaction() as tx:
        tx.run("nonesuch")


def test_a_statement_that_needs_a_shape_says_so(database: Database) -> None:
    with pytest.raises(StatementFailed, match=r"\{target\}"), database.transaction() as tx:
        tx.run("table_rows")


def test_staging_is_gone_after_the_transaction_and_holds_what_the_target_holds(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(TARGET)
    for _ in range(2):
        with database.transaction() as tx:
            tx.run("create_staging", SHAPE)
            tx.copy_in(SHAPE.staging, rows((1, None, 1, 1), (2, "", 1, 2)))
            assert tx.run("insert_missing", SHAPE).count == 2
            tx.run("drop_staging", SHAPE)
            assert tx.run("table_rows", SHAPE).first == {"table_rows": 2}
            tx.execute("DELETE FROM target")


def test_a_large_merge_finds_every_row_again(database: Database) -> None:
    """More rows than an engine keeps in one piece, staged and merged in one transaction, half of them known."""
    many, half = 300_000, 150_000
    ids = np.arange(many)

    def table(first: int, origin: int) -> pa.Table:
        found = ids[first:]
        texts = pa.array(np.full(len(found), "v"))
        return pa.table({"k": found, "v": texts, "seq": found.astype("int32"), "_origin": found + origin})

    with database.transaction() as tx:
        tx.create_table(TARGET)
        tx.copy_in("target", table(half, 0))
        tx.run("create_staging", SHAPE)
        tx.copy_in(SHAPE.staging, table(0, many))
        assert tx.run("insert_missing", SHAPE).count == half
        assert tx.run("update_differing", SHAPE).count == 0
        assert tx.run("advance_unchanged", SHAPE).count == half
        found = tx.query("SELECT COUNT(*) AS n, SUM(k) AS k, MIN(_origin) AS least FROM target")[0]
    assert (found["n"], int(found["k"]), found["least"]) == (many, int(ids.sum()), many)


def test_a_landing_table_stays(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(TARGET)
        tx.run("create_landing", SHAPE)
        tx.copy_in(SHAPE.landing, rows((1, "a", 1, 1), (1, "b", 1, 2)))
    with database.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM target_landing") == [{"n": 2}]
        tx.run("drop_landing", SHAPE)
        tx.run("drop_landing", SHAPE)
        assert tx.reflect(SHAPE.landing) is None


def test_run_many_runs_once_for_every_row(database: Database) -> None:
    upgrade(database)
    worker = {"run_id": "r", "place": "p", "pid": 1, "process_start": "s", "lease_s": 60.5}
    with database.transaction() as tx:
        tx.run_many("worker_join", [{**worker, "worker": f"w{i}"} for i in range(1500)])
        tx.run_many("worker_join", [])
        assert len(tx.run("workers_at_place", place="p").rows) == 1500


def test_counts_and_returned_rows(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(TARGET)
        tx.copy_in("target", rows((1, "a", 1, 1), (2, "b", 1, 2)))
        assert tx.execute("UPDATE target SET v = 'c' WHERE k > :k", {"k": 0}) == 2
        assert tx.run("delete_origins", SHAPE, origin_start=2, origin_end=9).count == 1
        assert tx.query("DELETE FROM target RETURNING k") == [{"k": 1}]
        assert tx.run("delete_all", SHAPE).count == 0


def test_quoted_colons_are_no_binds() -> None:
    assert sa.text(escape_quoted("SELECT ':a', \"b:c\", :d -- :e")).compile().params == {"d": None}
