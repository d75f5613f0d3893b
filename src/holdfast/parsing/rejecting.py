"""Rejects: from a record's place in its chunk to its line, byte and text in the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.domain.reject import REASON_CODES, Reason, Reject
from holdfast.parsing.boundaries import count_of
from holdfast.parsing.fields import without_line_end
from holdfast.parsing.lines import Text, line_end_of, width_of

_NEAR_BYTES = 1 << 12  # within so many, the plain count of bytes is the quicker one


def structural(code: str) -> tuple[Reason, ...]:
    return (Reason(code, REASON_CODES[code]),)


def ragged(expected: int, found: int) -> tuple[Reason, ...]:
    return (Reason("E_RAGGED", f"expected {expected} fields, found {found}"),)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text begins: its first row in the chunk, its line and byte in the file. The line is counted if asked."""

    row: int
    line: Callable[[], int]
    offset: int


@dataclass(slots=True)
class Rejecter:
    """Makes the rejects of a text, which must be asked for in the order of their rows. `text`: as `narrow` sees it."""

    data: bytes
    text: Text
    newline: str
    encoding: str
    place: Place
    _at: int = 0
    _line: int = -1
    _width: int = 1
    _mark: bytes = b""

    def __post_init__(self) -> None:
        self._width, self._mark = width_of(self.encoding), line_end_of(self.newline)

    def reject(self, row: int, start: int, end: int, reasons: tuple[Reason, ...]) -> Reject:
        """`row`, `start` and `end` count from the text's beginning."""
        if self._line < 0:
            self._line = self.place.line()
        at = start // self._width
        if at - self._at < _NEAR_BYTES:
            self._line += self.text.count(self._mark, self._at, at)
        else:
            self._line += count_of(memoryview(self.text)[self._at : at], self._mark)
        self._at = at
        raw = without_line_end(self.data[start:end], self.newline, self.encoding)
        return Reject(self.place.row + row, self._line, self.place.offset + start, raw, reasons)
