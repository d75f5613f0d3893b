"""Reading a SQLite table as typed columns. SQLite lets any column hold anything, so every value is looked at.

A decimal is read back as the number whose double SQLite holds, and only if that double is the very one: an amount that
was edited by less than a cent is not taken for the amount.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.scanning import typed
from holdfast.adapters.databases.sqlite_values import EXACT_DIGITS_MAX
from holdfast.domain.types import ColumnType

BATCH_ROWS = 20_000
SCALE_MAX = 22  # to which a power of ten is exact as a double


def scan(
    connection: sqlite3.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    names = ", ".join(quote(name) for name, _ in columns)
    cursor = connection.cursor()
    cursor.execute(f"SELECT {names} FROM {table}" + (f" WHERE {where}" if where else ""))  # noqa: S608 - quoted
    try:
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield typed([list(values) for values in zip(*rows, strict=True)], columns, convert)
    finally:
        cursor.close()


def convert(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """A column as SQLite gave it. Raises ArrowInvalid where a value is not one of the wanted type."""
    if pa.types.is_decimal(wanted):
        return _decimals(array, wanted)
    given = array.type
    if pa.types.is_boolean(wanted) and pa.types.is_integer(given):
        if pc.all(pc.is_in(array, value_set=pa.array([0, 1, None]))).as_py():
            return array.cast(wanted)
    elif (
        (pa.types.is_integer(wanted) and pa.types.is_integer(given))
        or (pa.types.is_floating(wanted) and (pa.types.is_floating(given) or pa.types.is_integer(given)))
        or (pa.types.is_string(given) and pa.types.is_string(wanted))
    ):
        return array.cast(wanted)
    elif pa.types.is_string(given) and (pa.types.is_date(wanted) or pa.types.is_timestamp(wanted)):
        plain = pa.timestamp("us") if pa.types.is_timestamp(wanted) else wanted
        return array.cast(plain).cast(wanted)
    raise pa.ArrowInvalid(f"{given} is not {wanted}")


def _decimals(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    scale = wanted.scale
    if pa.types.is_integer(array.type):
        whole = array.fill_null(0).to_numpy().astype(np.int64)
        if scale <= SCALE_MAX and (np.abs(whole) <= 10.0 ** (18 - scale)).all():
            return _from_words(whole * 10**scale if scale <= 18 else whole, array, wanted)
    elif pa.types.is_floating(array.type) and scale <= SCALE_MAX:
        numbers = array.fill_null(0.0).to_numpy()
        scaled = np.rint(numbers * 10.0**scale)
        if (np.abs(scaled) < 10.0**EXACT_DIGITS_MAX).all() and (scaled / 10.0**scale == numbers).all():
            return _from_words(scaled.astype(np.int64), array, wanted)
    return pa.array([None if value is None else _exact(value, scale) for value in array.to_pylist()], wanted)


def _exact(value: object, scale: int) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise pa.ArrowInvalid(f"{value!r} is no number")
    number = Decimal(repr(value))
    if not number.is_finite() or -int(number.normalize().as_tuple().exponent) > scale:
        raise pa.ArrowInvalid(f"{value!r} has more than {scale} digits after the point")
    return number


def _from_words(low: npt.NDArray[np.int64], array: pa.Array, wanted: pa.DataType) -> pa.Array:
    words = np.empty((len(low), 2), np.int64)
    words[:, 0] = low
    words[:, 1] = low >> 63
    validity = array.buffers()[0] if array.null_count else None
    return pa.Array.from_buffers(wanted, len(low), [validity, pa.py_buffer(words)], null_count=array.null_count)
