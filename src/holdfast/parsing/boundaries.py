"""Where quotes stand, and so which line ends are ends of records.

Owns the one hard rule of CSV: a quote opens right after a delimiter or a record's start, closes right before a
delimiter or a line's end, and is doubled inside. While every quote stands so, the parity of quotes tells which line
ends lie inside a field. A quote that stands elsewhere, or is never closed, makes the first physical line of its record
bad, and reading starts afresh on the next line: a stray quote never swallows a good neighbour, and costs O(log n).

Works on bytes with one byte a character; wider encodings come here through `narrow`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.domain.contract import CsvFormat

Ints = np.ndarray[Any, np.dtype[np.int64]]
_NONE: Ints = np.empty(0, np.int64)


def width_of(encoding: str) -> int:
    """Bytes a code unit."""
    return 2 if encoding.startswith("utf-16") else 1


def narrow(data: bytes, encoding: str) -> bytes:
    """One byte a code unit: ASCII as it is, all else 0x80. Boundaries are made of ASCII only, so none is lost."""
    if width_of(encoding) == 1:
        return data
    units = np.frombuffer(data, "<u2" if encoding == "utf-16-le" else ">u2", count=len(data) // 2)
    return np.where(units < 128, units, 128).astype(np.uint8).tobytes()


def positions(data: bytes, mark: bytes) -> Ints:
    """Every place of a byte, ascending."""
    if mark not in data:
        return _NONE
    return np.flatnonzero(np.frombuffer(data, np.uint8) == mark[0])


@dataclass(slots=True)
class Quotes:
    """The quotes of one piece of text and the runs between its bad lines.

    After `settle`, `bad` holds the [start, end) of each bad line, `places` the quotes outside them, open and close in
    turn. `undecided` is the start of a record whose open quote may yet close past the end of the text.
    """

    text: bytes
    fmt: CsvFormat
    line_end: bytes
    at_eof: bool
    length: int = 0
    places: Ints = field(default_factory=lambda: _NONE)
    bad: list[tuple[int, int]] = field(default_factory=list)
    undecided: int | None = None
    _first: int = 0
    _base: int = 0

    def settle(self, size_max: int) -> None:
        """Find every bad line. `size_max`: an open quote that runs further is taken as stray."""
        # Whether a last quote closes shows in the byte after it, so without the file's end the last byte only informs.
        self.length = len(self.text) if self.at_eof else max(0, len(self.text) - 1)
        if not self.fmt.quote:
            return
        quotes = unescaped(self.text, positions(self.text, self.fmt.quote.encode()), self.fmt)
        self.places = quotes[quotes < self.length]
        if not len(self.places):
            return
        even, odd = self._misplaced()
        while (start := self._next_bad(even, odd, size_max)) is not None:
            end = self._line_end(start)
            if end is None:
                self.undecided = start
                break
            self.bad.append((start, end))
            self._base, self._first = end, self._index(end)
        self._drop_bad_quotes()

    def record_start(self, place: int) -> int:
        """The start of the record that holds `place`."""
        while (newline := self.text.rfind(self.line_end, self._base, place)) >= 0:
            inside = (index := self._index(newline)) - self._first & 1
            if not inside and not is_escaped(self.text, newline, self.fmt):
                return newline + 1
            place = int(self.places[index - 1]) if inside else newline
        return self._base

    def record_end(self, place: int) -> int | None:
        """The end of the first record that ends after `place`; None where the text does not reach so far."""
        while 0 <= (newline := self.text.find(self.line_end, place)) < self.length:
            inside = (index := self._index(newline)) - self._first & 1
            if not inside and not is_escaped(self.text, newline, self.fmt):
                return newline + 1
            if inside and index == len(self.places):
                break
            place = int(self.places[index]) + 1 if inside else newline + 1
        return self.length if self.at_eof else None

    def _line_end(self, place: int) -> int | None:
        """The end of the physical line that holds `place`, quotes disregarded."""
        while 0 <= (newline := self.text.find(self.line_end, place)) < self.length:
            if not is_escaped(self.text, newline, self.fmt):
                return newline + 1
            place = newline + 1
        return self.length if self.at_eof else None

    def oversized(self, stop: int, size_max: int) -> Iterator[tuple[int, int]]:
        """Records of more than `size_max` bytes that start before `stop`, as (start, end as far as is known).

        Such a record holds a place that lies a multiple of `size_max` after the run's start: only those are looked at.
        """
        for place in range(self._base + size_max, min(stop + size_max, self.length), size_max):
            start, end = self.record_start(place), self.record_end(place)
            reached = self.length if end is None else end
            if start < stop and reached - start > size_max:
                yield start, reached

    def _index(self, place: int) -> int:
        return int(self.places.searchsorted(place))

    def _misplaced(self) -> tuple[Ints, Ints]:
        """Indexes of quotes that cannot open, by even and odd index, each with those that cannot close of the other.

        A run that begins at index j opens at j, j+2, ... and closes at j+1, j+3, ...; so what is wrong in a run depends
        on j's parity only, and is looked up in one of two sorted lists.
        """
        places, bytes_ = self.places, np.frombuffer(self.text, np.uint8)
        delimiter, newline = ord(self.fmt.delimiter), self.line_end[0]
        before = bytes_[np.maximum(places - 1, 0)]
        after = bytes_[np.minimum(places + 1, len(bytes_) - 1)]
        twin = np.diff(places) == 1
        opens = (before == delimiter) | (before == newline) | (places == 0)
        if self.fmt.escape:
            opens &= ~np.isin(places - 1, places_escaped(self.text, places - 1, self.fmt))
        opens[1:] |= twin
        closes = (after == delimiter) | (after == newline) | (after == 13) | (places == len(bytes_) - 1)
        closes |= after == ord(self.fmt.quote)  # doubled, though its twin may be the last byte that only informs
        if self.fmt.comment:
            opens &= ~self._first_in_comment()
        is_odd = (np.arange(len(places)) & 1).astype(bool)
        return np.flatnonzero(np.where(is_odd, ~closes, ~opens)), np.flatnonzero(np.where(is_odd, ~opens, ~closes))

    def _first_in_comment(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Quotes that are the first of a line that starts as a comment does: they open nothing."""
        lines = positions(self.text, self.line_end) + 1
        lines = np.concatenate([np.zeros(1, np.int64), lines[lines < len(self.text)]])
        line_of = lines.searchsorted(self.places, side="right") - 1
        first = np.diff(line_of, prepend=-1) > 0
        starts = np.frombuffer(self.text, np.uint8)[lines[line_of]]
        return np.asarray(first & (starts == ord(self.fmt.comment)))

    def _next_bad(self, even: Ints, odd: Ints, size_max: int) -> int | None:
        wrong = odd if self._first & 1 else even
        at = int(wrong.searchsorted(self._first))
        if at < len(wrong):
            start, is_decided = self.record_start(int(self.places[wrong[at]])), True
        elif len(self.places) - self._first & 1:
            start = self.record_start(int(self.places[-1]))
            is_decided = self.at_eof or self.length - start > size_max
        else:
            start, is_decided = self.length, False
        for oversized, end in self.oversized(start, size_max):
            line = self._line_end(oversized)
            if line is not None and line < end:
                return oversized
        if not is_decided and start < self.length:
            self.undecided = start
        return start if is_decided else None

    def _drop_bad_quotes(self) -> None:
        if self.bad:
            spans = self.places.searchsorted(np.array(self.bad))
            steps = np.zeros(len(self.places) + 1, np.int64)
            np.add.at(steps, spans[:, 0], 1)
            np.add.at(steps, spans[:, 1], -1)
            self.places = self.places[steps.cumsum()[:-1] == 0]
        self._base, self._first = 0, 0


def is_escaped(text: bytes, place: int, fmt: CsvFormat) -> bool:
    """Does an escape that is not itself escaped stand before `place`?"""
    if not fmt.escape:
        return False
    run, escape = 0, ord(fmt.escape)
    while run < place and text[place - run - 1] == escape:
        run += 1
    return bool(run & 1)


def places_escaped(text: bytes, places: Ints, fmt: CsvFormat) -> Ints:
    """Those of `places` that an escape makes plain text."""
    if not fmt.escape or fmt.escape.encode() not in text:
        return _NONE
    return np.array([p for p in places.tolist() if is_escaped(text, p, fmt)], np.int64)


def unescaped(text: bytes, places: Ints, fmt: CsvFormat) -> Ints:
    """Those of `places` that no escape makes plain text."""
    if not fmt.escape or fmt.escape.encode() not in text:
        return places
    return np.array([p for p in places.tolist() if not is_escaped(text, p, fmt)], np.int64)
