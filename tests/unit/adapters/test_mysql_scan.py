"""Reading a MariaDB table back: short values in a line of CSV, long texts beside it, none altered and none left out."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa
import pytest

from holdfast.adapters.databases import connect, mysql_scan
from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.types import parse_type

TYPES = {"long": "string", "amount": "decimal(12,2)", "short": "string(20)", "document": "json", "_origin": "bigint"}
COLUMNS = [(name, parse_type(kind)) for name, kind in TYPES.items()]
QUOTES = 300_000  # to double them in one text takes the server minutes
HALF_A_PACKET = 9_000_000


@pytest.mark.parametrize("batch_chars", [mysql_scan.BATCH_CHARS, 1])
def test_long_texts_come_as_they_are(mysql_url: str, monkeypatch: pytest.MonkeyPatch, batch_chars: int) -> None:
    monkeypatch.setattr(mysql_scan, "BATCH_CHARS", batch_chars)
    with closing(connect(mysql_url)) as database:
        with database.transaction() as tx:
            tx.execute(
                'CREATE TABLE t ("long" longtext, amount decimal(12,2), short varchar(20), document longtext,'
                " _origin bigint)"
            )
            tx.execute(
                "INSERT INTO t VALUES ('a,\"b\"\n', 1.5, '\"', '{}', 1), (NULL, NULL, NULL, NULL, 2),"
                " ('', 2, '', '', 3),"
                f" (REPEAT('\"', {QUOTES}), 3, 'c', REPEAT('x', {HALF_A_PACKET}), 4),"
                f" (REPEAT('y', {HALF_A_PACKET}), 4, 'd', REPEAT('z', {HALF_A_PACKET}), 5)"
            )
        with database.reading() as tx:
            batches = list(database.scan(tx, "t", COLUMNS))
        with database.reading() as tx:
            short = pa.concat_tables(database.scan(tx, "t", COLUMNS[1:3]))
        with database.reading() as tx:
            beside = pa.concat_tables(database.scan(tx, "t", COLUMNS[:1], [(1, 4)]))
    assert all(batch.column_names == [*TYPES, ODD_COLUMN] for batch in batches)
    rows = [list(row.values()) for batch in batches for row in batch.drop_columns([ODD_COLUMN]).to_pylist()]
    assert [[str(row[1]), *row[2:3], row[4]] for row in rows] == [
        ["1.50", '"', 1],
        ["None", None, 2],
        ["2.00", "", 3],
        ["3.00", "c", 4],
        ["4.00", "d", 5],
    ]
    assert [(row[0], row[3]) for row in rows[:3]] == [('a,"b"\n', "{}"), (None, None), ("", "")]
    assert rows[3][0] == '"' * QUOTES
    assert [len(row[0]) + len(row[3]) for row in rows[3:]] == [QUOTES + HALF_A_PACKET, 2 * HALF_A_PACKET]
    assert short.column("short").to_pylist() == ['"', None, "", "c", "d"]
    assert beside.column("long").to_pylist() == ['a,"b"\n', None, ""]
