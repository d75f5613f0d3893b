"""SQLite's bulk path: many rows a statement, columns converted as columns.

SQLite has no COPY. Inserts of about a hundred rows each, with one flat list of values filled column by column, are the
quickest way the standard driver has. Decimals become the nearest double, which is exact to 15 significant digits. A
column that the clock fills gets one moment a copy: as a default, SQLite would work it out for each row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.adapters.databases.identifiers import quote, quote_table, split_table
from holdfast.adapters.databases.sqlite_values import EXACT_DIGITS_MAX, NOW, exact_number

SLICE_ROWS = 10_000  # values of so many rows fit the processor's cache, and memory
STATEMENT_ROWS = 100
VARIABLES_MAX = 32_000


def copy_in(cursor: sqlite3.Cursor, table: str, rows: pa.Table) -> int:
    """Append `rows` within the cursor's transaction."""
    width = rows.num_columns
    step = max(1, min(STATEMENT_ROWS, VARIABLES_MAX // width))
    moments = _moments(cursor, table, rows.column_names)
    for start in range(0, rows.num_rows, SLICE_ROWS):
        part = rows.slice(start, SLICE_ROWS)
        flat = _row_major(part)
        whole = part.num_rows // step * step * width
        if whole:
            statement = _insert(table, part.column_names, moments, step)
            cursor.executemany(statement, _pieces(flat, step * width, whole))
        if whole < len(flat):
            rest = (len(flat) - whole) // width
            cursor.execute(_insert(table, part.column_names, moments, rest), flat[whole:])
    return int(rows.num_rows)


def _moments(cursor: sqlite3.Cursor, table: str, given: list[str]) -> dict[str, str]:
    """Columns not given that the clock fills, and the moment it is, as SQL."""
    schema, name = split_table(table)
    pragma = f"PRAGMA {quote(schema)}.table_info" if schema else "PRAGMA table_info"
    columns = cursor.execute(f"{pragma}({quote(name)})").fetchall()
    by_clock = [column for _, column, _, _, default, _ in columns if default == NOW and column not in given]
    if not by_clock:
        return {}
    moment = str(cursor.execute(f"SELECT {NOW}").fetchone()[0])
    return dict.fromkeys(by_clock, f"'{moment}'")


def _insert(table: str, columns: list[str], moments: dict[str, str], rows: int) -> str:
    names = ", ".join(map(quote, [*columns, *moments]))
    values = ",".join(["(" + ",".join(["?"] * len(columns) + [*moments.values()]) + ")"] * rows)
    return f"INSERT INTO {quote_table(table)} ({names}) VALUES {values}"  # noqa: S608


def _pieces(flat: list[Any], size: int, end: int) -> Iterator[list[Any]]:
    for start in range(0, end, size):
        yield flat[start : start + size]


def _row_major(rows: pa.Table) -> list[Any]:
    width = rows.num_columns
    flat: list[Any] = [None] * (rows.num_rows * width)
    for i, (name, column) in enumerate(zip(rows.column_names, rows.columns, strict=True)):
        flat[i::width] = _values(column, name)
    return flat


def _values(column: pa.ChunkedArray, name: str) -> list[Any]:
    """A column as SQLite stores it."""
    kind = column.type
    if pa.types.is_decimal(kind):
        return _decimals(column, name)
    if pa.types.is_date(kind):
        return _repeated(column.cast(pa.date32()).dictionary_encode())
    if pa.types.is_timestamp(kind):
        return _timestamps(column)
    if pa.types.is_dictionary(kind):
        return _values(column.cast(kind.value_type), name)
    values: list[Any] = column.to_pylist()
    return values


def _repeated(days: pa.ChunkedArray) -> list[str | None]:
    """Dates repeat: each is spelled once, and its rows share the text."""
    days = days.combine_chunks() if days.num_chunks > 1 else days.chunk(0)
    spelled = np.array([*days.dictionary.cast(pa.string()).to_pylist(), None], dtype=object)
    values: list[str | None] = spelled[days.indices.fill_null(len(spelled) - 1).to_numpy()].tolist()
    return values


def _timestamps(column: pa.ChunkedArray) -> list[str | None]:
    """ISO text in UTC, a fraction only where there is one."""
    micros = column.cast(pa.timestamp("us", tz=column.type.tz)).cast(pa.int64())
    text = pc.strftime(micros.cast(pa.timestamp("us")), format="%Y-%m-%d %H:%M:%S")
    values: list[str | None] = pc.replace_substring_regex(text, r"\.000000$", "").to_pylist()
    return values


def _decimals(column: pa.ChunkedArray, name: str) -> list[float | None]:
    scale = column.type.scale
    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    words = np.frombuffer(column.buffers()[1], dtype=np.int64).reshape(-1, 2)
    words = words[column.offset : column.offset + len(column)]
    low, high = words[:, 0], words[:, 1]
    wide = (high != low >> 63) | (low >= 10**EXACT_DIGITS_MAX) | (low <= -(10**EXACT_DIGITS_MAX))
    if wide.any() or scale > 22:
        return [None if value is None else exact_number(value, name) for value in column.to_pylist()]
    values: list[float | None] = (low / 10.0**scale).tolist()
    if column.null_count:
        for i in np.flatnonzero(~column.is_valid().to_numpy(zero_copy_only=False)).tolist():
            values[i] = None
    return values
