"""Reading a MariaDB or MySQL table: the server spells each row as one line of CSV, and the rows are not held back.

PyMySQL costs so much a value that one value a row is the quickest there is. Texts that may be long come beside it:
doubling the quotes in one takes the server the square of their number (minutes for a megabyte of JSON), and a line that
is longer than max_allowed_packet would come as NULL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
from pymysql.cursors import SSCursor

from holdfast.adapters.databases.csv_fields import TEXTS, line_of
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.mysql_session import StrictConnection
from holdfast.adapters.databases.scanning import Names, from_csv, typed
from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.types import ColumnType, Kind

BATCH_ROWS = 20_000
BATCH_CHARS = 4 * 1024 * 1024
SHORT_CHARS_MAX = 1000
Rows = list[tuple[Any, ...]]


def scan(connection: StrictConnection, table: str, columns: Names, where: str) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    in_line = [(name, kind) for name, kind in columns if not _may_be_long(kind)]
    beside = [(name, kind) for name, kind in columns if _may_be_long(kind)]
    fields = [line_of(in_line, _spelled)] if in_line else []
    fields += [_spelled(name, kind) for name, kind in beside]
    cursor = connection.cursor(SSCursor)
    try:
        cursor.execute(f"SELECT {', '.join(fields)} FROM {table}" + (f" WHERE {where}" if where else ""))  # noqa: S608
        for rows in _batches(cursor):
            parts = _parts(rows, in_line, beside)
            yield parts[0] if len(parts) == 1 else _joined(parts, columns)
    finally:
        cursor.close()


def _may_be_long(kind: ColumnType) -> bool:
    return kind.kind in (Kind.STRING, Kind.JSON) and (kind.length is None or kind.length > SHORT_CHARS_MAX)


def _spelled(name: str, kind: ColumnType) -> str:
    """Texts in one character set and collation: those of a UUID and of a name do not mix."""
    column = quote(name)
    return f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin" if kind.kind in TEXTS else column


def _batches(cursor: SSCursor) -> Iterator[Rows]:
    rows: Rows = []
    chars = 0
    while row := cursor.fetchone():
        rows.append(row)
        chars += sum(map(len, filter(None, row)))
        if len(rows) == BATCH_ROWS or chars >= BATCH_CHARS:
            yield rows
            rows, chars = [], 0
    if rows:
        yield rows


def _parts(rows: Rows, in_line: Names, beside: Names) -> list[pa.Table]:
    values: Sequence[Sequence[Any]] = list(zip(*rows, strict=True))
    parts = [from_csv(("\n".join(values[0]) + "\n").encode(), in_line)] if in_line else []
    if beside:
        parts.append(typed(values[-len(beside) :], beside, lambda array, kind: array.cast(kind)))
    return parts


def _joined(parts: Sequence[pa.Table], columns: Names) -> pa.Table:
    """Columns in the order they were asked for. A text beside the line is always one: only the line has odd values."""
    line, beside = parts
    arrays = [(line if name in line.column_names else beside).column(name) for name, _ in columns]
    return pa.Table.from_arrays([*arrays, line.column(ODD_COLUMN)], names=[*(name for name, _ in columns), ODD_COLUMN])
