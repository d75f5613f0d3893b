"""Reading a DuckDB table: it gives Arrow batches by itself; text of its own (UUID, JSON, moments) is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.scanning import typed
from holdfast.domain.types import ColumnType, Kind

BATCH_ROWS = 100_000
DAY_US = 86_400_000_000
FIRST_DAY, END_DAY = -719_162, 2_932_897  # days from 1970 to 0001-01-01, and to the day after 9999-12-31


def scan(
    driver: duckdb.DuckDBPyConnection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    fields = ", ".join(f"{_spelled(name, kind)} AS {quote(name)}" for name, kind in columns)
    driver.execute(f"SELECT {fields} FROM {table}" + (f" WHERE {where}" if where else ""))  # noqa: S608 - quoted
    for batch in _reader(driver):
        if batch.num_rows:
            yield typed(batch.columns, columns, _convert)


def _convert(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Raises ArrowInvalid for days that no source can say: infinity, and years beyond 1 to 9999."""
    array = array.cast(wanted)
    if pa.types.is_date(wanted) or pa.types.is_timestamp(wanted):
        bounds = pc.min_max(array.cast(pa.int32() if pa.types.is_date(wanted) else pa.int64())).as_py()
        a_day = 1 if pa.types.is_date(wanted) else DAY_US
        if bounds["min"] is not None and not FIRST_DAY * a_day <= bounds["min"] <= bounds["max"] < END_DAY * a_day:
            raise pa.ArrowInvalid("no day of the years 1 to 9999")
    return array


def _reader(driver: Any) -> Iterator[pa.RecordBatch]:
    """As the installed version calls it."""
    make = getattr(driver, "to_arrow_reader", None) or driver.fetch_record_batch
    return iter(make(BATCH_ROWS))


def _spelled(name: str, kind: ColumnType) -> str:
    column = quote(name)
    if kind.kind in (Kind.UUID, Kind.JSON):
        return f"CAST({column} AS VARCHAR)"
    if kind.kind is Kind.TIMESTAMP and is_aware(kind):
        return f"({column} AT TIME ZONE 'UTC')"
    return column
