"""Reading a PostgreSQL table quickly: the server joins the rows of some hundred pages into one text of CSV.

A message for every row, as COPY sends them, costs the driver more than the row costs the server. Pages are read by TID
range, which plain tables have since PostgreSQL 14. All else (partitions, long values beside the rows) goes by COPY.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pyarrow as pa

from holdfast.adapters.databases.csv_fields import line_of
from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.scanning import from_csv
from holdfast.domain.types import ColumnType, Kind

PAGES = 256
COPY_BYTES = 4 * 1024 * 1024
BESIDE_BYTES_MAX = 1024 * 1024  # of long values beside the rows; compressed, they may be a hundred times as long
TID_RANGE_VERSION = 140_000
_SETTINGS = (
    "SELECT set_config('datestyle', 'ISO, YMD', true), set_config('extra_float_digits', '1', true),"
    " set_config('timezone', 'UTC', true), set_config('statement_timeout', '0', true)"
)
_SIZES = """
SELECT relkind = 'r' AND NOT relhassubclass AS is_plain,
       pg_relation_size(oid) / current_setting('block_size')::int AS pages,
       COALESCE(pg_relation_size(NULLIF(reltoastrelid, 0)), 0) AS beside
FROM pg_class WHERE oid = CAST(%s AS regclass)
"""


def scan(
    connection: psycopg.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    connection.execute(_SETTINGS)
    found = connection.execute(_SIZES, (table,)).fetchone()
    assert found is not None
    is_plain, pages, beside = found
    if is_plain and beside <= BESIDE_BYTES_MAX and connection.info.server_version >= TID_RANGE_VERSION:
        yield from _by_pages(connection, table, columns, where, int(pages))
    else:
        yield from _by_copy(connection, table, columns, where)


def _by_pages(
    connection: psycopg.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str, pages: int
) -> Iterator[pa.Table]:
    line = f"SELECT string_agg({line_of(columns, _spelled)}, E'\\n') FROM {table}"  # noqa: S608 - quoted
    more = f" AND ({where})" if where else ""
    for first in range(0, pages, PAGES):
        statement = f"{line} WHERE ctid >= '({first},0)' AND ctid < '({first + PAGES},0)'{more}"
        with connection.cursor() as cursor:
            result = cursor.execute(statement.encode()).pgresult
            text = result.get_value(0, 0) if result else None
        if text is not None:
            yield from_csv(bytes(text) + b"\n", columns)


def _by_copy(
    connection: psycopg.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    fields = ", ".join(_spelled(name, kind) for name, kind in columns)
    query = f"SELECT {fields} FROM {table}" + (f" WHERE {where}" if where else "")  # noqa: S608 - quoted
    quoted = ", ".join(
        f"c{i}" for i, (_, kind) in enumerate(columns) if kind.kind in (Kind.STRING, Kind.UUID, Kind.JSON)
    )
    named = ", ".join(f"c{i}" for i in range(len(columns)))
    force = f", FORCE_QUOTE ({quoted})" if quoted else ""
    source = f"SELECT * FROM ({query}) AS q ({named})"  # noqa: S608
    parts: list[bytes] = []
    size = 0
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({source}) TO STDOUT (FORMAT csv{force})".encode()) as copy,
    ):
        for line in copy:
            parts.append(bytes(line))
            size += len(line)
            if size >= COPY_BYTES:
                yield from_csv(b"".join(parts), columns)
                parts, size = [], 0
    if parts:
        yield from_csv(b"".join(parts), columns)


def _spelled(name: str, kind: ColumnType) -> str:
    column = quote(name)
    match kind.kind:
        case Kind.BOOL:
            return f"CAST(CAST({column} AS int) AS text)"
        case Kind.TIMESTAMP if is_aware(kind):
            return f"CAST({column} AT TIME ZONE 'UTC' AS text)"
        case _:
            return f"CAST({column} AS text)"
