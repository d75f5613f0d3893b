"""Dates and timestamps by the column: digits at fixed places, counted into days and microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.domain.types import ColumnType, Kind
from holdfast.parsing.boundaries import Ints
from holdfast.parsing.moments import NoSuchMoment, moment_format
from holdfast.parsing.parsed import arrow_type
from holdfast.parsing.texts import Mask, Texts

_WIDTHS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_LIMITS = {"%H": 23, "%M": 59, "%S": 59}
_SIZES_US = {"%H": _HOUR_US, "%M": 60_000_000, "%S": 1_000_000}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall-clock reading


def read_instants(texts: Texts, column_type: ColumnType) -> tuple[pa.Array, Mask]:
    """Values and doubtful rows. Formats with names of months, %y or %z are all doubt: the exact judge reads them."""
    doubtful = np.ones(len(texts), np.bool_)
    micros = np.zeros(len(texts), np.int64)
    pieces = re.findall(r"%.|[^%]", column_type.format or "", re.DOTALL)
    is_fixed = all(p in _WIDTHS or p in ("%f", "%%") or (p.isascii() and len(p) == 1) for p in pieces)
    for length in np.unique(texts.lengths).tolist() if is_fixed else []:
        widths = _widths(pieces, length)
        if widths:
            rows = np.flatnonzero(texts.lengths == length)
            matrix = _matrix(texts, rows, length)
            micros[rows], doubtful[rows] = _read_matrix(matrix, pieces, widths)
    if column_type.zone:
        _to_utc(micros, doubtful, column_type)
    if column_type.kind is Kind.DATE:
        return pa.array((micros // _DAY_US).astype(np.int32)).cast(pa.date32()), doubtful
    return pa.array(micros).cast(arrow_type(column_type)), doubtful


def _widths(pieces: list[str], length: int) -> list[int] | None:
    """How many bytes each piece takes in a text of `length`; None where it does not come out even."""
    fixed = [_WIDTHS.get(piece, 1) for piece in pieces]
    if "%f" not in pieces:
        return fixed if sum(fixed) == length else None
    fraction = length - sum(fixed) + 1
    fixed[pieces.index("%f")] = fraction
    return fixed if 1 <= fraction <= 6 else None


def _matrix(texts: Texts, rows: Ints, length: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if len(rows) == len(texts):
        return texts.data.reshape(len(rows), length)
    return np.asarray(texts.data[texts.starts[rows][:, None] + np.arange(length)])


def _read_matrix(
    matrix: np.ndarray[Any, np.dtype[np.uint8]], pieces: list[str], widths: list[int]
) -> tuple[Ints, Mask]:
    wrong = np.zeros(len(matrix), np.bool_)
    part: dict[str, Ints] = {}
    micros, place = np.zeros(len(matrix), np.int64), 0
    for piece, width in zip(pieces, widths, strict=True):
        cells = matrix[:, place : place + width]
        place += width
        if piece not in _WIDTHS and piece != "%f":
            wrong |= cells[:, 0] != ord(piece[-1])
            continue
        number = np.zeros(len(matrix), np.int64)
        for index in range(width):
            digit = cells[:, index] - np.uint8(48)
            wrong |= digit > 9
            number = number * 10 + digit
        part[piece] = number
        if piece in _LIMITS:
            wrong |= number > _LIMITS[piece]
            micros += number * _SIZES_US[piece]
        elif piece == "%f":
            micros += number * 10 ** (6 - width)
    days, no_day = _days(part["%Y"], part["%m"], part["%d"])
    return micros + days * _DAY_US, wrong | no_day


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, Mask]:
    """Days since 1970, and where there is no such day."""
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    no_day = (year < 1) | (year > 9999) | (month < 1) | (month > 12) | (day < 1) | (day > following - first)
    return first + day - 1, no_day


def _to_utc(micros: Ints, doubtful: Mask, column_type: ColumnType) -> None:
    """Shift wall-clock readings to UTC by the hour they are in; hours in which clocks are changed are doubtful."""
    zone = moment_format(column_type).zone
    hours, hour_of = np.unique(micros // _HOUR_US, return_inverse=True)
    shifts, unsure = np.zeros(len(hours), np.int64), np.zeros(len(hours), np.bool_)
    for index, hour in enumerate(hours.tolist()):
        try:
            edges = [_EPOCH + timedelta(hours=hour), _EPOCH + timedelta(hours=hour, minutes=59, seconds=59)]
            offsets = {
                edge.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for edge in edges for fold in (0, 1)
            }
            shift = offsets.pop()
            (edges[0].replace(tzinfo=UTC) - shift, edges[1].replace(tzinfo=UTC) - shift)
        except (OverflowError, NoSuchMoment):
            unsure[index] = True
            continue
        shifts[index] = shift // timedelta(microseconds=1)
        unsure[index] = bool(offsets)
    micros -= shifts[hour_of]
    doubtful |= unsure[hour_of]
