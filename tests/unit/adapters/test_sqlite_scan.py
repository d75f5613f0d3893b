"""Reading a SQLite table back, whatever somebody put into it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.adapters.databases import connect
from holdfast.adapters.databases.sqlite_scan import BATCH_ROWS
from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.types import parse_type
from holdfast.ports.database import Database

COLUMNS = [
    (name, parse_type(kind)) for name, kind in {"amount": "decimal(18,2)", "day": "date", "name": "string"}.items()
]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = connect(f"sqlite:///{tmp_path}/t.db")
    with database.transaction() as tx:
        tx.execute("CREATE TABLE t (amount NUMERIC(18,2), day DATE, name TEXT, _origin BIGINT)")
    return database


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("12.34", Decimal("12.34")),
        ("12", Decimal(12)),
        ("-0.01", Decimal("-0.01")),
        ("9999999999999.99", Decimal("9999999999999.99")),
        ("9007199254740993", Decimal("9007199254740993")),
        ("NULL", None),
        ("12.344999", "amount=12.344999"),
        ("12.340000000000002", "amount=12.340000000000002"),
        ("9e999", "amount=inf"),
        ("1e300", "amount=1e+300"),
        ("'abc'", "amount='abc'"),
        ("x'31'", "amount=b'1'"),
    ],
)
def test_an_amount_is_the_very_one_or_none(database: Database, literal: str, expected: Decimal | str | None) -> None:
    with database.transaction() as tx:
        tx.execute(f"INSERT INTO t VALUES ({literal}, '2024-06-24', 'x', 1), (0.1, '2024-06-24', 'x', 2)")
    with database.reading() as tx:
        rows = next(database.scan(tx, "t", COLUMNS)).to_pylist()
    odd = rows[0][ODD_COLUMN]
    assert rows[1] == {"amount": Decimal("0.10"), "day": rows[0]["day"], "name": "x", ODD_COLUMN: None}
    assert (rows[0]["amount"], odd and odd.strip()) == (
        (None, expected) if isinstance(expected, str) else (expected, None)
    )


def test_other_columns_hold_nothing_odd_unnoticed(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("INSERT INTO t VALUES (1, '2024-06-24', 'x', 1), (1, '24.06.2024', x'78', 2), (1, 5, NULL, 3)")
    with database.reading() as tx:
        rows = next(database.scan(tx, "t", COLUMNS)).to_pylist()
    assert [row[ODD_COLUMN] for row in rows] == [None, "day='24.06.2024' name=b'x' ", "day=5 "]


def test_text_that_is_no_utf_8_ends_no_scan(database: Database) -> None:
    """The driver refuses it in the second batch; each row comes once all the same."""
    with database.transaction() as tx:
        tx.insert_many(
            "t", ({"amount": i, "day": "2024-06-24", "name": "\u20ac", "_origin": i} for i in range(BATCH_ROWS + 100))
        )
        tx.execute(f"UPDATE t SET name = CAST(x'ff41' AS TEXT) WHERE _origin = {BATCH_ROWS + 50}")
    with database.reading() as tx:
        rows = [row for batch in database.scan(tx, "t", COLUMNS) for row in batch.to_pylist()]
    assert [row["amount"] for row in rows] == list(range(BATCH_ROWS + 100))
    assert {row["amount"]: row[ODD_COLUMN] for row in rows if row["name"] != "\u20ac"} == {
        BATCH_ROWS + 50: "name='\\udcffA' "
    }


def test_any_number_of_ranges_may_be_asked_for(database: Database) -> None:
    with database.transaction() as tx:
        tx.insert_many("t", ({"amount": 1, "day": "2024-06-24", "name": "x", "_origin": i} for i in range(3000)))
    ranges = [(i, i + 1) for i in range(0, 3000, 3)]
    with database.reading() as tx:
        assert sum(batch.num_rows for batch in database.scan(tx, "t", COLUMNS, ranges)) == 1000
