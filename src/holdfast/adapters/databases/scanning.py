"""A table's rows as the parser would have typed them, and what no longer fits those types told apart.

Whoever reads a table back to prove it must not trust it: a value edited by hand may be of another type, or no value of
the type at all. Such a value comes as NULL with its text in ODD_COLUMN, so it equals nothing a source could hold.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from holdfast.domain.origin import ODD_COLUMN
from holdfast.domain.types import ColumnType
from holdfast.parsing.parsed import arrow_type

Names = Sequence[tuple[str, ColumnType]]
"""Columns to read, each with the contract's type."""
Convert = Callable[[pa.Array, pa.DataType], pa.Array]
TEXT_MAX = 1000


def from_csv(data: bytes | memoryview, columns: Names) -> pa.Table:
    """Rows of CSV without a header: text is quoted, NULL is an empty field without quotes."""
    names = [name for name, _ in columns]
    wanted = {name: _plain(arrow_type(kind)) for name, kind in columns}
    try:
        rows = _read_csv(data, names, wanted)
    except pa.ArrowInvalid:
        texts = _read_csv(data, names, dict.fromkeys(names, pa.string()))
        return typed([column.combine_chunks() for column in texts.columns], columns, _cast_text)
    return typed([_one(column) for column in rows.columns], columns, lambda array, kind: array.cast(kind))


def _read_csv(data: bytes | memoryview, names: list[str], types: dict[str, pa.DataType]) -> pa.Table:
    return pa_csv.read_csv(
        io.BytesIO(data) if isinstance(data, bytes) else pa.BufferReader(data),
        read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(data) + 1, 1024)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t", "1"],
            false_values=["f", "0"],
        ),
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    """Moments are read as they are written, in UTC, and get their zone afterwards."""
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _cast_text(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return texts.cast(pa.int8() if texts.null_count == len(texts) else pa.string()).cast(kind)
    return texts.cast(_plain(kind)).cast(kind)


def typed(arrays: Sequence[pa.Array | Sequence[Any]], columns: Names, convert: Convert) -> pa.Table:
    """Arrays, or lists of Python values, as columns of the contract's types, with ODD_COLUMN behind them.

    `convert` makes a whole column, or raises ArrowException (TypeError, ValueError) where some value does not fit;
    then each is tried by itself.
    """
    rows = len(arrays[0]) if arrays else 0
    made: list[pa.Array] = []
    odd: dict[int, str] = {}
    for values, (name, kind) in zip(arrays, columns, strict=True):
        wanted = arrow_type(kind)
        try:
            made.append(_converted(values, wanted, convert))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            array, strange = _one_by_one(values, wanted, convert)
            made.append(array)
            for row, text in strange.items():
                odd[row] = odd.get(row, "") + f"{name}={text[:TEXT_MAX]} "
    marks = pa.array([odd.get(row) for row in range(rows)], pa.string()) if odd else pa.nulls(rows, pa.string())
    return pa.Table.from_arrays([*made, marks], [*(name for name, _ in columns), ODD_COLUMN])


def _converted(values: pa.Array | Sequence[Any], wanted: pa.DataType, convert: Convert) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.nulls(len(array), wanted) if pa.types.is_null(array.type) else convert(array, wanted)


def _one_by_one(
    values: pa.Array | Sequence[Any], wanted: pa.DataType, convert: Convert
) -> tuple[pa.Array, dict[int, str]]:
    """Each value by itself: what fits, and the texts of those that do not, by row."""
    parts: list[pa.Array] = []
    strange: dict[int, str] = {}
    for row in range(len(values)):
        try:
            parts.append(_converted(values[row : row + 1], wanted, convert))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            strange[row] = _text_of(values[row])
            parts.append(pa.nulls(1, wanted))
    return pa.concat_arrays(parts), strange


def _text_of(value: Any) -> str:
    if not isinstance(value, pa.Scalar):
        return repr(value)
    try:
        return repr(value.as_py())
    except (OverflowError, ValueError):  # a day that Python has no date for
        return f"{value.value} of {value.type}"
