"""Where quotes stand, and so which line ends are ends of records.

Owns the one hard rule of CSV: a quote opens right after a delimiter or a record's start, closes right before a
delimiter or a line's end, and is doubled inside. While every quote stands so, the parity of quotes tells which line
ends lie inside a field. A quote that stands elsewhere, or is never closed, makes the first physical line of its record
bad, and reading starts afresh on the next line: a stray quote never swallows a good neighbour, and costs O(log n).

Works on bytes with one byte a character; wider encodings come here through `narrow`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from holdfast.domain.contract import CsvFormat
from holdfast.parsing.lines import Text

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bytes8 = np.ndarray[Any, np.dtype[np.uint8]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_NONE: Ints = np.empty(0, np.int64)
_SLICE_BYTES = 1 << 18  # what a processor's cache holds: going through a whole text operation by operation is slower
_SLICE_QUOTES = _SLICE_BYTES // 8


def positions(data: Text, mark: bytes) -> Ints:
    """Every place of a byte, ascending."""
    if mark not in data:
        return _NONE
    bytes_ = np.frombuffer(data, np.uint8)
    starts = range(0, len(bytes_), _SLICE_BYTES)
    return np.concatenate([np.flatnonzero(bytes_[at : at + _SLICE_BYTES] == mark[0]) + at for at in starts])


def count_of(data: Text | memoryview, mark: bytes) -> int:
    """How many of a byte there are; `bytes.count` takes several times as long where there are many."""
    bytes_ = np.frombuffer(data, np.uint8)
    starts = range(0, len(bytes_), _SLICE_BYTES)
    return sum(int(np.count_nonzero(bytes_[at : at + _SLICE_BYTES] == mark[0])) for at in starts)


@dataclass(slots=True)
class Quotes:
    """The quotes of one piece of text and the runs between its bad lines.

    After `settle`, `bad` holds the [start, end) of each bad line, `places` the quotes outside them, open and close in
    turn. `undecided` is the start of a record whose open quote may yet close past the end of the text.
    """

    text: Text
    fmt: CsvFormat
    line_end: bytes
    at_eof: bool
    length: int = 0
    places: Ints = field(default_factory=lambda: _NONE)
    bad: list[tuple[int, int]] = field(default_factory=list)
    undecided: int | None = None
    _first: int = 0
    _base: int = 0
    _misplaced: dict[int, Ints] = field(default_factory=dict)  # by the parity of a run's first index

    def settle(self, size_max: int) -> None:
        """Find every bad line. `size_max`: an open quote that runs further is taken as stray."""
        # Whether a last quote closes shows in the byte after it, so without the file's end the last byte only informs.
        self.length = len(self.text) if self.at_eof else max(0, len(self.text) - 1)
        if not self.fmt.quote:
            return
        quotes = unescaped(self.text, positions(self.text, self.fmt.quote.encode()), self.fmt)
        self.places = quotes[: quotes.searchsorted(self.length)]
        if not len(self.places):
            return
        while (start := self._next_bad(size_max)) is not None:
            end = self._line_end(start)
            if end is None:
                self.undecided = start
                break
            self.bad.append((start, end))
            self._base, self._first = end, self._index(end)
        self._drop_bad_quotes()

    def parts(self, size: int) -> Iterator[tuple[int, Quotes]]:
        """The whole text, once settled, cut at record ends into parts of about `size`: where each starts, and it."""
        start = 0
        while start < self.length:
            end = self.record_end(start + size - 1) or self.length
            first, last = self.places.searchsorted((start, end))
            bad = self.bad[bisect_left(self.bad, (start,)) : bisect_left(self.bad, (end,))]
            yield (
                start,
                Quotes(
                    self.text[start:end],
                    self.fmt,
                    self.line_end,
                    at_eof=True,
                    length=end - start,
                    places=self.places[first:last] - start,
                    bad=[(from_ - start, to - start) for from_, to in bad],
                ),
            )
            start = end

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

    def _wrong(self, parity: int) -> Ints:
        """Indexes of the quotes that stand wrong in a run that begins at an index of this parity.

        A run that begins at index j opens at j, j+2, ... and closes at j+1, j+3, ...; so what is wrong in it depends on
        j's parity only. Most texts never need the other one.
        """
        if parity not in self._misplaced:
            starts = range(0, len(self.places), _SLICE_QUOTES)
            found = np.concatenate([self._wrong_in(at, at + _SLICE_QUOTES, parity) for at in starts])
            self._misplaced[parity] = np.union1d(found, self._never_opening(parity)) if self._is_special() else found
        return self._misplaced[parity]

    def _wrong_in(self, start: int, stop: int, parity: int) -> Ints:
        """Those of a slice (that begins at an even index), by the bytes beside them. A doubled quote closes and opens.

        The text's first and last byte are taken for their own neighbours: a quote there is right.
        """
        bytes_, places = np.frombuffer(self.text, np.uint8), self.places[start:stop]
        opening, closing = places[parity::2], places[1 - parity :: 2]
        marks = self.fmt.delimiter.encode() + self.line_end + self.fmt.quote.encode()
        fits = np.empty(len(places), np.bool_)
        fits[parity::2] = _is_one_of(marks, bytes_[np.maximum(opening - 1, 0)])
        fits[1 - parity :: 2] = _is_one_of(marks + b"\r", bytes_[np.minimum(closing + 1, len(bytes_) - 1)])
        return np.flatnonzero(~fits) + start

    def _is_special(self) -> bool:
        return bool(self.fmt.comment) or (bool(self.fmt.escape) and self.fmt.escape.encode() in self.text)

    def _never_opening(self, parity: int) -> Ints:
        """Indexes of one parity that cannot open for what is far from them: a comment's mark, or an escape."""
        before = self.places - 1
        never = np.isin(before, places_escaped(self.text, before, self.fmt))
        if self.fmt.comment:
            never |= self._first_in_comment()
        never[1 - parity :: 2] = False
        return np.flatnonzero(never)

    def _first_in_comment(self) -> Bools:
        """Quotes that are the first of a line that starts as a comment does: they open nothing."""
        lines = positions(self.text, self.line_end) + 1
        lines = np.concatenate([np.zeros(1, np.int64), lines[lines < len(self.text)]])
        line_of = lines.searchsorted(self.places, side="right") - 1
        first = np.diff(line_of, prepend=-1) > 0
        starts = np.frombuffer(self.text, np.uint8)[lines[line_of]]
        return np.asarray(first & (starts == ord(self.fmt.comment)))

    def _next_bad(self, size_max: int) -> int | None:
        wrong = self._wrong(self._first & 1)
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


def _is_one_of(marks: bytes, bytes_: Bytes8) -> Bools:
    """As `np.isin` would say it, several times faster for a few bytes."""
    found: Bools = bytes_ == marks[0]
    for mark in marks[1:]:
        found |= bytes_ == mark
    return found


def is_escaped(text: Text, place: int, fmt: CsvFormat) -> bool:
    """Does an escape that is not itself escaped stand before `place`?"""
    if not fmt.escape:
        return False
    run, escape = 0, ord(fmt.escape)
    while run < place and text[place - run - 1] == escape:
        run += 1
    return bool(run & 1)


def places_escaped(text: Text, places: Ints, fmt: CsvFormat) -> Ints:
    """Those of `places` that an escape makes plain text."""
    if not fmt.escape or fmt.escape.encode() not in text:
        return _NONE
    return np.array([p for p in places.tolist() if is_escaped(text, p, fmt)], np.int64)


def unescaped(text: Text, places: Ints, fmt: CsvFormat) -> Ints:
    """Those of `places` that no escape makes plain text."""
    if not fmt.escape or fmt.escape.encode() not in text:
        return places
    return np.array([p for p in places.tolist() if not is_escaped(text, p, fmt)], np.int64)
