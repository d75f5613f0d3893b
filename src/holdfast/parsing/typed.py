"""Columns that come typed (Parquet's) as a contract wants them: which types fit which, and each value's exact text.

Values go the way of CSV's fields: as texts, before the same judges, so that a rule means the same whatever the source.
Every text here says its value exactly. Dates and timestamps are read as ISO, whatever the contract's format for texts.
"""

from __future__ import annotations

import copy
import json
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.domain.contract import Column
from holdfast.domain.reject import REASON_CODES, Reason
from holdfast.domain.types import ColumnType, Kind
from holdfast.parsing.columns import Reasons
from holdfast.parsing.parsed import is_aware
from holdfast.parsing.values import ValueReader

_ISO_DATE = ColumnType(Kind.DATE, format="%Y-%m-%d")
_ISO_TIMESTAMP = "%Y-%m-%d %H:%M:%S.%f"
_INTS = {Kind.STRING, Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT, Kind.BOOL, Kind.JSON}
_ANY = set(Kind)
Misfit = tuple[str, str]  # what is wrong, and what to do about it


def plain(kind: pa.DataType) -> pa.DataType:
    """A type without its wrapping: a dictionary's values', an extension's storage."""
    if pa.types.is_dictionary(kind):
        return plain(kind.value_type)
    return plain(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def misfit(kind: pa.DataType, column: Column) -> Misfit | None:
    """Why values of a type cannot be the column's without being altered or guessed at; None: they can."""
    kind, wanted = plain(kind), column.type
    if wanted.kind not in _kinds_for(kind):
        return f"it is {kind}, and the column is {wanted}", _advice(kind, wanted)
    if pa.types.is_timestamp(kind) and wanted.kind is not Kind.STRING:
        if kind.tz and not is_aware(wanted):
            return (
                f"it holds moments ({kind}), and the column is {wanted}, which has no zone",
                'declare type = "timestamp(%Y-%m-%d %H:%M:%S, UTC)": moments are kept in UTC',
            )
        if not kind.tz and is_aware(wanted) and not wanted.zone:
            return f"it has no zone ({kind}), and the column wants moments", "name the zone: timestamp(..., ZONE)"
    return None


def _kinds_for(kind: pa.DataType) -> set[Kind]:
    types = pa.types
    if types.is_null(kind) or is_text(kind):
        return _ANY
    if types.is_nested(kind):
        return {Kind.JSON}
    found = [
        (types.is_boolean, {Kind.STRING, Kind.BOOL, Kind.JSON}),
        (types.is_integer, _INTS),
        (types.is_floating, {Kind.STRING, Kind.FLOAT}),
        (types.is_decimal, _INTS - {Kind.BOOL, Kind.JSON}),
        (types.is_fixed_size_binary, {Kind.UUID} if kind == pa.binary(16) else set()),
        (types.is_date, {Kind.STRING, Kind.DATE}),
        (types.is_timestamp, {Kind.STRING, Kind.TIMESTAMP} | ({Kind.DATE} if not getattr(kind, "tz", None) else set())),
        (types.is_time, {Kind.STRING}),
    ]
    return next((kinds for is_of, kinds in found if is_of(kind)), set())


def _advice(kind: pa.DataType, wanted: ColumnType) -> str:
    if pa.types.is_floating(kind) and wanted.kind is Kind.DECIMAL:
        return "a float is not exact: have it delivered as decimal or text, or declare the column float"
    return "declare the column with a type that fits, or have it delivered with one"


def is_text(kind: pa.DataType) -> bool:
    types = pa.types
    of_text = (types.is_string, types.is_large_string, types.is_string_view)
    of_bytes = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return any(is_of(kind) for is_of in (*of_text, *of_bytes))


def reader_of(kind: pa.DataType, reader: ValueReader) -> ValueReader:
    """The column's reader for the texts of this type: the same bounds and words, dates and timestamps as ISO."""
    kind, wanted = plain(kind), reader.column.type
    if pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and wanted.kind is Kind.DATE):
        chosen = _ISO_DATE
    elif pa.types.is_timestamp(kind):
        zone = ("UTC" if kind.tz else wanted.zone) if is_aware(wanted) else None
        chosen = ColumnType(Kind.TIMESTAMP, format=_ISO_TIMESTAMP, zone=zone)
    else:
        return reader
    if wanted.kind not in (Kind.DATE, Kind.TIMESTAMP):
        return reader
    twin = copy.copy(reader)
    twin.column = reader.column.model_copy(update={"type": chosen})
    twin._known = {}
    return twin


def texts_of(values: pa.Array, column: Column) -> tuple[pa.Array, Reasons]:
    """Each value's exact text, null where there is none; and by row what is wrong with values that are no text."""
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if is_text(kind):
        return _texts(values, column)
    if pa.types.is_nested(kind):
        return _documents(values, column)
    return _text_of_type(values, kind, column), {}


def _text_of_type(values: pa.Array, kind: pa.DataType, column: Column) -> pa.Array:
    types = pa.types
    if types.is_boolean(kind) and column.type.kind is Kind.BOOL:
        words = [*column.true_values[:1], "true"][0], [*column.false_values[:1], "false"][0]
        return pc.if_else(values, pa.scalar(words[0]), pa.scalar(words[1]))
    if types.is_floating(kind):
        return values.cast(pa.float64()).cast(pa.string())
    if types.is_decimal(kind):
        return _decimals(values)
    if types.is_timestamp(kind):
        return _timestamps(values, kind, column)
    if types.is_date(kind):
        return values.cast(pa.date32()).cast(pa.string())
    if types.is_fixed_size_binary(kind):
        return pa.array([None if value is None else value.hex() for value in values.to_pylist()], pa.string())
    return values.cast(pa.string())


def _documents(values: pa.Array, column: Column) -> tuple[pa.Array, Reasons]:
    """Nested values as JSON. Not every one can be: some moments have no date, or more digits than Python's."""
    reasons: Reasons = {}
    texts: list[str | None] = []
    for row, value in enumerate(values):
        try:
            texts.append(to_json(value.as_py()) if value.is_valid else None)
        except (ValueError, OverflowError, pa.ArrowException) as error:
            reason = Reason("E_JSON", f"expected what JSON can say: {error}", column.name)
            texts.append("not to be said in JSON")
            reasons[row] = (reason,)
    return pa.array(texts, pa.string()), reasons


def _decimals(values: pa.Array) -> pa.Array:
    texts = values.cast(pa.string())
    has_exponent = pc.match_substring(texts, "E")
    if not pc.any(has_exponent).as_py():
        return texts
    return pa.array([None if value is None else format(value, "f") for value in values.to_pylist()], pa.string())


def _timestamps(values: pa.Array, kind: pa.DataType, column: Column) -> pa.Array:
    """ISO texts of wall-clock readings, or of UTC; nanoseconds keep nine digits where microseconds would alter them."""
    if column.type.kind is Kind.STRING:
        return values.cast(pa.string())
    bare = values.cast(pa.timestamp(kind.unit))
    texts = bare.cast(pa.string())
    if kind.unit == "ns":
        numbers = bare.cast(pa.int64())
        thousands = pc.divide(numbers, 1000)
        is_whole = pc.equal(pc.multiply(thousands, 1000), numbers)
        texts = pc.if_else(is_whole, thousands.cast(pa.timestamp("us")).cast(pa.string()), texts)
    elif kind.unit == "s":
        texts = pc.binary_join_element_wise(texts, "0", ".")
    if column.type.kind is Kind.DATE:  # a midnight is its day; any other hour stays, and is no date
        texts = pc.replace_substring_regex(texts, r" 00:00:00\.0+$", "")
    return texts


def _texts(values: pa.Array, column: Column) -> tuple[pa.Array, Reasons]:
    """Texts, proved to be such: no writer is bound to write UTF-8, and databases hold no NUL."""
    reasons: Reasons = {}
    try:
        texts = values.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        found = [_decoded(value) for value in values.cast(pa.binary()).to_pylist()]
        texts = pa.array([text for text, _ in found], pa.string())
        reasons = {row: (_flaw("E_ENCODING", column),) for row, (_, is_bad) in enumerate(found) if is_bad}
    has_nul = pc.fill_null(pc.match_substring(texts, "\0"), False)
    if pc.any(has_nul).as_py():
        reasons |= dict.fromkeys(np.flatnonzero(np.asarray(has_nul)).tolist(), (_flaw("E_NUL", column),))
    return texts, reasons


def _decoded(value: bytes | None) -> tuple[str | None, bool]:
    if value is None:
        return None, False
    try:
        return value.decode(), False
    except UnicodeDecodeError:
        return value.decode(errors="backslashreplace"), True


def _flaw(code: str, column: Column) -> Reason:
    return Reason(code, REASON_CODES[code], column.name)


def to_json(value: Any) -> str:
    """A value as JSON: decimals by their digits, moments as ISO, bytes in hexadecimal, maps as lists of pairs."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_json(str(key))}: {to_json(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(to_json, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        value = value.hex()
    elif isinstance(value, (date, time, timedelta)):
        value = str(value) if isinstance(value, timedelta) else value.isoformat()
    return json.dumps(value, ensure_ascii=False)
