"""Rows as numbers: two hashes of the key, one of the values, the origin. Equal rows have equal numbers, wherever read.

Fixed-width columns go through a chain of bijections, so two rows that differ in one such column never agree; texts
are hashed by their bytes and length. The seed is of the moment: nobody can edit rows so that their hashes agree.
Two 64-bit hashes tell keys apart (in 20 M rows two keys agree by chance once in 10^24 times).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from holdfast.domain.contract import Contract
from holdfast.domain.origin import ODD_COLUMN, ORIGIN_COLUMN
from holdfast.domain.types import Kind

KEY, KEY_2, VALUES, ORIGIN, DAY, RANK = range(6)
"""The columns of a print: hashes of key and values, `_origin`, the partition's day, and from RANK on the sequence."""
NO_DAY = -(2**62)
NO_ORIGIN = -1  # also what a row has that was there before the first load
SLICE_ROWS = 65_536  # the words of so many rows stay in the processor's cache
LONG_BYTES = 512  # longer texts are hashed one by one
DAY_US = 86_400_000_000
Words = npt.NDArray[np.uint64]
Prints = npt.NDArray[np.int64]
"""A line for each row: int64 columns KEY, KEY_2, VALUES, ORIGIN, DAY and the sequence's words, the greatest first."""


@dataclass(frozen=True, slots=True)
class Printer:
    """Makes prints of rows that have the contract's columns and `_origin`; `partition` names a date or timestamp."""

    contract: Contract
    json_as_written: bool
    partition: str | None = None
    seed: tuple[int, int, int] = field(default_factory=lambda: (_seed(), _seed(), _seed()))

    def prints(self, rows: pa.Table) -> Prints:
        parts = [
            self._slice(rows.slice(start, SLICE_ROWS).combine_chunks()) for start in range(0, rows.num_rows, SLICE_ROWS)
        ]
        return np.concatenate(parts) if parts else np.empty((0, self.width), np.int64)

    @property
    def width(self) -> int:
        return RANK + (_rank_words(self.contract) if self.contract.sequence else 0)

    def _slice(self, rows: pa.Table) -> Prints:
        key = self.contract.primary_key or [ORIGIN_COLUMN]
        others = [name for name in self.contract.column_names if name not in key]
        made = np.empty((rows.num_rows, self.width), np.int64)
        made[:, KEY] = self._chain(rows, key, self.seed[0]).view(np.int64)
        made[:, KEY_2] = self._chain(rows, key, self.seed[1]).view(np.int64)
        values = self._chain(rows, others, self.seed[2])
        if ODD_COLUMN in rows.column_names and rows.column(ODD_COLUMN).null_count < rows.num_rows:
            odd = _array(rows.column(ODD_COLUMN))  # a source row has none: those without it keep their hash
            values = np.where(np.asarray(odd.is_null()), values, _text_mixed(values, odd))
        made[:, VALUES] = values.view(np.int64)
        made[:, ORIGIN] = rows.column(ORIGIN_COLUMN).fill_null(NO_ORIGIN).to_numpy()
        made[:, DAY] = _days(_array(rows.column(self.partition))) if self.partition else NO_DAY
        if self.contract.sequence:
            for i, words in enumerate(_rank(_array(rows.column(self.contract.sequence)), self.width - RANK)):
                made[:, RANK + i] = words
        return made

    def _chain(self, rows: pa.Table, names: Sequence[str], seed: int) -> Words:
        hashes = np.full(rows.num_rows, seed, np.uint64)
        for name in names:
            array = _array(rows.column(name))
            if not self.json_as_written and name != ORIGIN_COLUMN and self.contract.column(name).type.kind is Kind.JSON:
                array = _canonical(array)
            hashes = _text_mixed(hashes, array) if pa.types.is_string(array.type) else _words_mixed(hashes, array)
        return hashes


def _seed() -> int:
    return secrets.randbits(64)


def _array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def _mixed(words: Words) -> Words:
    """SplitMix64's finish: a bijection that spreads every bit over all. Works in place."""
    words += np.uint64(0x9E3779B97F4A7C15)
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def _words_mixed(hashes: Words, array: pa.Array) -> Words:
    for words in _words(array):
        hashes = _mixed(hashes ^ words)
    if array.null_count:
        absent = np.asarray(array.is_null())
        hashes[absent] = _mixed(hashes[absent] ^ np.uint64(0xD1B54A32D192ED03))
    return hashes


def _words(array: pa.Array) -> list[Words]:
    """A column of fixed width as one or two words a row; 0 where it is NULL."""
    kind = array.type
    if pa.types.is_decimal(kind):
        both = _decimal_words(array)
        return [both[:, 0]] if kind.precision <= 18 else [both[:, 0], both[:, 1]]
    if pa.types.is_floating(kind):
        numbers = array.fill_null(0.0).to_numpy() + 0.0  # one zero, not two
        return [numbers.view(np.uint64)]
    return [_integers(array).view(np.uint64)]


def _integers(array: pa.Array) -> npt.NDArray[np.int64]:
    kind = array.type
    if pa.types.is_date32(kind):
        array = array.cast(pa.int32())
    elif pa.types.is_boolean(kind):
        array = array.cast(pa.int8())
    elif pa.types.is_timestamp(kind):
        array = array.cast(pa.int64())
    numbers: npt.NDArray[np.int64] = array.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _decimal_words(array: pa.Array) -> Words:
    """Low and high words of 128-bit decimals; 0 where NULL."""
    words = np.frombuffer(array.buffers()[1], np.uint64).reshape(-1, 2)[array.offset : array.offset + len(array)]
    if array.null_count:
        words = np.where(np.asarray(array.is_null())[:, None], np.uint64(0), words)
    return words


def _text_mixed(hashes: Words, texts: pa.Array) -> Words:
    """Eight bytes at a time for all rows that have so many left."""
    rows = len(texts)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + rows + 1].astype(np.int64)
    lengths = offsets[1:] - offsets[:-1]
    absent = np.asarray(texts.is_null()) if texts.null_count else None
    told = np.where(absent, -1, lengths) if absent is not None else lengths
    hashes = _mixed(hashes ^ told.view(np.uint64))
    if not rows or not lengths.any():
        return hashes
    data = bytes(memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]]) + bytes(8)
    windows: Words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    starts = offsets[:-1] - offsets[0]
    if absent is not None:
        lengths = np.where(absent, 0, lengths)
    long = np.flatnonzero(lengths > LONG_BYTES)
    if len(long):
        for row in long.tolist():
            text = data[starts[row] : starts[row] + lengths[row]]
            hashes[row] ^= np.uint64(xxhash.xxh3_64_intdigest(text, seed=int(hashes[row])))
        lengths = np.where(lengths > LONG_BYTES, 0, lengths)
    _mix_windows(hashes, windows, starts, lengths)
    return hashes


def _mix_windows(hashes: Words, windows: Words, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> None:
    for at in range(0, int(lengths.max()), 8):
        active = np.flatnonzero(lengths > at)
        whole = len(active) == len(hashes)
        begin, left = (starts, lengths) if whole else (starts[active], lengths[active])
        words = windows[begin + at]
        missing = np.maximum(8 - (left - at), 0).astype(np.uint64) * np.uint64(8)
        words = (words << missing) >> missing
        if whole:
            hashes ^= words
            _mixed(hashes)
        else:
            hashes[active] = _mixed(hashes[active] ^ words)


def _days(array: pa.Array) -> npt.NDArray[np.int64]:
    """Days since 1970, in UTC; NO_DAY where there is no value."""
    days = _integers(array)
    if pa.types.is_timestamp(array.type):
        days = days // DAY_US
    return np.where(np.asarray(array.is_null()), NO_DAY, days) if array.null_count else days


def _rank_words(contract: Contract) -> int:
    kind = contract.column(contract.sequence or "").type
    wide = kind.kind is Kind.UUID or (kind.kind is Kind.DECIMAL and (kind.precision or 38) > 18)
    return 2 if wide else 1


def _rank(array: pa.Array, words: int) -> list[npt.NDArray[np.int64]]:
    """The sequence as words that order as it does: signed, the second shifted so that it is compared as unsigned."""
    if pa.types.is_string(array.type):
        numbers = [int(text.replace("-", "") or "0", 16) if text else 0 for text in array.to_pylist()]
        high = np.array([number >> 64 for number in numbers], np.uint64)
        low = np.array([number & (2**64 - 1) for number in numbers], np.uint64)
        return [_signed(high), _signed(low)]
    if pa.types.is_decimal(array.type):
        both = _decimal_words(array)
        if words == 2:
            return [both[:, 1].view(np.int64), _signed(both[:, 0])]
        return [np.ascontiguousarray(both[:, 0]).view(np.int64)]
    return [_integers(array)]


def _signed(words: Words) -> npt.NDArray[np.int64]:
    return (np.ascontiguousarray(words) ^ np.uint64(2**63)).view(np.int64)


def _canonical(texts: pa.Array) -> pa.Array:
    """JSON documents in one spelling, for a database that keeps the document and not its text."""
    encoded = texts.dictionary_encode()
    words = [canonical_json(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(encoded.indices)


def canonical_json(text: str) -> str:
    """The document in one spelling: keys in order, numbers without superfluous zeros."""
    try:
        document = json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_number)
        return json.dumps(document, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _number(text: str) -> str:
    """A number without superfluous zeros. A NUL, which such a database has in no text, tells it apart from one."""
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except ArithmeticError:
        return text
    whole = "".join(map(str, digits)).lstrip("0")
    kept = whole.rstrip("0")
    at = int(exponent) + len(whole) - len(kept) if kept else 0
    return f"\0{'-' if sign and kept else ''}{kept or '0'}e{at}"
