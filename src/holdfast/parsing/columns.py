"""Whole columns: texts -> typed Arrow values, vectorised, with the rows that need the exact judge marked.

A twin may be wary, never lenient: what it does not mark doubtful has exactly the value `values.py` would give. Doubtful
rows are read again one by one (or one distinct text by one), and only they cost Python's time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.domain.reject import Reason
from holdfast.domain.types import INT_RANGES, ColumnType, Kind
from holdfast.parsing.boundaries import Ints
from holdfast.parsing.instants import read_instants
from holdfast.parsing.parsed import arrow_type
from holdfast.parsing.texts import Mask, Texts
from holdfast.parsing.values import TRIMMED, ValueReader

Typed = tuple[pa.Array, Mask]
Reasons = dict[int, tuple[Reason, ...]]
_INT64_DIGITS = 18  # any number of so many digits fits an int64
_ODD_SHARE_MAX = 0.3  # with more odd decimals than this, all are read the way that takes any
_MINUS, _PLUS, _POINT = 45, 43, 46
_FLOAT = r"\A-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\z"
_UUID = r"\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\z"
_WORDS_SHARE_MAX = 0.3  # with more distinct texts than this share of rows, whole columns are read faster than words


def wants_words(reader: ValueReader) -> bool:
    """Is the column read by its distinct texts whatever their number?"""
    return reader.allowed is not None or reader.pattern is not None or reader.column.type.kind in (Kind.BOOL, Kind.JSON)


def may_want_words(reader: ValueReader) -> bool:
    """Is the column read faster by its distinct texts where they are few?"""
    return reader.column.type.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.FLOAT, Kind.UUID)


def read_column(texts: pa.Array, reader: ValueReader, digits_max: int | None) -> tuple[pa.Array, Reasons]:
    """A column's values, and by row the reasons against those that have none. `texts`: strings, or a dictionary."""
    if not len(texts):
        return pa.array([], arrow_type(reader.column.type)), {}
    if pa.types.is_dictionary(texts.type):
        if wants_words(reader) or len(texts.dictionary) <= _WORDS_SHARE_MAX * len(texts):
            return _read_words(texts, reader, digits_max)
        texts = texts.dictionary_decode()
    kept = pc.utf8_trim(texts, characters=TRIMMED) if reader.column.trim else texts
    seen = Texts(kept)
    values, doubtful = _TWINS[reader.column.type.kind](seen, reader.column.type)
    _mark_broken_rules(doubtful, values, reader, digits_max)
    values = _with_absent(values, doubtful, seen, reader)
    return _judged(values, np.flatnonzero(doubtful), texts, reader, digits_max)


def read_nullable(texts: pa.Array, reader: ValueReader, digits_max: int | None) -> tuple[pa.Array, Reasons]:
    """As `read_column`, for sources that can leave a value out: where `texts` has a null, the column has no value."""
    there = np.flatnonzero(np.asarray(texts.is_valid()))
    present = texts.drop_null() if texts.null_count else texts
    if wants_words(reader) or may_want_words(reader):
        present = present.dictionary_encode()
    values, reasons = read_column(present, reader, digits_max)
    if not texts.null_count:
        return values, reasons
    value, why = reader.absent()
    places = np.full(len(texts), len(there), np.int64)
    places[there] = np.arange(len(there))
    values = pa.concat_arrays([values, pa.array([value], values.type)]).take(pa.array(places))
    found = {int(there[at]): more for at, more in reasons.items()}
    if why:
        found |= dict.fromkeys(np.flatnonzero(np.asarray(texts.is_null())).tolist(), why)
    return values, found


def absent_column(reader: ValueReader, rows: int) -> pa.Array:
    """A column the file does not have."""
    return pa.repeat(pa.scalar(reader.absent()[0], arrow_type(reader.column.type)), rows)


def _read_words(texts: pa.Array, reader: ValueReader, digits_max: int | None) -> tuple[pa.Array, Reasons]:
    read = [reader.read_word(word, digits_max) for word in texts.dictionary.to_pylist()]
    values = pa.array([value for value, _ in read], arrow_type(reader.column.type)).take(texts.indices)
    is_bad = np.array([bool(reasons) for _, reasons in read], np.bool_)
    if not is_bad.any():
        return values, {}
    words = texts.indices.to_numpy()
    return values, {row: read[words[row]][1] for row in np.flatnonzero(is_bad[words]).tolist()}


def _with_absent(values: pa.Array, doubtful: Mask, texts: Texts, reader: ValueReader) -> pa.Array:
    """Put NULL or the default where a null word stands, and take those rows out of doubt if they may be absent."""
    if reader.column.null_values == [""]:
        absent = texts.lengths == 0
    else:
        absent = np.asarray(pc.is_in(texts.array, value_set=pa.array(reader.column.null_values, pa.string())))
    if not absent.any():
        return values
    value, reasons = reader.absent()
    doubtful[absent] = bool(reasons)
    return values if reasons else pc.if_else(pa.array(absent), pa.scalar(value, values.type), values)


def _mark_broken_rules(doubtful: Mask, values: pa.Array, reader: ValueReader, digits_max: int | None) -> None:
    if reader.low is not None:
        doubtful |= _mask(pc.less(values, pa.scalar(reader.low, values.type)))
    if reader.high is not None:
        doubtful |= _mask(pc.greater(values, pa.scalar(reader.high, values.type)))
    if digits_max is not None and digits_max < _INT64_DIGITS and reader.column.type.kind is Kind.DECIMAL:
        doubtful |= np.abs(_unscaled(values)) >= 10**digits_max


def _mask(values: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(values, True).to_numpy(zero_copy_only=False), np.bool_)


def _judged(
    values: pa.Array, rows: Ints, texts: pa.Array, reader: ValueReader, digits_max: int | None
) -> tuple[pa.Array, Reasons]:
    if not len(rows):
        return values, {}
    seen: dict[str, tuple[Any, tuple[Reason, ...]]] = {}
    for text in (words := texts.take(pa.array(rows)).to_pylist()):
        if text not in seen:
            seen[text] = reader.read(text, digits_max)
    mask = np.zeros(len(values), np.bool_)
    mask[rows] = True
    right = pa.array([seen[text][0] for text in words], values.type)
    reasons = {row: seen[text][1] for row, text in zip(rows.tolist(), words, strict=True) if seen[text][1]}
    return pc.replace_with_mask(values, pa.array(mask), right), reasons


def _strings(texts: Texts, column_type: ColumnType) -> Typed:
    # A text has no more characters than bytes; those with more bytes than the column has characters are counted.
    if column_type.length is None:
        return texts.array, np.zeros(len(texts), np.bool_)
    return texts.array, texts.lengths > column_type.length


def _ints(texts: Texts, column_type: ColumnType) -> Typed:
    doubtful = (texts.lengths == 0) | (texts.lengths > _INT64_DIGITS)
    marks, rows = texts.other_than_digits()
    if len(marks):
        is_sign = (texts.data[marks] == _MINUS) & (marks == texts.starts[rows]) & (texts.lengths[rows] > 1)
        doubtful[rows[~is_sign]] = True
    values = pc.cast(texts.replaced(doubtful, "0").array, pa.int64())
    if column_type.kind is Kind.INT:
        low, high = INT_RANGES[Kind.INT]
        numbers = values.to_numpy()
        outside = (numbers < low) | (numbers > high)
        doubtful |= outside
        values = pa.array(np.where(outside, 0, numbers).astype(np.int32))
    return values, doubtful


def _decimals(texts: Texts, column_type: ColumnType) -> Typed:
    precision, scale = column_type.precision or 38, column_type.scale or 0
    if scale >= _INT64_DIGITS:
        return pa.nulls(len(texts), arrow_type(column_type)), np.ones(len(texts), np.bool_)
    whole_max = min(precision, _INT64_DIGITS) - scale
    plain = _plain_decimals(texts, scale, whole_max)
    odd = np.flatnonzero(~plain)
    if len(odd) > len(texts) * _ODD_SHARE_MAX:
        unscaled, doubtful = _odd_decimals(texts, scale, whole_max)
        return _scaled(unscaled, column_type), doubtful
    unscaled = _without_points(texts.replaced(~plain, "0." + "0" * scale))
    doubtful = np.zeros(len(texts), np.bool_)
    if len(odd):
        unscaled = unscaled.copy()
        unscaled[odd], doubtful[odd] = _odd_decimals(Texts(texts.array.take(pa.array(odd))), scale, whole_max)
    return _scaled(unscaled, column_type), doubtful


def _plain_decimals(texts: Texts, scale: int, whole_max: int) -> Mask:
    """Which are unsigned, with just as many digits after the point as the column has."""
    if not scale or not len(texts.data):
        return np.zeros(len(texts), np.bool_)
    return texts.with_point_at(scale) & (texts.lengths <= whole_max + scale + 1)


def _without_points(texts: Texts) -> Ints:
    """The numbers that texts with one point each are when the point is left out."""
    digits = pa.py_buffer(texts.data.tobytes().translate(None, b"."))
    starts = (texts.starts - np.arange(len(texts) + 1)).astype(np.int32)
    return np.asarray(
        pc.cast(pa.StringArray.from_buffers(len(texts), pa.py_buffer(starts), digits), pa.int64()).to_numpy()
    )


def _odd_decimals(texts: Texts, scale: int, whole_max: int) -> tuple[Ints, Mask]:
    """Unscaled values of decimals with signs, with fewer digits after the point than `scale`, or with no point."""
    rows_count = len(texts)
    marks, rows = texts.other_than_digits()
    is_sign = np.isin(texts.data[marks], (_MINUS, _PLUS)) & (marks == texts.starts[rows])
    is_point = texts.data[marks] == _POINT
    points = np.bincount(rows[is_point], minlength=rows_count)
    signs = np.bincount(rows[is_sign], minlength=rows_count)
    fraction = np.zeros(rows_count, np.int64)
    fraction[rows[is_point]] = texts.starts[1:][rows[is_point]] - marks[is_point] - 1
    whole = texts.lengths - signs - points - fraction
    doubtful = (whole < 1) | (whole > whole_max) | (fraction > scale) | (points > 1) | ((points == 1) & (fraction == 0))
    doubtful[rows[~is_sign & ~is_point]] = True
    fraction[doubtful] = 0
    clean = texts.replaced(doubtful, "0")
    marks, rows = clean.other_than_digits()
    removed = np.concatenate([np.zeros(1, np.int64), np.bincount(rows, minlength=rows_count).cumsum()])
    starts = pa.py_buffer((clean.starts - removed).astype(np.int32))
    digits = pa.py_buffer(clean.data.tobytes().translate(None, b".+-"))
    numbers = pc.cast(pa.StringArray.from_buffers(rows_count, starts, digits), pa.int64()).to_numpy()
    is_negative = np.zeros(rows_count, np.bool_)
    is_negative[rows[clean.data[marks] == _MINUS]] = True
    return np.where(is_negative, -numbers, numbers) * 10 ** (scale - fraction), doubtful


def _scaled(unscaled: Ints, column_type: ColumnType) -> pa.Array:
    """A decimal128 array of such unscaled values: Arrow keeps them as pairs of 64-bit words, the low one first."""
    words = np.empty((len(unscaled), 2), np.int64)
    words[:, 0] = unscaled
    words[:, 1] = unscaled >> 63
    return pa.Array.from_buffers(arrow_type(column_type), len(unscaled), [None, pa.py_buffer(words)])


def _unscaled(values: pa.Array) -> Ints:
    """The unscaled values of decimals; those the twins make fit an int64."""
    return np.frombuffer(values.buffers()[1], np.int64)[0::2][values.offset : values.offset + len(values)]


def _floats(texts: Texts, _: ColumnType) -> Typed:
    doubtful = ~_mask(pc.match_substring_regex(texts.array, _FLOAT))
    values = pc.cast(texts.replaced(doubtful, "0").array, pa.float64())
    return values, doubtful | ~np.isfinite(values.to_numpy())


def _uuids(texts: Texts, _: ColumnType) -> Typed:
    return texts.array, ~_mask(pc.match_substring_regex(texts.array, _UUID))


def _instants(texts: Texts, column_type: ColumnType) -> Typed:
    return read_instants(texts, column_type)


_TWINS: dict[Kind, Callable[[Texts, ColumnType], Typed]] = {
    Kind.STRING: _strings,
    Kind.INT: _ints,
    Kind.BIGINT: _ints,
    Kind.DECIMAL: _decimals,
    Kind.FLOAT: _floats,
    Kind.UUID: _uuids,
    Kind.DATE: _instants,
    Kind.TIMESTAMP: _instants,
}
