"""Rejects: from a record's place in its chunk to its line, byte and text in the file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from holdfast.domain.reject import REASON_CODES, Reason, Reject
from holdfast.parsing.boundaries import narrow, width_of
from holdfast.parsing.fields import without_line_end
from holdfast.parsing.records import Bytes8, line_end_of


def structural(code: str) -> tuple[Reason, ...]:
    return (Reason(code, REASON_CODES[code]),)


def ragged(expected: int, found: int) -> tuple[Reason, ...]:
    return (Reason("E_RAGGED", f"expected {expected} fields, found {found}"),)


@dataclass(slots=True)
class Rejecter:
    """Makes a chunk's rejects, which must be asked for in the order of their rows."""

    data: bytes
    newline: str
    encoding: str
    first_line: int
    base_offset: int
    _text: Bytes8 = field(init=False)
    _place: int = 0
    _line: int = 0

    def __post_init__(self) -> None:
        self._text = np.frombuffer(narrow(self.data, self.encoding), np.uint8)
        self._line = self.first_line

    def reject(self, row: int, start: int, end: int, reasons: tuple[Reason, ...]) -> Reject:
        place = start // width_of(self.encoding)
        self._line += int(np.count_nonzero(self._text[self._place : place] == line_end_of(self.newline)[0]))
        self._place = place
        raw = without_line_end(self.data[start:end], self.newline, self.encoding)
        return Reject(row, self._line, self.base_offset + start, raw, reasons)
