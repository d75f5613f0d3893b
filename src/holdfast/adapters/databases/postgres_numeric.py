"""Decimals as PostgreSQL's numeric: base-10000 digits, sign, and how many digits follow the point. Exact, vectorised.

Every value of a column gets the same number of digits; the server drops leading and trailing zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NEGATIVE = 0x4000
_BASE_DIGITS = 4
Limbs = list[npt.NDArray[np.uint64]]


def numeric_record(array: pa.Array) -> npt.NDArray[Any]:
    """A decimal128 array as numeric payloads of one width. What stands at a NULL is some valid number."""
    scale = array.type.scale
    limbs, negative = _magnitudes(array)
    digits = _base_10000(limbs, scale)
    after = -(-scale // _BASE_DIGITS)
    names = [f"d{i}" for i in range(len(digits))]
    layout = np.dtype(
        [("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"), ("scale", ">i2"), *((n, ">i2") for n in names)]
    )
    record = np.empty(len(array), dtype=layout)
    record["count"] = len(digits)
    record["weight"] = len(digits) - after - 1
    record["sign"] = np.where(negative, _NEGATIVE, 0) if negative.any() else 0
    record["scale"] = scale
    for name, digit in zip(names, reversed(digits), strict=True):
        record[name] = digit
    return record


def _magnitudes(array: pa.Array) -> tuple[Limbs, npt.NDArray[np.bool_]]:
    """Absolute unscaled values: one 64-bit limb where all fit, else four 32-bit limbs, the lowest first."""
    words = np.frombuffer(array.buffers()[1], dtype=np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = words[:, 0], words[:, 1]
    if array.null_count:
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        low, high = np.where(valid, low, np.uint64(0)), np.where(valid, high, np.uint64(0))
    negative = high >> np.uint64(63) != 0
    if negative.any():
        minus_low = ~low + np.uint64(1)
        minus_high = ~high + (minus_low == 0)
        low, high = np.where(negative, minus_low, low), np.where(negative, minus_high, high)
    if not high.any():
        return [np.ascontiguousarray(low)], negative
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    return [low & mask, low >> half, high & mask, high >> half], negative


def _base_10000(limbs: Limbs, scale: int) -> Limbs:
    """The base-10000 digits, the lowest first. The lowest one after the point may hold fewer decimal digits."""
    digits = []
    partial = scale % _BASE_DIGITS
    if partial:
        limbs, digit = _divide(limbs, 10**partial)
        digits.append(digit * np.uint64(10 ** (_BASE_DIGITS - partial)))
    after = -(-scale // _BASE_DIGITS)
    while len(digits) < after or any(limb.any() for limb in limbs):
        limbs, digit = _divide(limbs, 10**_BASE_DIGITS)
        digits.append(digit)
    return digits


def _divide(limbs: Limbs, divisor: int) -> tuple[Limbs, npt.NDArray[np.uint64]]:
    """Quotient and remainder by a small divisor: long division from the highest limb."""
    by, half = np.uint64(divisor), np.uint64(32)
    if len(limbs) == 1:
        quotient = limbs[0] // by
        return [quotient], limbs[0] - quotient * by
    quotients: Limbs = []
    rest = np.zeros_like(limbs[0])
    for limb in reversed(limbs):
        current = (rest << half) | limb
        quotient = current // by
        rest = current - quotient * by
        quotients.insert(0, quotient)
    return quotients, rest
