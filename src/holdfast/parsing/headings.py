"""A header in the middle of a file: exports that were put one behind the other.

The file's own header again is no row: it is rejected (E_HEADER). Another header means that the rows after it have
their values in other places: the file is refused before any of them is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.domain.contract import Contract, CsvFormat, header_key
from holdfast.parsing.boundaries import Bools, Bytes8, Ints
from holdfast.parsing.fields import split_fields, without_line_end
from holdfast.parsing.lines import Text, line_end_of, narrow, width_of
from holdfast.parsing.records import Flaw, Kind, Records, scan

if TYPE_CHECKING:
    import pyarrow as pa

_KNOWN_SHARE = 0.5  # of a record's fields that are names of columns: then it is a header
_BYTES_PER_LIKELY_MIN = 2_000  # of text for a line that could be a header; where there are more, all is searched
_SLICE_BYTES = 1 << 16  # what a processor's cache holds, intermediate results and all
_LINE_BYTES = 512  # looked through at first for a line's end
_DIGITS = list(b"0123456789")


def heading_places(data: bytes, heading: bytes, newline: str, encoding: str) -> list[int]:
    """Where lines of `data`, which begins with one, repeat the file's header (given without its line end)."""
    if not heading:
        return []
    mark = line_end_of(newline).decode().encode(encoding)
    ends = (mark, "\r\n".encode(encoding))
    return [
        place
        for line in dict.fromkeys((heading, byte_order_mark(encoding) + heading))
        for place in _line_starts(data, line, mark)
        if place + len(line) == len(data) or data.startswith(ends, place + len(line))
    ]


def _line_starts(data: bytes, beginning: bytes, mark: bytes) -> Iterator[int]:
    """Where a line begins with `beginning`."""
    if data.startswith(beginning):
        yield 0
    at = data.find(mark + beginning)
    while at >= 0:
        if at % len(mark) == 0:
            yield at + len(mark)
        at = data.find(mark + beginning, at + 1)


def mark_headings(records: Records, places: list[int]) -> None:
    """Mark the records that begin at these places as bad, in place. Others are lines within a quoted field."""
    for place in places:
        record = int(records.start.searchsorted(place))
        if record < len(records) and records.start[record] == place:
            records.flaw[record], records.kind[record] = Flaw.HEADER, Kind.BAD


def is_heading(raw: bytes, heading: bytes, encoding: str) -> bool:
    """Is this record the file's header again, perhaps with a mark of byte order before it?"""
    return bool(heading) and (raw == heading or raw == byte_order_mark(encoding) + heading)


def byte_order_mark(encoding: str) -> bytes:
    return b"" if encoding == "latin-1" else "\ufeff".encode(encoding)


@dataclass(frozen=True, slots=True)
class OtherHeading:
    """A header that is not the file's, `offset` bytes into the data that were looked at."""

    offset: int
    fields: tuple[str, ...]


class HeadingFinder:
    """Looks for headers other than the file's own. Made once a file; asked for every chunk of it.

    A header may begin with a field that nobody knows, so lines with two names of columns anywhere are looked at; not
    those that begin as a number does, unless a column's name does.
    """

    def __init__(self, contract: Contract, names: tuple[str, ...], newline: str, encoding: str) -> None:
        fmt: CsvFormat = contract.format
        self._format, self._newline, self._encoding, self._names = fmt, newline, encoding, names
        written = {name for column in contract.columns for name in column.header_names} | set(names)
        self._known = {header_key(name) for name in written if name.strip()}
        self._firsts = np.ones(256, np.bool_)  # bytes that a header may begin with: others than numbers do
        self._firsts[[*_DIGITS, *b"+-."]] = False
        self._firsts[[ord(key[0]) for key in self._known if key[0].isascii()]] = True
        end, mark = re.escape(line_end_of(newline).decode()), re.escape(fmt.delimiter)
        quote = re.escape(fmt.quote)
        optional = f"{quote}?" if quote else ""
        name = f"{optional}[ _]*(?:{'|'.join(map(_spelled, sorted(self._known)))})[ _]*{optional}"
        bom = "(?:\\xef\\xbb\\xbf|\\x80)?"
        self._two_names = f"(?i)(?:^|[{end}{mark}]){bom}{name}{mark}(?:[^{end}]*{mark})?{name}(?:{mark}|[\\r{end}]|$)"

    def find(self, data: Text | memoryview, start: int) -> OtherHeading | None:
        """The first one in a chunk's bytes from `start`, where a record begins."""
        if len(self._known) < 2:
            return None
        width = width_of(self._encoding)
        begins: set[int] | None = None
        for place in (place * width for place in self._places(narrow(data[start:], self._encoding))):
            if begins is None:
                begins = set(scan(bytes(data[start:]), self._format, self._newline, self._encoding).start.tolist())
            fields = self._fields(data, start + place) if place in begins else ()
            if self._is_other(fields):
                return OtherHeading(start + place, fields)
        return None

    def _places(self, text: Text | memoryview) -> Iterator[int]:
        """Where lines begin that hold two names of columns, a field each."""
        bytes_ = np.frombuffer(text, np.uint8)
        if not len(bytes_):
            return
        starts = self._likely_starts(bytes_)
        if starts is None:
            yield from self._places_among(bytes_)
        elif starts:
            yield from np.array(starts)[self._have_two_names(bytes_, starts)].tolist()

    def _likely_starts(self, bytes_: Bytes8) -> list[int] | None:
        """Where lines begin that could be a header; None where too many do.

        Among lines that begin with digits the others are found at several times the speed of any search for words.
        """
        end, has_digits = line_end_of(self._newline)[0], bool(self._firsts[_DIGITS].any())
        left = len(bytes_) // _BYTES_PER_LIKELY_MIN
        found = [0] if self._firsts[bytes_[0]] else []
        for at in range(0, len(bytes_), _SLICE_BYTES):
            part = bytes_[at : at + _SLICE_BYTES + 1]
            begins = part[:-1] == end
            if not has_digits:
                begins &= (part[1:] - ord("0")) > 9  # unsigned: what is below "0" becomes far greater
            marks, place = begins.tobytes(), -1  # a byte each; where few are set, `find` is quicker than `nonzero`
            while (place := marks.find(1, place + 1)) >= 0:
                if left == 0:
                    return None
                left -= 1
                if self._firsts[part[place + 1]]:
                    found.append(at + place + 1)
        return found

    def _have_two_names(self, bytes_: Bytes8, starts: list[int]) -> Bools:
        """Which of these lines do."""
        import pyarrow.compute as pc

        end = line_end_of(self._newline)
        lines = [_line_at(bytes_, start, end) for start in starts]
        ends = np.cumsum([0, *map(len, lines)])
        found = pc.find_substring_regex(_as_values(b"".join(lines), ends), pattern=self._two_names)
        return np.asarray(found.to_numpy(zero_copy_only=False) >= 0)

    def _places_among(self, bytes_: Bytes8) -> Iterator[int]:
        """The same where most lines begin as a header may: all of the text is searched."""
        import pyarrow.compute as pc

        end = line_end_of(self._newline)
        lines = np.concatenate(([0], np.flatnonzero(bytes_[:-1] == end[0]) + 1))
        at = 0
        while at < len(bytes_):
            found = pc.find_substring_regex(
                _as_values(bytes_[at:], np.array([0, len(bytes_) - at])), pattern=self._two_names
            )[0].as_py()
            if found < 0:
                return
            # what was found begins with the delimiter or line end before the first name, or at the text's beginning
            line = int(lines.searchsorted(at + found + (bytes_[at + found] == end[0]), "right")) - 1
            if self._firsts[bytes_[lines[line]]]:
                yield int(lines[line])
            if line + 1 == len(lines):
                return
            at = int(lines[line + 1])

    def _fields(self, data: Text | memoryview, place: int) -> tuple[str, ...]:
        mark = line_end_of(self._newline).decode().encode(self._encoding)
        rest = bytes(data[place : place + self._format.max_record_bytes])
        line = rest[: end + len(mark)] if (end := rest.find(mark)) >= 0 else rest
        text = without_line_end(line, self._newline, self._encoding).decode(self._encoding, "replace")
        try:
            return tuple(split_fields(text.removeprefix("\ufeff"), self._format))
        except ValueError:  # a quote that goes on beyond the line: no header looks like that
            return ()

    def _is_other(self, fields: tuple[str, ...]) -> bool:
        if fields == self._names or len(fields) < 2:
            return False
        known = {key for name in fields if (key := header_key(name)) in self._known}
        return len(known) >= 2 and len(known) >= _KNOWN_SHARE * len(fields)


def _spelled(key: str) -> str:
    """A pattern for the bytes of a name, however it is spaced; letters beyond ASCII may be any. `key`: casefolded."""
    beyond = "[\\x80-\\xff]+"
    letters = (re.escape(char) if char.isascii() else beyond for char in key)
    return "[ _]*".join(letters).replace("s[ _]*s", f"(?:s[ _]*s|{beyond})")


def _line_at(bytes_: Bytes8, start: int, end: bytes) -> bytes:
    """The line that begins at `start`, without its end."""
    size = _LINE_BYTES
    while (found := (piece := bytes_[start : start + size].tobytes()).find(end)) < 0 and start + size < len(bytes_):
        size *= 4
    return piece[:found] if found >= 0 else piece


def _as_values(text: bytes | Bytes8, ends: Ints) -> pa.Array:
    """Bytes as Arrow likes to search them, where they lie. `ends`: the first is 0."""
    import pyarrow as pa

    offsets = pa.py_buffer(ends.astype(np.int64))
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends) - 1, [None, offsets, pa.py_buffer(text)])
