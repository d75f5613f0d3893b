"""JSON Lines: one object a physical line. Numbers stay the text they are, so a decimal is as exact as in CSV.

    layout = unbound(contract)                     # or bind a file's keys, as the loader does
    parsed = parse_chunk(lines, layout, contract, first_line=1, base_offset=0)

A column takes the key of one of its names, else what one of its names leads to as a path. What is there is judged as
text by the same rules as a field of CSV; `null` and a missing key are no value; objects and lists go into json columns
only, as they were delivered. docs/sources/jsonl.md says it at length.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.domain.contract import Column, Contract, CsvFormat, Format, header_key
from holdfast.domain.errors import SourceError
from holdfast.domain.reject import REASON_CODES, Reason
from holdfast.domain.types import Kind
from holdfast.parsing.header import BoundColumn, Header, Layout
from holdfast.parsing.json_paths import MISSING, WHOLE, Step, follow, steps_of, text_at
from holdfast.parsing.values import VALUE_SHOWN_CHARS_MAX, ValueReader

if TYPE_CHECKING:
    from holdfast.parsing.parsed import ParsedChunk

_NOTHING_LOADED = "nothing was loaded"
_WAYS_MAX = 1000  # where keys are data themselves there is no end of them
_MARKS = CsvFormat(quote="", escape="", comment="")


class _Bad(Exception):
    def __init__(self, code: str, message: str, column: str | None = None, value: str | None = None) -> None:
        super().__init__(message)
        self.reason = Reason(code, message, column, value)


def marks(fmt: Format) -> CsvFormat:
    return _MARKS.model_copy(update={"max_record_bytes": fmt.max_record_bytes})


def read_top(head: bytes, contract: Contract, at_eof: bool, file_name: str) -> Header:
    """The keys of a file's first objects, less what paths of the contract take from them, plus those paths."""
    start = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    text = head[start:] if at_eof else head[start : head.rfind(b"\n") + 1]
    if not head or not text:
        raise _no_lines(head, file_name)
    _refuse_list(text, file_name)
    names: dict[str, None] = {}
    taken: set[str] = set()
    objects, why = 0, ""
    reader = LineReader(contract)
    for line in text.split(b"\n"):
        if not line.strip():
            continue
        try:
            found = load_object(line.decode())
            _refuse_odd_keys(found)
        except (_Bad, UnicodeDecodeError) as error:
            why = why or str(error)
            continue
        objects += 1
        names |= dict.fromkeys(found)
        for path, root in reader.paths_in(found):
            names[path] = None
            taken.add(root)
    if not objects:
        raise SourceError(
            f"{file_name}: none of the lines at its beginning is a JSON object ({why or 'they are blank'});"
            f" {_NOTHING_LOADED}",
            hint="JSON Lines has one object a line: write it so, as in: jq -c . FILE > FILE.jsonl",
        )
    kept = tuple(name for name in names if name not in taken or reader.takes_key(name))
    return Header(kept, start, "lf", "utf-8")


def _no_lines(head: bytes, file_name: str) -> SourceError:
    found = f"its first line is longer than {len(head):,} bytes" if head else "it is empty (0 bytes)"
    return SourceError(
        f"{file_name}: expected JSON Lines, one object a line, and {found}; {_NOTHING_LOADED}",
        hint="was it delivered whole, with a line end after each object? jq -c . FILE > FILE.jsonl writes it so",
    )


def _refuse_list(text: bytes, file_name: str) -> None:
    if text.lstrip().startswith(b"["):
        raise SourceError(
            f"{file_name}: expected one JSON object a line, found a list that spans the file; {_NOTHING_LOADED}",
            hint="write one object a line: jq -c '.[]' FILE > FILE.jsonl",
        )


def unbound(contract: Contract) -> Layout:
    """The layout for objects whose keys nobody looked at beforehand, such as an API's."""
    columns = tuple(BoundColumn(column, ValueReader(column), None) for column in contract.columns)
    return Layout(columns, len(columns), "lf", "utf-8")


def parse_chunk(
    data: bytes,
    layout: Layout,
    contract: Contract,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None = None,
) -> ParsedChunk:
    """Parse a chunk of lines. The arguments are those of CSV's `parse_chunk`."""
    from holdfast.parsing.line_rows import BadLine, Texts, parse_lines

    reader = LineReader(contract)

    def read_line(text: str) -> Texts:
        try:
            return reader.texts(text)
        except _Bad as bad:
            raise BadLine(bad.reason) from bad

    return parse_lines(
        data, layout, contract, read_line, first_line=first_line, base_offset=base_offset, digits_max=digits_max
    )


def unknown_keys(records: Iterable[bytes], contract: Contract) -> list[str]:
    """The keys of these objects that the contract neither speaks of nor leaves out. What is no object has none."""
    found: dict[str, None] = {}
    for record in records:
        try:
            found |= dict.fromkeys(load_object(record.decode()))
        except (_Bad, UnicodeDecodeError):
            continue
    return LineReader(contract).unknown_in(found)


def fields_of(record: bytes, _: Layout, contract: Contract, names: Sequence[str]) -> list[str] | None:
    try:
        texts = LineReader(contract).texts(record.decode())
    except (_Bad, UnicodeDecodeError):
        return None
    by_name = dict(zip(contract.column_names, texts, strict=True))
    return [by_name[name] or "" for name in names]


def texts_of(raw: str, _: Layout, contract: Contract) -> list[str | None]:
    try:
        return LineReader(contract, lenient=True).texts(raw)
    except _Bad:
        return [None] * len(contract.columns)


def records_at(data: bytes, _: Layout, contract: Contract, rows: Sequence[int]) -> dict[int, tuple[int, int]]:  # noqa: ARG001
    from holdfast.parsing.line_rows import lines_at

    return lines_at(data, rows)


def load_object(text: str) -> dict[str, Any]:
    """The object a line holds, its numbers as texts. Raises _Bad."""
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise _Bad("E_JSON", "expected a JSON object: nested too deeply") from error
    except ValueError as error:
        raise _Bad("E_JSON", f"expected a JSON object: {error}") from error
    if not isinstance(value, dict):
        kinds = {list: "a list", str: "a text or number", bool: "true or false", type(None): "null"}
        raise _Bad("E_JSON", f"expected a JSON object, found {kinds[type(value)]}")
    return value


def texts_by_key(line: str) -> dict[str, str] | None:
    """A line's values as texts by key, null as none; None where the line is no object. For a look at unknown files."""
    try:
        found = load_object(line)
    except _Bad:
        return None
    shown = {}
    for key, value in found.items():
        shown[key] = value if isinstance(value, str) else "" if value is None else text_at(line, (key,))
    return shown


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise _Bad("E_KEY", f"key {twin!r} stands twice in one object")
    return found


def _refuse_odd_keys(found: Iterable[str]) -> None:
    """A key becomes a field's name, which the ledger could not hold. Raises _Bad."""
    for key in found:
        if "\0" in key or not _is_whole(key):
            code = "E_NUL" if "\0" in key else "E_ENCODING"
            raise _Bad(code, f"{REASON_CODES[code]}: key {key!r}")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_without_twins)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A column, and its names in the order they are tried: each as a key, else as a path."""

    column: Column
    keys: tuple[str, ...]  # as `header_key` sees them
    paths: tuple[tuple[str, tuple[Step, ...]], ...]
    tries: tuple[tuple[str, tuple[Step, ...] | None], ...]  # a key as `header_key` sees it, and the path it may be
    takes_whole: bool
    is_json: bool


_Way = tuple[_Wanted, str | None, tuple[tuple[Step, ...], ...]]  # the key it takes for certain, else what to try


def _wanted(column: Column) -> _Wanted:
    names = dict.fromkeys(column.header_names)
    paths = tuple((name, steps) for name in names if (steps := steps_of(name)))
    keys = tuple(dict.fromkeys(map(header_key, names)))
    tries = tuple((header_key(name), steps_of(name)) for name in names)
    return _Wanted(column, keys, paths, tries, WHOLE in column.sources, column.type.kind is Kind.JSON)


@dataclass(slots=True)
class LineReader:
    """Reads lines by one contract. `lenient`: what cannot be told is no value, not a reason against the line."""

    contract: Contract
    lenient: bool = False
    _columns: list[_Wanted] = field(init=False)
    _known: set[str] = field(init=False)  # keys, as `header_key` sees them, that the contract speaks of
    _ways: dict[tuple[str, ...], list[_Way]] = field(default_factory=dict)  # by the keys of an object

    def __post_init__(self) -> None:
        self._columns = [_wanted(column) for column in self.contract.columns]
        self._known = {key for wanted in self._columns for key in wanted.keys}
        self._known |= {header_key(str(steps[0])) for wanted in self._columns for _, steps in wanted.paths}

    @property
    def _refuses_unknown(self) -> bool:
        takes_whole = any(wanted.takes_whole for wanted in self._columns)
        return self.contract.drift != "discard_column" and not takes_whole and not self.lenient

    def unknown_in(self, found: Iterable[str]) -> list[str]:
        """The keys that the contract neither speaks of nor leaves out."""
        return [key for key in found if header_key(key) not in self._known] if self._refuses_unknown else []

    def takes_key(self, key: str) -> bool:
        """Is a key some column's, and not only the root of a path that the same column tries first?"""
        return any(
            header_key(key) in wanted.keys and not any(steps[0] == key for _, steps in wanted.paths)
            for wanted in self._columns
        )

    def paths_in(self, found: dict[str, Any]) -> list[tuple[str, str]]:
        """The paths of the contract that lead somewhere in an object, each with the key it begins at."""
        paths = [(name, steps) for wanted in self._columns for name, steps in wanted.paths]
        led = [(name, str(steps[0])) for name, steps in paths if follow(found, steps) is not MISSING]
        if any(wanted.takes_whole for wanted in self._columns):
            led += [(WHOLE, key) for key in found]
        return led

    def texts(self, text: str) -> list[str | None]:
        """A line's text for each column; None: no value. Raises _Bad."""
        found = load_object(text)
        ways = self._ways.get(tuple(found)) or self._ways_into(found)
        texts: list[str | None] = []
        for wanted, key, options in ways:
            value = None if key is None else found[key]
            if type(value) is str and not wanted.is_json and value.isascii() and "\0" not in value:
                texts.append(value)
            else:
                texts.append(self._text(wanted, options, found, text))
        return texts

    def _ways_into(self, found: dict[str, Any]) -> list[_Way]:
        """Which key of such an object each column takes; objects of one file tend to have the same keys."""
        if not self.lenient:
            _refuse_odd_keys(found)
        keys: dict[str, str] = {}
        for key in found:
            folded = header_key(key)
            if folded in keys and folded in self._known and not self.lenient:
                raise _Bad("E_KEY", f"keys {keys[folded]!r} and {key!r} are for one column")
            keys[folded] = key
        if self._refuses_unknown and not keys.keys() <= self._known:
            unknown = next(key for folded, key in keys.items() if folded not in self._known)
            raise _Bad("E_UNKNOWN_KEY", f"key {unknown!r} is not in the contract")
        ways: list[_Way] = []
        for wanted in self._columns:
            options: dict[tuple[Step, ...], None] = {}
            for folded, steps in wanted.tries:
                if folded in keys:
                    options[(keys[folded],)] = None
                elif steps and steps[0] in found:
                    options[steps] = None
            there = [option[0] for option in options if len(option) == 1]
            if len(there) > 1 and not self.lenient:
                raise _Bad("E_KEY", f"keys {there[0]!r} and {there[1]!r} are for one column")
            first = next(iter(options), ())
            ways.append((wanted, str(first[0]) if len(first) == 1 else None, tuple(options)))
        if len(self._ways) < _WAYS_MAX:
            self._ways[tuple(found)] = ways
        return ways

    def _text(
        self, wanted: _Wanted, options: tuple[tuple[Step, ...], ...], found: dict[str, Any], line: str
    ) -> str | None:
        for steps in options:
            value = follow(found, steps)
            if value is not MISSING:
                return self._of(wanted, value, steps, line)
        return line.strip(" \t\r") if wanted.takes_whole else None

    def _of(self, wanted: _Wanted, value: Any, steps: tuple[Step, ...], line: str) -> str | None:
        if value is None:
            return None
        if wanted.is_json:
            return text_at(line, steps)
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str):
            shown = text_at(line, steps)
            if self.lenient:
                return shown
            what = "an object" if isinstance(value, dict) else "a list"
            raise _Bad("E_NESTED", f"expected one value, found {what}", wanted.column.name, _short(shown))
        if not self.lenient and ("\0" in value or not _is_whole(value)):
            code = "E_NUL" if "\0" in value else "E_ENCODING"
            raise _Bad(code, REASON_CODES[code], wanted.column.name)
        return value


def _is_whole(text: str) -> bool:
    """Has the text no half of a surrogate pair?"""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _short(text: str) -> str:
    return text if len(text) <= VALUE_SHOWN_CHARS_MAX else text[:VALUE_SHOWN_CHARS_MAX] + "..."
