"""The top of a file and its fit with the contract: what the fields are called, and which field is which column."""

from __future__ import annotations

import codecs
import difflib
from collections import Counter
from dataclasses import dataclass

from holdfast.domain.contract import Column, Contract, CsvFormat, header_key
from holdfast.domain.errors import DriftRefused, SourceError
from holdfast.parsing.fields import split_fields, without_line_end
from holdfast.parsing.lines import Newline, line_end_of, sniff_newline
from holdfast.parsing.values import ValueReader

_NOTHING_LOADED = "nothing was loaded"
_BOMS = [(codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")]
_MAGIC = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip archive or spreadsheet",
    b"PAR1": "a Parquet file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"SQLite format 3": "a SQLite database",
    b"%PDF": "a PDF document",
}
_DELIMITERS = ",;\t|"
PROBLEMS_MAX = 50  # more than a person would read
ADVICE_PAIRS_MAX = 10_000  # comparing every missing column with every spare field takes 10 µs a pair


@dataclass(frozen=True, slots=True)
class Header:
    """What the top of a file says. `encoding` is resolved: utf-16 is -le or -be. `data_start` in bytes.

    `heading` is the header as it stands there, without its line end; empty where there is none.
    """

    names: tuple[str, ...]
    data_start: int
    newline: str
    encoding: str
    heading: bytes = b""


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A contract column, how its values are read, and which field it is; `place` None: the file has no such field."""

    column: Column
    reader: ValueReader
    place: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of one file become the contract's columns."""

    columns: tuple[BoundColumn, ...]
    fields: int
    newline: str
    encoding: str
    heading: bytes = b""


def read_header(head: bytes, fmt: CsvFormat, at_eof: bool, file_name: str = "the file") -> Header:
    """Read a file's top. `at_eof`: `head` is all of the file. Raises SourceError."""
    if not head:
        raise SourceError(
            f"{file_name} is empty (0 bytes); expected a header line; {_NOTHING_LOADED}",
            hint="was it delivered whole? A file without rows has at least its header",
        )
    encoding, start = _encoding(head, fmt, file_name)
    _refuse_binary(head, encoding, file_name)
    newline = sniff_newline(head[start:], encoding)
    start += _preamble_bytes(head[start:], fmt, newline, encoding)
    if isinstance(fmt.header, list):
        return Header(tuple(fmt.header), start, newline, encoding)
    record_start, record_end = _first_record(head, start, fmt, newline, encoding, at_eof, file_name)
    names = _names(head[record_start:record_end], fmt, newline, encoding)
    if fmt.header:
        heading = without_line_end(head[record_start:record_end], newline, encoding)
        return Header(names, record_end, newline, encoding, heading)
    return Header(tuple(f"column_{number + 1}" for number in range(len(names))), start, newline, encoding)


def _encoding(head: bytes, fmt: CsvFormat, file_name: str) -> tuple[str, int]:
    """The encoding and the bytes its mark takes."""
    for mark, encoding in _BOMS:
        is_meant = fmt.encoding == encoding or (fmt.encoding in ("utf-16", "utf-8") and encoding != "utf-8")
        if head.startswith(mark) and is_meant:
            return encoding, len(mark)
    if fmt.encoding == "utf-16":
        raise SourceError(
            f"{file_name}: expected a byte order mark at its start, as the contract says utf-16, and found none",
            hint='say which it is: encoding = "utf-16-le" or "utf-16-be"',
        )
    return fmt.encoding, 0


def _refuse_binary(head: bytes, encoding: str, file_name: str) -> None:
    what = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if what is None and not encoding.startswith("utf-16") and head[:1024].count(0) > 4:
        what = "a binary file (NUL bytes)"
    if what:
        raise SourceError(
            f"{file_name}: expected CSV text, found {what}; {_NOTHING_LOADED}",
            hint='unpack or export it as CSV, or say how it is packed: compression = "gzip"; if it is UTF-16, say so:'
            ' encoding = "utf-16-le"',
        )


def _preamble_bytes(text: bytes, fmt: CsvFormat, newline: Newline, encoding: str) -> int:
    mark, place = line_end_of(newline).decode().encode(encoding), 0
    for _ in range(fmt.skip_lines):
        found = text.find(mark, place)
        while found >= 0 and found % len(mark):
            found = text.find(mark, found + 1)
        if found < 0:
            return len(text)
        place = found + len(mark)
    return place


def _first_record(
    head: bytes, start: int, fmt: CsvFormat, newline: Newline, encoding: str, at_eof: bool, file_name: str
) -> tuple[int, int]:
    """Where the header stands, or in a file without one the first sound record."""
    from holdfast.parsing.records import Flaw, Kind, find_cut, scan  # and with them numpy, for new files only

    while start < len(head):
        size = find_cut(head[start:], fmt, newline, 1, at_eof, encoding)
        if size is None:
            raise SourceError(
                f"{file_name}: the header does not end within {len(head):,} bytes; {_NOTHING_LOADED}",
                hint="is this a CSV file, and are quote and encoding those of the contract's format?",
            )
        record = scan(head[start : start + size], fmt, newline, encoding)
        if record.kind[0] == Kind.BAD and fmt.header:
            flaw = Flaw(int(record.flaw[0]))
            raise SourceError(
                f"{file_name}: its first record cannot be read ({flaw.code}); {_NOTHING_LOADED}",
                hint="check encoding, quote and delimiter in the contract's format",
            )
        if record.kind[0] == Kind.DATA:
            return start, start + size
        start += size
    expected = (
        "a header line" if fmt.header else "at least one sound record, as the file has no header to name its columns"
    )
    raise SourceError(
        f"{file_name} has no records; expected {expected}; {_NOTHING_LOADED}",
        hint="was it delivered whole, and do skip_lines and comment fit it?",
    )


def _names(record: bytes, fmt: CsvFormat, newline: str, encoding: str) -> tuple[str, ...]:
    text = without_line_end(record, newline, encoding).decode(encoding)
    return tuple(split_fields(text, fmt))


def bind(contract: Contract, header: Header, file_name: str) -> Layout:
    """Find each column's field. Raises DriftRefused that lists every difference, ContractError for unsound rules."""
    readers = [ValueReader(column) for column in contract.columns]
    places, problems = _placed(contract, header.names)
    if problems:
        raise refused(contract, header.names, file_name, problems)
    bound = tuple(map(BoundColumn, contract.columns, readers, places))
    return Layout(bound, len(header.names), header.newline, header.encoding, header.heading)


def misfits(contract: Contract, names: tuple[str, ...]) -> list[str]:
    """Why a file with these fields cannot be read by the contract, in sentences; empty: it can."""
    return _placed(contract, names)[1]


def _placed(contract: Contract, names: tuple[str, ...]) -> tuple[list[int | None], list[str]]:
    keys = [header_key(name) for name in names]
    places_of: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        places_of.setdefault(key, []).append(number)
    places: list[int | None] = []
    problems: list[str] = []
    for column in contract.columns:
        place, found = _find(column, names, places_of)
        problems += found
        places.append(place)
    problems += _claimed_twice(contract, names, places)
    taken = set(places)
    spare = [place for place in range(len(keys)) if place not in taken]
    missing = [c for c, place in zip(contract.columns, places, strict=True) if place is None]
    problems += _missing(missing, [names[place] for place in spare])
    answered = {header_key(name) for column in contract.columns for name in column.header_names}
    if contract.drift == "freeze":
        unknown = [names[place] for place in spare if keys[place] not in answered]
        problems += [f"field {name!r} is not in the contract" for name in unknown]
    return places, problems


def field_places(contract: Contract, names: tuple[str, ...]) -> dict[str, int | None]:
    """Which field answers to each column, by name alone; None: none does."""
    places_of: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        places_of.setdefault(header_key(name), []).append(number)
    return {column.name: _find(column, names, places_of)[0] for column in contract.columns}


def _find(column: Column, names: tuple[str, ...], places_of: dict[str, list[int]]) -> tuple[int | None, list[str]]:
    """The column's field and what is doubtful about it. The first of its header names that the file has wins."""
    answers_to = dict.fromkeys(map(header_key, column.header_names))
    for wanted in answers_to:
        found = places_of.get(wanted, [])
        if len(found) > 1:
            written = ", ".join(repr(names[place]) for place in found)
            return found[0], [f"column {column.name!r} is in the header {len(found)} times: {written}"]
        others = sorted(key for key in answers_to if key != wanted and key in places_of)
        if found and others:
            also = ", ".join(repr(names[places_of[key][0]]) for key in others)
            return found[0], [f"column {column.name!r} fits field {names[found[0]]!r} and also {also}"]
        if found:
            return found[0], []
    return None, []


def _claimed_twice(contract: Contract, names: tuple[str, ...], places: list[int | None]) -> list[str]:
    counts = Counter(place for place in places if place is not None)
    problems = []
    for place in (p for p, count in counts.items() if count > 1):
        claimants = [repr(c.name) for c, at in zip(contract.columns, places, strict=True) if at == place]
        problems.append(f"field {names[place]!r} is claimed by columns {' and '.join(claimants)}")
    return problems


def _missing(columns: list[Column], spare: list[str]) -> list[str]:
    problems = []
    by_key = {header_key(name): name for name in spare}
    needed = [column for column in columns if not column.nullable and column.default is None]
    for column in needed:
        if len(needed) * len(by_key) > ADVICE_PAIRS_MAX:
            problems.append(f"column {column.name!r} is missing")
            continue
        close = difflib.get_close_matches(header_key(column.name), by_key, n=1, cutoff=0.6)
        advice = f' (field {by_key[close[0]]!r} is close: from = ["{by_key[close[0]]}"]?)' if close else ""
        problems.append(f"column {column.name!r} is missing{advice}")
    return problems


def refused(contract: Contract, names: tuple[str, ...], file_name: str, problems: list[str]) -> DriftRefused:
    """The error that names every difference."""
    hint = 'change the contract (from, nullable, default), or set drift = "discard_column" to ignore extra fields'
    if len(names) == 1 and len(contract.columns) > 1:
        counts = {mark: names[0].count(mark) for mark in _DELIMITERS if mark != contract.format.delimiter}
        likely = max(counts, key=lambda mark: counts[mark])
        if counts[likely]:
            written = "\\t" if likely == "\t" else likely
            hint = f'the header would split at {likely!r}: set delimiter = "{written}" under [format]'
    if len(problems) > PROBLEMS_MAX:
        problems = [*problems[:PROBLEMS_MAX], f"and {len(problems) - PROBLEMS_MAX:,} more differences"]
    return DriftRefused(
        f"{file_name} differs from contract {contract.name!r}: {'; '.join(problems)}; {_NOTHING_LOADED}", hint=hint
    )
