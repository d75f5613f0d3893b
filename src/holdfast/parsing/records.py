"""Record boundaries: where a file may be cut, and where every record of a chunk stands.

Records cover their chunk without gap or overlap (P2). A chunk cut by `find_cut` and scanned alone gives the records it
has in the whole file. Line ends are LF or CRLF ("lf"), or lone CR ("cr"). Offsets are bytes of the original file.
Whether a record's fields fit the contract is for others; here a record is bad only where its text is no CSV.
"""

from __future__ import annotations

import codecs
import sys
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from holdfast.domain.contract import CsvFormat
from holdfast.parsing.boundaries import Bytes8, Ints, Quotes, count_of, positions, unescaped
from holdfast.parsing.lines import Text, line_end_of, narrow, width_of

_DECODED_BYTES_MAX = 1 << 17  # so little is decoded before Arrow has started


class Kind(IntEnum):
    DATA = 0
    BLANK = 1
    COMMENT = 2
    BAD = 3


class Flaw(IntEnum):
    """What is wrong with a bad record. Of several, the greatest counts."""

    NONE = 0
    NEWLINE = 1
    ENCODING = 2
    NUL = 3
    RECORD_SIZE = 4
    QUOTE = 5
    HEADER = 6

    @property
    def code(self) -> str:
        return f"E_{self.name}"


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a chunk. Record i is bytes [start[i], end[i]), line end included; bad ones have a `flaw`."""

    start: Ints
    end: Ints
    kind: Bytes8
    flaw: Bytes8

    def __len__(self) -> int:
        return len(self.start)

    @property
    def data_count(self) -> int:
        return int(np.count_nonzero(self.kind == Kind.DATA))


def count_lines(data: Text | memoryview, newline: str, encoding: str = "utf-8") -> int:
    """Physical lines; a last one without a line end counts."""
    text, mark = narrow(data, encoding), line_end_of(newline)
    return count_of(text, mark) + (1 if text and text[-1:] != mark else 0)


def find_cut(
    window: Text, fmt: CsvFormat, newline: str, at_least: int, at_eof: bool, encoding: str = "utf-8"
) -> int | None:
    """The end of the first record that ends at or after byte `at_least` of `window`, which begins at a record's start.

    None: the window is too short to tell; call again with a longer one. `at_eof`: the window ends where the file does.
    """
    width = width_of(encoding)
    text = narrow(window, encoding)
    place = max(0, -(-at_least // width) - 1)
    quotes = Quotes(text, fmt, line_end_of(newline), at_eof)
    quotes.settle(fmt.max_record_bytes // width)
    end = quotes.record_end(place)
    if end is None or (quotes.undecided is not None and end > quotes.undecided):
        return None
    return len(window) if at_eof and end == len(text) else end * width


def settled(data: bytes, fmt: CsvFormat, newline: str, encoding: str = "utf-8") -> Quotes:
    """The quotes of a chunk, and the lines that are bad for them."""
    quotes = Quotes(narrow(data, encoding), fmt, line_end_of(newline), True)
    quotes.settle(fmt.max_record_bytes // width_of(encoding))
    return quotes


def is_tidy(quotes: Quotes, newline: str, encoding: str = "utf-8") -> bool:
    """Are all records of a chunk plain data, none bad, blank or a comment? Cheaper than `scan`; False may be wary."""
    data, fmt = quotes.text, quotes.fmt
    if quotes.bad or encoding != "utf-8" or fmt.comment or (fmt.escape and fmt.escape.encode() in data):
        return False
    if b"\0" in data or not is_utf8(data) or len(_stray_line_ends(data, newline)):
        return False
    if _may_have_blank_lines(data, quotes.line_end):
        return False
    return not any(quotes.oversized(len(data), fmt.max_record_bytes))


def _may_have_blank_lines(text: Text, mark: bytes) -> bool:
    return (
        text.startswith((mark, b"\r")) or _holds_pair(text, mark * 2) or (b"\r" in text and _holds_pair(text, b"\n\r"))
    )


def _holds_pair(text: Text, pair: bytes) -> bool:
    """`pair in text`, for a first byte so frequent that searching for it stalls: two bytes are compared as one."""
    wanted = int.from_bytes(pair, sys.byteorder)
    return any(
        bool((np.frombuffer(text, np.uint16, (len(text) - skip) // 2, skip) == wanted).any())
        for skip in (0, 1)
        if len(text) - skip >= 2
    )


def is_utf8(data: Text) -> bool:
    if data.isascii():
        return True
    if len(data) <= _DECODED_BYTES_MAX:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True
    import pyarrow as pa  # here: a plan needs no more than numpy

    offsets = np.array([0, len(data)], np.int32)
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def scan(data: bytes, fmt: CsvFormat, newline: str, encoding: str = "utf-8", quotes: Quotes | None = None) -> Records:
    """Every record of a chunk, in order. `quotes`: those of the chunk where they have been settled before."""
    quotes = quotes or settled(data, fmt, newline, encoding)
    width, text, mark = width_of(encoding), quotes.text, quotes.line_end
    ends = _record_ends(text, fmt, mark, quotes)
    starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
    flaw = np.zeros(len(ends), np.uint8)
    _mark_flaws(flaw, ends, text, newline, quotes)
    flaw[(ends - starts) * width > fmt.max_record_bytes] = Flaw.RECORD_SIZE
    if quotes.bad:
        flaw[starts.searchsorted([start for start, _ in quotes.bad])] = Flaw.QUOTE
    kind = _kinds(text, fmt, mark, starts, ends)
    start, end = starts * width, ends * width
    if len(data) % width:
        start, end, kind, flaw = _with_half_unit(start, end, kind, flaw, len(data), text.endswith(mark))
    _mark_undecodable(flaw, data, end, encoding)
    flaw[kind != Kind.DATA] = Flaw.NONE
    kind[flaw != Flaw.NONE] = Kind.BAD
    return Records(start, end, kind, flaw)


def _record_ends(text: Text, fmt: CsvFormat, mark: bytes, quotes: Quotes) -> Ints:
    newlines = unescaped(text, positions(text, mark), fmt)
    before = newlines.searchsorted(quotes.places)
    opened, closed = before[0::2], before[1::2]
    spans_lines = opened != closed
    if spans_lines.any():
        steps = np.bincount(opened[spans_lines], minlength=len(newlines) + 1) - np.bincount(
            closed[spans_lines], minlength=len(newlines) + 1
        )
        newlines = newlines[steps.cumsum()[:-1] == 0]
    ends = newlines + 1
    return ends if not text or (len(ends) and ends[-1] == len(text)) else np.append(ends, len(text))


def _mark_flaws(flaw: Bytes8, ends: Ints, text: Text, newline: str, quotes: Quotes) -> None:
    strays = _stray_line_ends(text, newline)
    if len(strays):
        outside = quotes.places.searchsorted(strays) & 1 == 0
        flaw[ends.searchsorted(strays[outside], side="right")] = Flaw.NEWLINE
    nuls = positions(text, b"\0")
    flaw[ends.searchsorted(nuls, side="right")] = Flaw.NUL


def _stray_line_ends(text: Text, newline: str) -> Ints:
    if newline == "cr":
        return positions(text, b"\n")
    if b"\r" not in text or text.count(b"\r") == text.count(b"\r\n"):
        return np.empty(0, np.int64)
    returns, bytes_ = positions(text, b"\r"), np.frombuffer(text, np.uint8)
    is_last = returns == len(bytes_) - 1
    return np.asarray(returns[is_last | (bytes_[np.minimum(returns + 1, len(bytes_) - 1)] != 10)])


def _with_half_unit(
    start: Ints, end: Ints, kind: Bytes8, flaw: Bytes8, size: int, after_line_end: bool
) -> tuple[Ints, Ints, Bytes8, Bytes8]:
    """Half a code unit at the end of the data belongs to the last record, or is one of its own after a line end."""
    if len(end) and not after_line_end:
        end[-1] = size
        return start, end, kind, flaw
    zero = np.zeros(1, np.uint8)
    return np.append(start, size - 1), np.append(end, size), np.append(kind, zero), np.append(flaw, zero)


def _mark_undecodable(flaw: Bytes8, data: bytes, end: Ints, encoding: str) -> None:
    if encoding == "latin-1" or (encoding == "utf-8" and is_utf8(data)):
        return
    decode, view, place = codecs.getdecoder(encoding), memoryview(data), 0
    while place < len(data):
        try:
            decode(view[place:])
            return
        except UnicodeDecodeError as error:
            record = int(end.searchsorted(place + error.start, side="right"))
            flaw[record] = max(int(flaw[record]), Flaw.ENCODING)
            place = int(end[record])


def _kinds(text: Text, fmt: CsvFormat, mark: bytes, starts: Ints, ends: Ints) -> Bytes8:
    """What each record is, flaws disregarded: a comment or a blank line has none."""
    kind = np.zeros(len(starts), np.uint8)
    if not text:
        return kind
    bytes_ = np.frombuffer(text, np.uint8)
    short = np.flatnonzero(ends - starts <= 2)
    for record in short.tolist():
        if text[starts[record] : ends[record]].removesuffix(mark) in (b"", b"\r"):
            kind[record] = Kind.BLANK
    if fmt.comment:
        kind[bytes_[starts] == ord(fmt.comment)] = Kind.COMMENT
    return kind
