"""DuckDB's bulk path: it reads Arrow tables where they lie.

What a column holds otherwise is converted here, and refused where that would alter it: DuckDB rounds without a word.
"""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa

from holdfast.adapters.databases.identifiers import quote, quote_table
from holdfast.domain.errors import ConstraintViolation

VIEW = "holdfast_rows"
SLICE_ROWS = 100_000
"""Below the size of a row group, so that one thread appends them. What several threads put at once into a table that
the same transaction made by CREATE TABLE AS, without rows (a staging table), DuckDB 2.0.0 does not find there again."""
_TYPES = {
    "BOOLEAN": pa.bool_(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def copy_in(driver: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> int:
    """Append `rows` within the driver's transaction. Raises ConstraintViolation for what a column cannot hold."""
    names = ", ".join(map(quote, rows.column_names))
    columns = driver.execute(f"SELECT {names} FROM {quote_table(table)} LIMIT 0").description  # noqa: S608 - quoted
    for place, column in enumerate(columns or []):
        name = rows.column_names[place]
        rows = rows.set_column(place, name, _exactly(rows.column(place), str(column[1]), name))
    statement = f"INSERT INTO {quote_table(table)} ({names}) SELECT {names} FROM {VIEW}"  # noqa: S608 - quoted
    for start in range(0, rows.num_rows, SLICE_ROWS):
        driver.register(VIEW, rows.slice(start, SLICE_ROWS))
        driver.execute(statement)
        driver.unregister(VIEW)
    return int(rows.num_rows)


def _exactly(values: pa.ChunkedArray, declared: str, name: str) -> pa.ChunkedArray:
    wanted = _arrow_type(declared)
    given = values.type
    if wanted is None or given == wanted or pa.types.is_null(given) or pa.types.is_dictionary(given):
        return values
    try:
        made = values.cast(wanted)
        is_same = pa.types.is_string(given) or pa.types.is_large_string(given) or made.cast(given).equals(values)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # DuckDB knows more conversions: 0.5 becomes true there
        is_same = False
    if not is_same:
        raise ConstraintViolation(
            f"column {name!r}: a value of type {given} does not fit {declared} as it is; nothing was written",
            hint="widen the column, or reject such values",
        )
    return made


def _arrow_type(declared: str) -> pa.DataType | None:
    found = _DECIMAL.fullmatch(declared)
    return pa.decimal128(int(found[1]), int(found[2])) if found else _TYPES.get(declared)
