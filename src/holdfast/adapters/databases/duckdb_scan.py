"""Reading a DuckDB table: it gives Arrow batches by itself; text of its own (UUID, JSON, moments) is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from holdfast.adapters.databases.definitions import is_aware
from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.scanning import typed
from holdfast.domain.types import ColumnType, Kind

BATCH_ROWS = 100_000


def scan(
    driver: duckdb.DuckDBPyConnection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    fields = ", ".join(f"{_spelled(name, kind)} AS {quote(name)}" for name, kind in columns)
    driver.execute(f"SELECT {fields} FROM {table}" + (f" WHERE {where}" if where else ""))  # noqa: S608 - quoted
    for batch in _reader(driver):
        if batch.num_rows:
            yield typed(batch.columns, columns, lambda array, kind: array.cast(kind))


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
