"""What is SQLite's own: durability settings, one writer, files that cannot be used, decimals it cannot hold."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from holdfast.adapters.databases import connect
from holdfast.domain.errors import (
    AccessDenied,
    ConfigError,
    ConstraintViolation,
    DiskFull,
    HoldfastError,
    LockTimeout,
    StatementFailed,
)
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import parse_type

MONEY = TableDefinition(
    "money",
    (ColumnDefinition("id", parse_type("bigint"), False), ColumnDefinition("amount", parse_type("decimal(38,2)"))),
    ("id",),
)


def test_a_commit_survives_a_power_cut_and_readers_are_not_stopped(sqlite_url: str) -> None:
    with connect(sqlite_url).transaction() as tx:
        settings = [
            tx.query(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert [next(iter(row.values())) for row in settings] == ["wal", 2, 1, 60_000]


def test_every_transaction_is_a_writer_from_its_start(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    with database.transaction(), pytest.raises(LockTimeout, match="locked"), database.transaction(lock_timeout_s=0.05):
        pass


def test_the_lock_timeout_does_not_outlive_its_transaction(sqlite_url: str) -> None:
    database = connect(sqlite_url, pool_size=1)
    with database.transaction(lock_timeout_s=0.5) as tx:
        assert tx.query("PRAGMA busy_timeout") == [{"timeout": 500}]
    with database.transaction() as tx:
        assert tx.query("PRAGMA busy_timeout") == [{"timeout": 60_000}]


@pytest.mark.parametrize("way", ["insert_many", "copy_in"])
@pytest.mark.parametrize(
    "amount", ["9999999999999.99", "-0.01", "123456789012345.00", "1000000000000000000.00", "0.00"]
)
def test_decimals_of_fifteen_digits_are_exact(sqlite_url: str, tmp_path: Path, way: str, amount: str) -> None:
    database = connect(sqlite_url)
    with database.transaction() as tx:
        tx.create_table(MONEY)
        if way == "insert_many":
            tx.insert_many("money", [{"id": 1, "amount": Decimal(amount)}, {"id": 2, "amount": None}])
        else:
            column = pa.chunked_array([pa.array([Decimal(1), Decimal(amount), None], pa.decimal128(38, 2)).slice(1)])
            tx.copy_in("money", pa.table({"id": [1, 2], "amount": column}))
        found = [row["amount"] for row in tx.query("SELECT amount FROM money ORDER BY id")]
    assert Decimal(str(found[0])) == Decimal(amount)
    assert found[1] is None


@pytest.mark.parametrize("amount", ["99999999999999.99", "-1234567890123456.78", "12345678901234567890123.45"])
def test_decimals_of_more_digits_are_refused(sqlite_url: str, amount: str) -> None:
    database = connect(sqlite_url)
    with database.transaction() as tx:
        tx.create_table(MONEY)
    with pytest.raises(ConstraintViolation, match="15 significant digits") as one, database.transaction() as tx:
        tx.insert_many("money", [{"id": 1, "amount": Decimal(amount)}])
    with pytest.raises(ConstraintViolation, match="'amount'") as two, database.transaction() as tx:
        tx.copy_in("money", pa.table({"id": [1], "amount": pa.array([Decimal(amount)], pa.decimal128(38, 2))}))
    assert amount not in one.value.message + two.value.message
    assert "'amount'" in database.problem_with(MONEY)[0]


def test_a_keyed_table_is_its_own_index(sqlite_url: str) -> None:
    whole = TableDefinition("whole", (ColumnDefinition("id", parse_type("int"), False),), ("id",))
    with connect(sqlite_url).transaction() as tx:
        tx.create_table(MONEY)
        tx.create_table(whole)
        ddl = {row["name"]: row["sql"] for row in tx.query("SELECT name, sql FROM sqlite_master WHERE type = 'table'")}
    assert "WITHOUT ROWID" in ddl["money"]
    assert "WITHOUT ROWID" not in ddl["whole"]


def test_memory_is_one_database_that_transactions_take_turns_on() -> None:
    database = connect("sqlite:///:memory:")
    with database.transaction() as tx:
        tx.create_table(MONEY)

    def add(number: int) -> None:
        with database.transaction() as tx:
            tx.insert_many("money", [{"id": number, "amount": 1}])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(20)))
    with database.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM money") == [{"n": 20}]
    database.close()


def failure(url: str) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught, connect(url).transaction() as tx:
        tx.execute("CREATE TABLE t (a)")
    return caught.value


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, whatever its name says " * 50)
    sqlite3.connect(tmp_path / "there.db").close()
    for url, kind, words in [
        (f"sqlite:///{tmp_path}/no/such/dir.db", ConfigError, "does not exist"),
        (f"sqlite:///{tmp_path}", AccessDenied, "unable to open"),
        (f"sqlite:///{tmp_path}/text.db", StatementFailed, "not a database"),
        (f"sqlite:///file:{tmp_path}/there.db?mode=ro&uri=true", AccessDenied, "readonly"),
        (f"sqlite:///{tmp_path}/there.db?mode=ro", ConfigError, "takes no options"),
    ]:
        error = failure(url)
        assert type(error) is kind, error
        assert words in error.message
        assert error.hint


def test_a_full_disk_keeps_nothing_of_the_transaction(sqlite_url: str) -> None:
    database = connect(sqlite_url, pool_size=1)
    with database.transaction() as tx:
        tx.execute("CREATE TABLE t (a TEXT)")
        tx.execute("PRAGMA max_page_count = 20")
    with pytest.raises(DiskFull) as caught, database.transaction() as tx, tx.transaction() as inner:
        inner.insert_many("t", ({"a": "x" * 1000} for _ in range(1000)))
    assert caught.value.hint
    with database.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM t") == [{"n": 0}]


def test_values_sqlite_cannot_take_are_violations(sqlite_url: str) -> None:
    database = connect(sqlite_url)
    for value in (2**63, "\ud800", object()):
        with pytest.raises(ConstraintViolation), database.transaction() as tx:
            tx.query("SELECT :value AS value", {"value": value})


def test_processes_that_open_a_new_file_at_once_all_succeed(sqlite_url: str) -> None:
    program = (
        "import sys; from holdfast.adapters.databases import connect\n"
        "with connect(sys.argv[1]).transaction() as tx: tx.execute('CREATE TABLE IF NOT EXISTS t (a)')\n"
        "assert 'psycopg' not in sys.modules"
    )
    started = [subprocess.Popen([sys.executable, "-c", program, sqlite_url]) for _ in range(4)]
    assert [process.wait(60) for process in started] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "url", ["", "nonsense", "oracle://u@h/d", "sqlite+aiosqlite:///x.db", "postgresql+psycopg2://h/d"]
)
def test_a_url_without_an_engine_names_those_there_are(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url)
    assert "postgresql://" in caught.value.hint


def test_a_missing_driver_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from holdfast.adapters.databases import connect\n"
        "try: connect('postgresql://h/d')\n"
        "except Exception as error: print(type(error).__name__, error.hint)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "ConfigError pip install 'holdfast[postgres]'\n"


@pytest.mark.parametrize("key", [("id",), ("part",), ("part", "id")])
def test_integrity_check_believes_every_table(sqlite_url: str, key: tuple[str, ...]) -> None:
    """Also one whose key stands last and that holds NULLs, whether it has row ids or not."""
    columns = (
        ColumnDefinition("id", parse_type("bigint"), nullable=False),
        ColumnDefinition("note", parse_type("string"), nullable=True),
        ColumnDefinition("part", parse_type("string(5)"), nullable=False),
    )
    database = connect(sqlite_url)
    with database.transaction() as tx:
        tx.create_table(TableDefinition("believed", columns, primary_key=key))
        tx.insert_many("believed", [{"id": 1, "note": None, "part": "a"}, {"id": 2, "note": "x", "part": "b"}])
    with database.reading() as tx:
        assert tx.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    database.close()
