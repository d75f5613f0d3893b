"""The bulk path of MariaDB and MySQL: LOAD DATA LOCAL from memory, or inserts of many rows where it is switched off.

Arrow writes both forms column by column. LOAD DATA LOCAL takes every error of a value, and every known key, for a
warning and goes on: here the first warning is raised, so the transaction is undone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.constants import SERVER_STATUS

from holdfast.adapters.databases.identifiers import quote, quote_table
from holdfast.adapters.databases.mysql_session import StrictConnection, StrictCursor

SLICE_ROWS = 50_000
STATEMENT_ROWS = 2_000
STATEMENT_BYTES = 512 * 1024
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))


def copy_in(connection: StrictConnection, table: str, rows: pa.Table) -> int:
    """Append `rows` within the connection's transaction."""
    with connection.cursor() as cursor:
        (_load if connection.may_load else _insert)(connection, cursor, table, rows)
    return int(rows.num_rows)


def _load(connection: StrictConnection, cursor: StrictCursor, table: str, rows: pa.Table) -> None:
    names = ", ".join(map(quote, rows.column_names))
    connection.upload = _lines(rows)
    try:
        touched = cursor.execute(
            f"LOAD DATA LOCAL INFILE 'memory' INTO TABLE {quote_table(table)} CHARACTER SET utf8mb4"
            f" FIELDS TERMINATED BY '\t' ESCAPED BY '\\' LINES TERMINATED BY '\n' ({names})"
        )
    finally:
        connection.upload = None
    if cursor.warning_count:
        cursor.refuse_warnings()
    if touched != rows.num_rows:
        raise pymysql.err.DataError(1265, f"{rows.num_rows:,} rows were sent, {touched:,} arrived")


def _lines(rows: pa.Table) -> Iterator[memoryview]:
    for start in range(0, rows.num_rows, SLICE_ROWS):
        part = rows.slice(start, SLICE_ROWS)
        fields = [_escaped(_texts(column)) for column in part.columns]
        lines = pc.binary_join_element_wise(*fields, "\t", null_handling="replace", null_replacement="\\N")
        yield _bytes(pc.binary_join_element_wise(lines, "", "\n"))


def _insert(connection: StrictConnection, cursor: StrictCursor, table: str, rows: pa.Table) -> None:
    """Values are quoted by doubling quotes, which is all there is to it in this mode, and in this mode only."""
    if not connection.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES:
        raise pymysql.err.OperationalError(2027, "the session's mode changed")
    names = ", ".join(map(quote, rows.column_names))
    head = f"INSERT INTO {quote_table(table)} ({names}) VALUES ".encode()  # noqa: S608
    for start in range(0, rows.num_rows, STATEMENT_ROWS):
        part = rows.slice(start, STATEMENT_ROWS)
        fields = [_quoted(_texts(column)) for column in part.columns]
        tuples = pc.binary_join_element_wise(*fields, ",", null_handling="replace", null_replacement="NULL")
        statement: list[bytes] = []
        size = 0
        for values in tuples.to_pylist():
            text = f"({values})".encode()
            if statement and size + len(text) > STATEMENT_BYTES:
                cursor.execute(head + b",".join(statement))
                statement, size = [], 0
            statement.append(text)
            size += len(text) + 1
        cursor.execute(head + b",".join(statement))


def _texts(column: pa.ChunkedArray) -> pa.Array:
    """A column's values as the server reads them."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _texts(pa.chunked_array([array.cast(kind.value_type)]))
    if pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    elif pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64()).cast(pa.timestamp("us"))
    elif pa.types.is_date(kind):
        array = array.cast(pa.date32())
    return array.cast(pa.string())


def _escaped(texts: pa.Array) -> pa.Array:
    for character, escape in _ESCAPES:
        if pc.any(pc.match_substring(texts, character)).as_py():
            texts = pc.replace_substring(texts, character, escape)
    return texts


def _quoted(texts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise("'", pc.replace_substring(texts, "'", "''"), "'", "")


def _bytes(texts: pa.Array) -> memoryview:
    """What the texts are, one after the other, where they lie."""
    buffers = texts.buffers()
    offsets = memoryview(buffers[1]).cast("i")
    return memoryview(buffers[2])[offsets[texts.offset] : offsets[texts.offset + len(texts)]]
