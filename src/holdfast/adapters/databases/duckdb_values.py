"""Values into DuckDB and out of it, none of them altered.

What DuckDB would turn into a double is refused. Moments are fetched by way of Arrow: DuckDB's own way needs another
library for time zones.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from holdfast.domain.errors import ConstraintViolation
from holdfast.domain.types import DECIMAL_PRECISION_MAX

if TYPE_CHECKING:
    import duckdb

MOMENT = "TIMESTAMP WITH TIME ZONE"


def bound(value: Any) -> Any:
    """A bind as DuckDB takes it without loss. Raises ConstraintViolation where it cannot."""
    match value:
        case bool():
            return value
        case int():
            if not -(2**127) < value < 2**127:
                raise ConstraintViolation("a whole number has more than DuckDB's 128 bits; nothing was written")
            return value
        case Decimal():
            return _decimal(value)
        case datetime() if value.tzinfo:
            return value.astimezone(UTC)
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return value


def _decimal(value: Decimal) -> Decimal:
    """Spelled out: DuckDB makes a double of a number with more digits, or none."""
    if value.is_finite():
        plain = Decimal(format(value, "f"))
        digits = max(len(plain.as_tuple().digits), -int(plain.as_tuple().exponent))
        if digits <= DECIMAL_PRECISION_MAX:
            return plain
    raise ConstraintViolation(
        f"a decimal has more than the {DECIMAL_PRECISION_MAX} digits DuckDB holds, or is no number"
        "; nothing was written",
        hint="reject such values beforehand",
    )


def rows_of(driver: duckdb.DuckDBPyConnection, types: list[str]) -> list[tuple[Any, ...]]:
    """All rows of the statement that was just run; its columns are of these types."""
    if MOMENT not in types:
        return driver.fetchall()
    import pyarrow as pa

    table: Any = driver.to_arrow_table()
    columns = []
    for column, kind in zip(table.columns, types, strict=True):
        values = (column.cast(pa.timestamp("us")) if kind == MOMENT else column).to_pylist()
        columns.append([_as_fetched(value, kind) for value in values])
    return list(zip(*columns, strict=True))


def _as_fetched(value: Any, kind: str) -> Any:
    """An Arrow value as DuckDB's own fetch would give it."""
    if value is None:
        return None
    match kind:
        case "TIMESTAMP WITH TIME ZONE":
            return value.replace(tzinfo=UTC)
        case "UUID":
            return UUID(value)
        case "HUGEINT" | "UHUGEINT":
            return int(value)
        case _:
            return value
