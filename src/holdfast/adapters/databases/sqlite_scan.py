"""Reading a SQLite table as typed columns. SQLite lets any column hold anything, so every value is looked at.

A decimal is read back as the number whose double SQLite holds, and only if that double is the very one: an amount that
was edited by less than a cent is not taken for the amount.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.adapters.databases.identifiers import quote
from holdfast.adapters.databases.scanning import typed
from holdfast.adapters.databases.sqlite_values import EXACT_DIGITS_MAX
from holdfast.domain.types import ColumnType

BATCH_ROWS = 8_000  # values of so many rows stay in the processor's cache until they are converted
_LOW = 2**64 - 1
SCALE_MAX = 22  # to which a power of ten is exact as a double


def scan(
    connection: sqlite3.Connection, table: str, columns: Sequence[tuple[str, ColumnType]], where: str
) -> Iterator[pa.Table]:
    """All rows of a (quoted) table in batches; `where` is a condition, or empty."""
    names = ", ".join(quote(name) for name, _ in columns)
    statement = f"SELECT {names} FROM {table}" + (f" WHERE {where}" if where else "")  # noqa: S608 - quoted
    with closing(connection.cursor()) as cursor:
        for rows in _batches(cursor, statement):
            yield typed(list(zip(*rows, strict=True)), columns, convert)


def _batches(cursor: sqlite3.Cursor, statement: str) -> Iterator[list[tuple[Any, ...]]]:
    """Rows as the driver gives them. It refuses text that is no UTF-8: from there on what is wrong in it is kept."""
    done = 0
    try:
        for rows in _fetched(cursor, statement):
            yield rows
            done += len(rows)
        return
    except sqlite3.OperationalError as error:
        if "decode to UTF-8" not in str(error):
            raise
    connection = cursor.connection
    usual, connection.text_factory = connection.text_factory, _lenient
    try:
        yield from _fetched(cursor, f"{statement} LIMIT -1 OFFSET {done}")
    finally:
        connection.text_factory = usual


def _fetched(cursor: sqlite3.Cursor, statement: str) -> Iterator[list[tuple[Any, ...]]]:
    cursor.execute(statement)
    while rows := cursor.fetchmany(BATCH_ROWS):
        yield rows


def _lenient(text: bytes) -> str:
    return text.decode(errors="surrogateescape")


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
        return array.cast(wanted) if pa.types.is_date(wanted) else _moments(array).cast(wanted)
    raise pa.ArrowInvalid(f"{given} is not {wanted}")


def _moments(texts: pa.Array) -> pa.Array:
    """Moments in the one spelling they are written in: SQLite compares texts, so any other is another value to it."""
    moments = texts.cast(pa.timestamp("us"))
    length = pc.if_else(pc.equal(pc.subsecond(moments), 0), 19, 26)
    is_usual = pc.and_(pc.equal(pc.binary_length(texts), length), pc.equal(pc.utf8_slice_codeunits(texts, 10, 11), " "))
    if not pc.all(is_usual, min_count=0).as_py():
        raise pa.ArrowInvalid("a moment is spelled otherwise")
    return moments


def _decimals(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Amounts of up to 15 digits as a column, those that have more one by one."""
    scale, rows = wanted.scale, len(array)
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        raise pa.ArrowInvalid(f"{array.type} is no number")
    numbers = array.fill_null(0).to_numpy().astype(np.float64)
    words = np.zeros((rows, 2), np.int64)
    rest = np.ones(rows, np.bool_)
    if scale <= SCALE_MAX:
        with np.errstate(all="ignore"):
            scaled = np.rint(numbers * 10.0**scale)
            rest = ~((np.abs(scaled) < 10.0**EXACT_DIGITS_MAX) & (scaled / 10.0**scale == numbers))
        words[:, 0] = np.where(rest, 0.0, scaled).astype(np.int64)
        words[:, 1] = words[:, 0] >> 63
    for row in np.flatnonzero(rest).tolist():
        value = array[row].as_py()
        if value is not None:
            whole = int(_exact(value, scale).scaleb(scale))
            words[row] = (whole & _LOW) - ((whole & 2**63) << 1), whole >> 64
    validity = array.buffers()[0] if array.null_count else None
    return pa.Array.from_buffers(wanted, rows, [validity, pa.py_buffer(words)], null_count=array.null_count)


def _exact(value: float, scale: int) -> Decimal:
    number = Decimal(repr(value))
    if not number.is_finite() or -int(number.normalize().as_tuple().exponent) > scale or number.adjusted() > 25:
        raise pa.ArrowInvalid(f"{value!r} is no number with {scale} digits after the point")
    return number
