"""Reading a PostgreSQL table back: by pages and by COPY the same, and what is no value of its type told apart."""

from __future__ import annotations

from contextlib import closing

import pytest

from holdfast.adapters.databases import connect, postgres_scan
from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.types import parse_type

TYPES = {
    "name": "string",
    "amount": "decimal(12,2)",
    "day": "date",
    "flag": "bool",
    "at": "timestamp(%Y-%m-%d %H:%M:%S, UTC)",
    "document": "json",
    "_origin": "bigint",
}
COLUMNS = [(name, parse_type(kind)) for name, kind in TYPES.items()]
ROWS = [
    ("'a,\"b\"\n\\N'", "1.50", "'2024-06-24'", "true", "'2024-06-24 10:00:00.000001+02'", "'{\"a\": 1.50}'", 1),
    ("''", "NULL", "NULL", "NULL", "NULL", "NULL", 2),
    ("NULL", "'NaN'", "'infinity'", "false", "'-infinity'", "'\"x\"'", 3),
]


@pytest.mark.parametrize("version", [postgres_scan.TID_RANGE_VERSION, 10**9])
def test_pages_and_copy_tell_the_same(postgres_url: str, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    monkeypatch.setattr(postgres_scan, "TID_RANGE_VERSION", version)
    database = connect(postgres_url)
    with database.transaction() as tx:
        tx.execute(
            "CREATE TABLE t (name text, amount numeric(12,2), day date, flag boolean, at timestamptz, document jsonb,"
            " _origin bigint)"
        )
        tx.execute("INSERT INTO t VALUES " + ", ".join(f"({', '.join(map(str, row))})" for row in ROWS))
    with database.reading() as tx:
        found = [row for batch in database.scan(tx, "t", COLUMNS, [(1, 3), (3, 4)]) for row in batch.to_pylist()]
        some = [row for batch in database.scan(tx, "t", COLUMNS, [(2, 3)]) for row in batch.to_pylist()]
    database.close()
    assert [row["name"] for row in found] == ['a,"b"\n\\N', "", None]
    assert [str(row["amount"]) for row in found] == ["1.50", "None", "None"]
    assert [str(row["at"]) for row in found] == ["2024-06-24 08:00:00.000001+00:00", "None", "None"]
    assert [row["flag"] for row in found] == [True, None, False]
    assert [row["document"] for row in found] == ['{"a": 1.50}', None, '"x"']
    assert [row[ODD_COLUMN] for row in found] == [None, None, "amount='NaN' day='infinity' at='-infinity' "]
    assert [row["_origin"] for row in some] == [2]


def test_long_values_that_are_kept_small_are_never_joined(postgres_url: str) -> None:
    """A text of them all would be longer than PostgreSQL makes one, or than memory holds: 120 MB here, 2 on disk."""
    columns = [("name", parse_type("string")), ("_origin", parse_type("bigint"))]
    with closing(connect(postgres_url)) as database:
        with database.transaction() as tx:
            tx.execute("CREATE TABLE t (name text, _origin bigint)")
            tx.execute("INSERT INTO t SELECT repeat('x', 200000), i FROM generate_series(1, 600) AS i")
        with database.reading() as tx:
            sizes = [(batch.num_rows, batch.nbytes) for batch in database.scan(tx, "t", columns)]
    assert sum(rows for rows, _ in sizes) == 600
    assert max(size for _, size in sizes) < 3 * postgres_scan.COPY_BYTES
