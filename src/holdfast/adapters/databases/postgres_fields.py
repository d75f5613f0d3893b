"""One column's values as PostgreSQL's binary fields: a length, then a payload in network byte order.

A NULL is the length -1 and no payload. The server's type and the Arrow type decide which encoder serves a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.adapters.databases.postgres_numeric import numeric_record

Piece = npt.NDArray[Any]
_DAYS_1970_TO_2000 = 10_957
_NIBBLE_OF = np.full(256, 255, dtype=np.uint8)
_NIBBLE_OF[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
_NIBBLE_OF[np.frombuffer(b"ABCDEF", dtype=np.uint8)] = np.arange(10, 16)
_MICROS_1970_TO_2000 = _DAYS_1970_TO_2000 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Field:
    """`fixed`: pieces of one width for every row, the length first. `payload`: what varies, after them."""

    fixed: list[Piece]
    payload: pa.Array | None = None


Encoder = Callable[[pa.Array], Field]


def encoder_of(oid: int, kind: pa.DataType) -> Encoder | None:
    """How Arrow values of `kind` become fields of the server's type `oid`; None: not by this module."""
    if pa.types.is_dictionary(kind):
        inner = encoder_of(oid, kind.value_type)
        return None if inner is None else lambda array: inner(array.cast(kind.value_type))
    return next((encode for test, encode in _ENCODERS.get(oid, ()) if test(kind)), None)


def _of_fixed(values: Piece, array: pa.Array) -> Field:
    """A fixed-width payload; with NULLs among the values it has to vary."""
    rows, width = len(values), values.dtype.itemsize
    if not array.null_count:
        return Field([np.full(rows, width, ">i4"), values])
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(valid * np.int32(width), out=offsets[1:])
    payload = pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(values[valid].tobytes())]
    )
    return Field([np.where(valid, width, -1).astype(">i4")], payload)


def _plain(array: pa.Array) -> Piece:
    """Values as numpy; what stands at a NULL does not matter."""
    filler = False if pa.types.is_boolean(array.type) else 0
    values: Piece = (array.fill_null(filler) if array.null_count else array).to_numpy(zero_copy_only=False)
    return values


def _number(arrow: pa.DataType, wire: str) -> Encoder:
    return lambda array: _of_fixed(_plain(array.cast(arrow)).astype(wire), array)


def _bool(array: pa.Array) -> Field:
    return _of_fixed(_plain(array).astype("u1"), array)


def _date(array: pa.Array) -> Field:
    days = _plain(array.cast(pa.date32()).cast(pa.int32())).astype(np.int64) - _DAYS_1970_TO_2000
    return _of_fixed(days.astype(">i4"), array)


def _timestamp(array: pa.Array) -> Field:
    micros = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    return _of_fixed((_plain(micros) - _MICROS_1970_TO_2000).astype(">i8"), array)


def _numeric(array: pa.Array) -> Field:
    return _of_fixed(numeric_record(array), array)


def _whole_numeric(array: pa.Array) -> Field:
    return _numeric(array.cast(pa.decimal128(20, 0)))


def _bytes(array: pa.Array) -> Field:
    """Text and bytes go as they are; where all have one length they are of fixed width too."""
    array = array.cast(pa.binary())
    rows = len(array)
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + rows + 1]
    lengths = np.diff(offsets)
    width = int(lengths[0]) if rows else 0
    if not array.null_count and 0 < width <= 64 and (lengths == width).all():
        data = np.frombuffer(array.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
        return Field([np.full(rows, width, ">i4"), data.view(f"V{width}")])
    if not array.null_count:
        return Field([lengths.astype(">i4")], array)
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return Field([np.where(valid, lengths, -1).astype(">i4")], array.fill_null(b""))


def _jsonb(array: pa.Array) -> Field:
    """The text after the format's version, a byte 1."""
    return _bytes(pc.binary_join_element_wise(pa.scalar(b"\x01"), array.cast(pa.binary()), b""))


def _uuid(array: pa.Array) -> Field:
    text = pc.replace_substring(array.cast(pa.string()).fill_null("0" * 32), "-", "").cast(pa.binary())
    if not pc.all(pc.equal(pc.binary_length(text), 32)).as_py():
        raise ValueError("not a UUID")
    start = np.frombuffer(text.buffers()[1], dtype=np.int32)[text.offset]
    data = np.frombuffer(text.buffers()[2], dtype=np.uint8)[start : start + 32 * len(text)]
    nibbles = _NIBBLE_OF[data].reshape(-1, 2)
    if (nibbles > 15).any():
        raise ValueError("not a UUID")
    return _of_fixed((nibbles[:, 0] << 4 | nibbles[:, 1]).view("V16"), array)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _is_decimal(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal128(kind)) and kind.scale >= 0


Rules = tuple[tuple[Callable[[pa.DataType], bool], Encoder], ...]
_TEXT: Rules = ((_is_text, _bytes),)
_ENCODERS: dict[int, Rules] = {
    16: ((pa.types.is_boolean, _bool),),
    17: ((_is_binary, _bytes),),
    20: ((pa.types.is_integer, _number(pa.int64(), ">i8")),),
    21: ((pa.types.is_integer, _number(pa.int16(), ">i2")),),
    23: ((pa.types.is_integer, _number(pa.int32(), ">i4")),),
    25: _TEXT,
    114: _TEXT,
    700: ((pa.types.is_float32, _number(pa.float32(), ">f4")),),
    701: ((pa.types.is_floating, _number(pa.float64(), ">f8")),),
    1042: _TEXT,
    1043: _TEXT,
    1082: ((pa.types.is_date, _date),),
    1114: ((pa.types.is_timestamp, _timestamp),),
    1184: ((pa.types.is_timestamp, _timestamp),),
    1700: ((_is_decimal, _numeric), (pa.types.is_integer, _whole_numeric)),
    2950: ((_is_text, _uuid), (pa.types.is_fixed_size_binary, _bytes)),
    3802: ((_is_text, _jsonb),),
}
"""By the server's type OID (fixed for built-in types): bool, bytea, int8, int2, int4, text, json, float4, float8,
bpchar, varchar, date, timestamp, timestamptz, numeric, uuid, jsonb."""
