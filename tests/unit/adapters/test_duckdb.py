"""What is DuckDB's own: one process a file, the URL's options, moments, its clock, and large sets of rows."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from holdfast.adapters.databases import connect
from holdfast.adapters.databases.duckdb import DuckdbEngine
from holdfast.domain.errors import (
    AccessDenied,
    ConfigError,
    ConnectionLost,
    ConstraintViolation,
    DatabaseUnavailable,
    StatementFailed,
)
from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.table import ColumnDefinition, IndexDefinition, MergeShape, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.ports.database import Database

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
ITEMS = TableDefinition(
    "items",
    tuple(ColumnDefinition(name, parse_type("bigint"), False) for name in ("k", "v", "_origin")),
    ("k",),
    (IndexDefinition(("v",)),),
)
SHAPE = MergeShape("items", "items_staging", ("k", "v"), ("k",), landing="items_landing")


@pytest.fixture
def database(duckdb_url: str) -> Iterator[Database]:
    with closing(connect(duckdb_url)) as opened:
        yield opened


@contextmanager
def held_by_another(file: str) -> Iterator[int]:
    """Another process has the file open; gives its id."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        yield other.pid
        other.communicate("")


def test_a_file_that_another_process_has_open(duckdb_url: str) -> None:
    """Said with the process and what to do, to be tried again; free as soon as the other one leaves, either way."""
    file = duckdb_url.removeprefix("duckdb:///")
    with closing(connect(duckdb_url)) as database:
        with held_by_another(file) as pid, pytest.raises(DatabaseUnavailable) as caught, database.reading() as tx:
            tx.query("SELECT 1 AS one")
        assert (caught.value.exit_code, f"PID {pid}" in caught.value.message) == (75, True)
        assert file in caught.value.message
        assert "--workers" in caught.value.hint
        with database.transaction() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
    with held_by_another(file):
        pass


def test_options_of_the_url(duckdb_url: str) -> None:
    with closing(connect(f"{duckdb_url}?memory_limit=200MB&threads=1")) as database, database.reading() as tx:
        (row,) = tx.query("SELECT current_setting('memory_limit') AS memory, current_setting('threads') AS threads")
        assert (row["memory"], row["threads"]) == ("190.7 MiB", 1)
        with (
            closing(connect(duckdb_url)) as other,
            pytest.raises(ConfigError, match="other options"),
            other.reading() as reader,
        ):
            reader.query("SELECT 1 AS one")
    with closing(connect(duckdb_url)) as database, database.reading() as tx:
        assert tx.query("SELECT current_setting('memory_limit') AS memory") == [{"memory": "953.6 MiB"}]
    with pytest.raises(ConfigError, match="memory_limit"):
        connect(f"{duckdb_url}?allow_unsigned_extensions=true")
    with pytest.raises(ConfigError, match="the directory"):
        connect("duckdb:///no/such/place/x.duckdb")
    with (
        pytest.raises(AccessDenied),
        closing(connect(f"{duckdb_url}?access_mode=READ_ONLY")) as database,
        database.transaction() as tx,
    ):
        tx.execute("CREATE TABLE t (n INTEGER)")


def test_in_memory_all_connections_see_one_database() -> None:
    with closing(connect("duckdb:///:memory:")) as database, closing(connect("duckdb://")) as another:
        with database.transaction() as tx:
            tx.execute("CREATE TABLE t (n INTEGER)")
        with database.reading(), database.reading() as tx:
            assert tx.reflect("t") is not None
        with another.reading() as tx:
            assert tx.reflect("t") is None


@pytest.mark.parametrize(
    ("content", "said"), [(b"junk" * 5000, "not a DuckDB database"), (b"", "not a DuckDB"), (None, "a directory")]
)
def test_what_is_no_duckdb_file(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "other"
    path.mkdir() if content is None else path.write_bytes(content)
    with (
        closing(connect(f"duckdb:///{path}")) as database,
        pytest.raises(StatementFailed) as caught,
        database.reading() as tx,
    ):
        tx.query("SELECT 1 AS one")
    assert said in caught.value.hint
    assert path.is_dir() or path.read_bytes() == content, "it was left as it is"


def test_moments_come_as_such_beside_any_other_type(database: Database) -> None:
    moment, uuid = datetime(2024, 2, 29, 23, 59, 59, 123456, UTC), UUID(int=7)
    with database.reading() as tx:
        (row,) = tx.query(
            "SELECT CAST(:moment AS TIMESTAMPTZ) AS moment, CAST(:uuid AS UUID) AS uuid, SUM(n) AS total, NULL AS none,"
            " CAST(1.50 AS DECIMAL(38,2)) AS money, 'x' AS text FROM range(10) AS r (n)",
            {"moment": moment, "uuid": uuid},
        )
    assert list(row.values()) == [moment, uuid, 45, None, Decimal("1.50"), "x"]
    assert "pytz" not in sys.modules


def test_the_clock_moves_within_a_transaction(database: Database) -> None:
    now = DuckdbEngine.fills["now"]
    with database.transaction() as tx:
        first = tx.query(f"SELECT {now} AS at_first")[0]["at_first"]
        while tx.query(f"SELECT {now} AS later")[0]["later"] == first:
            pass
        assert tx.query(f"SELECT {now} AS later")[0]["later"] > first


def test_numbers_that_duckdb_would_make_doubles_of_are_refused(database: Database) -> None:
    for number in (2**127, Decimal(10) ** 38, Decimal("NaN"), Decimal("1E-39")):
        with pytest.raises(ConstraintViolation), database.reading() as tx:
            tx.query("SELECT :number AS number", {"number": number})


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("BOOLEAN", pa.array([Decimal("0.50")])),  # DuckDB makes true of it
        ("DATE", pa.array([datetime(2024, 2, 29, 12, tzinfo=UTC)])),
        ("DOUBLE", pa.array([2**53 + 1])),
        ("DECIMAL(5,2)", pa.array([1.005])),
    ],
)
def test_no_value_is_altered_on_its_way_into_a_column(database: Database, declared: str, value: pa.Array) -> None:
    """What Arrow cannot convert, or converts into something else, is not left to DuckDB."""
    with database.transaction() as tx:
        tx.execute(f"CREATE TABLE t (v {declared})")
    with pytest.raises(ConstraintViolation, match=r"'v'.*nothing was written"), database.transaction() as tx:
        tx.copy_in("t", pa.table({"v": value}))
    with database.reading() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM t") == [{"n": 0}]


def test_two_statements_in_one_are_refused(database: Database) -> None:
    with pytest.raises(StatementFailed, match="2 statements"), database.transaction() as tx:
        tx.execute("SELECT 1; SELECT 2")


def test_a_row_may_change_again_and_again_in_one_transaction(database: Database) -> None:
    """Known weak places: an indexed column that changes, and a key that goes and comes back."""
    with database.transaction() as tx:
        tx.create_table(ITEMS)
        tx.insert_many("items", [{"k": k, "v": k, "_origin": k} for k in range(5)])
    with database.transaction() as tx:
        for _ in range(2):
            assert tx.execute("UPDATE items SET v = v + 1") == 5
            assert tx.execute("DELETE FROM items WHERE k = 3") == 1
            tx.insert_many("items", [{"k": 3, "v": 30, "_origin": 9}])
            tx.upsert("items", [{"k": 4, "v": 40, "_origin": 9}], key=["k"])
    with database.reading() as tx:
        assert tx.query("SELECT SUM(v) AS v, COUNT(*) AS n FROM items") == [{"v": 2 + 3 + 4 + 30 + 40, "n": 5}]


def test_a_large_replace_and_a_large_comparison(database: Database) -> None:
    """More rows than DuckDB keeps in one piece, read again by the transaction that wrote them."""
    many = 300_000
    ids = np.arange(many)
    with database.transaction() as tx:
        tx.create_table(ITEMS)
        tx.copy_in("items", pa.table({"k": ids, "v": ids, "_origin": ids}))
        tx.run("create_landing", SHAPE)
    with database.transaction() as tx:
        again = np.append(ids, 7)  # one key twice: the later row wins
        tx.copy_in(SHAPE.landing, pa.table({"k": again, "v": again + 1, "_origin": np.arange(many + 1) + many}))
    with database.transaction() as tx:
        assert tx.run("delete_all", SHAPE).count == many
        assert tx.run("fill_target", SHAPE).count == many
        assert tx.run("table_rows", SHAPE).first == {"table_rows": many}
        assert tx.query("SELECT SUM(v) AS v, MAX(_origin) AS last FROM items") == [
            {"v": int(ids.sum()) + many, "last": 2 * many}
        ]
        tx.execute(f"UPDATE {SHAPE.landing} SET v = v + 1, _origin = _origin + {many + 1}")
    with database.transaction() as tx:
        tx.execute(f"DELETE FROM {SHAPE.landing} WHERE k = 7")
        tx.run("stage_differing", SHAPE)
        assert tx.run("staged_fates", SHAPE).rows
        assert tx.run("update_staged", SHAPE).count == many - 1
        assert tx.query("SELECT COUNT(*) AS n FROM items WHERE v = k + 2") == [{"n": many - 1}]


def test_closing_ends_what_still_runs(database: Database) -> None:
    began, told = threading.Event(), list[Exception]()

    def run() -> None:
        try:
            with database.reading() as tx:
                began.set()
                tx.query("SELECT SUM(sqrt(a.n * b.n)) AS s FROM range(3000000) AS a (n), range(3000000) AS b (n)")
        except ConnectionLost as error:
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(30)
    for _ in range(300):
        database.close()
        thread.join(0.1)
        if not thread.is_alive():
            break
    assert told


def test_a_statement_a_signal_ends_is_a_lost_connection_and_other_errors_stay_what_they_are() -> None:
    found = DuckdbEngine().fault(RuntimeError("Query interrupted"))
    assert found is not None
    assert found.kind is ConnectionLost
    assert DuckdbEngine().fault(RuntimeError("something else")) is None


def test_days_that_no_source_can_say_are_told_apart_by_a_scan(tmp_path: Path) -> None:
    """Infinity, and years for which Python has no date: NULL with the value in its own words, as any other oddity."""
    moment = "timestamp(%Y-%m-%d %H:%M:%S, UTC)"
    columns = [(name, parse_type(kind)) for name, kind in (("day", "date"), ("seen", moment), ("_origin", "bigint"))]
    with closing(connect(f"duckdb:///{tmp_path}/t.db")) as database:
        with database.transaction() as tx:
            tx.execute("CREATE TABLE t (day DATE, seen TIMESTAMPTZ, _origin BIGINT)")
            tx.execute(
                "INSERT INTO t VALUES ('9999-12-31', 'infinity', 1), ('-infinity', NULL, 2), ('12024-01-01', NULL, 3)"
            )
        with database.reading() as tx:
            rows = [row for batch in database.scan(tx, "t", columns) for row in batch.to_pylist()]
    assert [str(row["day"]) for row in rows] == ["9999-12-31", "None", "None"]
    assert [row["seen"] for row in rows] == [None] * 3
    assert [row[ODD_COLUMN].split("=")[0] for row in rows] == ["seen", "day", "day"]
