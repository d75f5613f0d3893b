"""Reading a MariaDB or MySQL table: the server spells each row as one line of CSV, and the rows are not held back.

PyMySQL costs so much a value that one value a row is the quickest there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pymysql.cursors import SSCursor

from holdfast.adapters.databases.csv_fields import TEXTS, line_of
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.mysql_session import StrictConnection
from holdfast.adapters.databases.scanning import from_csv
from holdfast.domain.types import ColumnType

BATCH_ROWS = 20_000


def scan(
    connection: StrictConnection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    cursor = connection.cursor(SSCursor)
    try:
        line = line_of(columns, _spelled)
        cursor.execute(f"SELECT {line} FROM {table}" + (f" WHERE {where}" if where else ""))  # noqa: S608 - quoted
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield from_csv(("\n".join([row[0] for row in rows]) + "\n").encode(), columns)
    finally:
        cursor.close()


def _spelled(name: str, kind: ColumnType) -> str:
    """Texts in one character set and collation: those of a UUID and of a name do not mix."""
    column = quote(name)
    return f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin" if kind.kind in TEXTS else column
