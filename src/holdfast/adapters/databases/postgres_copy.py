"""PostgreSQL's bulk path: COPY."""

from __future__ import annotations

import io

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv

from holdfast.adapters.databases.identifiers import quote, quote_table


def copy_in(connection: psycopg.Connection, table: str, rows: pa.Table) -> int:
    """Append `rows` within the connection's transaction."""
    names = ", ".join(quote(name) for name in rows.column_names)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {quote_table(table)} ({names}) FROM STDIN (FORMAT CSV)".encode()) as copy,
    ):
        sink = io.BytesIO()
        pa_csv.write_csv(rows, sink, pa_csv.WriteOptions(include_header=False))
        copy.write(sink.getvalue())
    return int(rows.num_rows)
