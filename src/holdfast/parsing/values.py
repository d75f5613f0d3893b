"""One value: text -> typed value, or the reasons why not. Exact, and the judge over every vectorised shortcut.

Nothing is rounded, cut, guessed or made NULL that is not a null word (P9). The grammar is in docs/values.md.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from holdfast.domain.contract import Column
from holdfast.domain.errors import ContractError
from holdfast.domain.reject import Reason
from holdfast.domain.types import INT_RANGES, ColumnType, Kind
from holdfast.parsing.moments import NoSuchMoment, moment_format, read_date

TRIMMED = " \t\r\n\v\f\u00a0"
VALUE_SHOWN_CHARS_MAX = 200
WORD_CHARS_MAX = 64  # longer texts are not remembered
Judged = tuple[Any, tuple[Reason, ...]]
_INT = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?")
_FLOAT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_UUID = re.compile(r"([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})")
_INT_DIGITS_MAX = 40  # longer than any integer type, short enough for int() to stay cheap


class Unfit(Exception):
    """The text is no value of the type."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def read_string(text: str, column_type: ColumnType) -> str:
    if column_type.length is not None and len(text) > column_type.length:
        raise Unfit("E_LENGTH", f"expected at most {column_type.length} characters, found {len(text)}")
    return text


def read_int(text: str, column_type: ColumnType) -> int:
    if not _INT.fullmatch(text):
        raise Unfit("E_INT", "expected a whole number: digits, with a sign or without")
    low, high = INT_RANGES[column_type.kind]
    digits = text.lstrip("+-").lstrip("0")
    value = int(text) if len(digits) <= _INT_DIGITS_MAX and len(text) <= 4000 else None
    if value is None or not low <= value <= high:
        raise Unfit("E_INT", f"expected a whole number from {low} to {high}")
    return value


def read_decimal(text: str, column_type: ColumnType) -> Decimal:
    found = _DECIMAL.fullmatch(text)
    if not found:
        raise Unfit("E_DECIMAL", "expected digits, with a point and digits after it or without")
    sign, whole, fraction = found[1], found[2].lstrip("0"), found[3] or ""
    precision, scale = column_type.precision or 38, column_type.scale or 0
    if fraction[scale:].strip("0"):
        raise Unfit("E_SCALE", f"expected at most {scale} digits after the point, found {len(fraction.rstrip('0'))}")
    if len(whole) > precision - scale:
        raise Unfit("E_PRECISION", f"expected at most {precision - scale} digits before the point, found {len(whole)}")
    digits = (whole + fraction[:scale].ljust(scale, "0")).lstrip("0")
    if not digits:
        return Decimal((0, (0,), -scale))
    return Decimal((int(sign == "-"), tuple(map(int, digits)), -scale))


def read_float(text: str, _: ColumnType) -> float:
    value = float(text) if _FLOAT.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise Unfit("E_FLOAT", "expected a finite number, as in 12.5 or 1e-3")
    return value


def read_date_value(text: str, column_type: ColumnType) -> Any:
    try:
        return read_date(moment_format(column_type), text)
    except NoSuchMoment as error:
        raise Unfit("E_DATE", f"there is no such day: {error}") from error
    except ValueError as error:
        raise Unfit("E_DATE", f"expected a date written {column_type.format}") from error


def read_timestamp(text: str, column_type: ColumnType) -> Any:
    try:
        return moment_format(column_type).read(text)
    except NoSuchMoment as error:
        raise Unfit("E_TIMESTAMP", f"there is no such moment: {error}") from error
    except ValueError as error:
        raise Unfit("E_TIMESTAMP", f"expected a timestamp written {column_type.format}") from error


def read_uuid(text: str, _: ColumnType) -> str:
    found = _UUID.fullmatch(text)
    if not found or len(text) not in (32, 36):
        raise Unfit("E_UUID", "expected 32 hexadecimal digits, with four hyphens or without")
    return "-".join(found.groups()).lower()


def read_json(text: str, _: ColumnType) -> str:
    try:
        value = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
        _check_texts(value)
    except (ValueError, RecursionError) as error:
        raise Unfit("E_JSON", f"expected JSON: {str(error) or 'nested too deeply'}") from error
    return text


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {next(n for n in names if names.count(n) > 1)!r} stands twice in one object")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def _check_texts(value: Any) -> None:
    """Databases hold neither NUL nor half a surrogate pair in their JSON."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a text holds \\u0000")
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ValueError("a text holds half a surrogate pair")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_texts(key)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


_READERS: dict[Kind, Callable[[str, ColumnType], Any]] = {
    Kind.STRING: read_string,
    Kind.INT: read_int,
    Kind.BIGINT: read_int,
    Kind.DECIMAL: read_decimal,
    Kind.FLOAT: read_float,
    Kind.DATE: read_date_value,
    Kind.TIMESTAMP: read_timestamp,
    Kind.UUID: read_uuid,
    Kind.JSON: read_json,
}


@dataclass(slots=True)
class ValueReader:
    """Reads one contract column's values. Raises ContractError when it is made of bounds or words that do not parse."""

    column: Column
    low: Any = None
    high: Any = None
    allowed: frozenset[Any] | None = None
    default: Any = None
    null_words: frozenset[str] = frozenset()
    words: dict[str, bool] = field(default_factory=dict)
    pattern: re.Pattern[str] | None = None
    _known: dict[str, Judged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        column = self.column
        self.null_words = frozenset(column.null_values)
        self.words = {word.lower(): True for word in column.true_values}
        both = sorted(set(self.words) & {word.lower() for word in column.false_values})
        if column.type.kind is Kind.BOOL and both:
            raise ContractError(f"column {column.name!r}: {both[0]!r} is both a true and a false word")
        self.words |= {word.lower(): False for word in column.false_values}
        self.pattern = re.compile(column.pattern) if column.pattern is not None else None
        if column.type.kind is Kind.STRING and (column.min is not None or column.max is not None):
            raise ContractError(
                f"column {column.name!r}: min and max do not go with type {column.type}: the order of texts depends on"
                " the database",
                hint="use one_of or pattern, or a numeric or date type",
            )
        if column.type.kind in (Kind.DATE, Kind.TIMESTAMP):
            moment_format(column.type)  # an unsound format is the contract's fault, not that of every row
        self.low = self._given("min", column.min)
        self.high = self._given("max", column.max)
        if column.one_of is not None:
            self.allowed = frozenset(self._given("one_of", word) for word in column.one_of)
        self.default = self._given("default", column.default)
        if self.default is not None and (flaws := self._broken_rules(column.default or "", self.default, None)):
            raise ContractError(f"column {column.name!r}: default {column.default!r}: {flaws[0][1]}")

    def _given(self, place: str, value: str | int | float | None) -> Any:
        if value is None:
            return None
        if self.column.type.kind is Kind.FLOAT and not isinstance(value, str):
            return float(value)
        text = value if isinstance(value, str) else format(Decimal(repr(value)), "f")
        try:
            if self.column.type.kind in INT_RANGES and re.fullmatch(r"-?[0-9]+\.0", text):
                text = text[:-2]
            return self.typed(text)
        except Unfit as error:
            raise ContractError(
                f"column {self.column.name!r}: {place} {value!r} is no {self.column.type}: {error.message}",
                hint="correct the contract and run: holdfast contract check",
            ) from error

    def typed(self, text: str) -> Any:
        """The value of text that is no null word. Raises Unfit."""
        if self.column.type.kind is not Kind.BOOL:
            return _READERS[self.column.type.kind](text, self.column.type)
        value = self.words.get(text.lower())
        if value is None:
            raise Unfit("E_BOOL", "expected one of " + ", ".join(self.words))
        return value

    def read_word(self, text: str, digits_max: int | None) -> Judged:
        """As `read`, for a text that is likely to come again: always asked with the same `digits_max`."""
        if len(text) > WORD_CHARS_MAX:
            return self.read(text, digits_max)
        if (known := self._known.get(text)) is None:
            known = self._known[text] = self.read(text, digits_max)
        return known

    def read(self, text: str, digits_max: int | None = None) -> Judged:
        """(value, ()) or (None, every reason against it)."""
        trimmed = text.strip(TRIMMED) if self.column.trim else text
        if trimmed in self.null_words:
            return self.absent(text)
        try:
            value = self.typed(trimmed)
        except Unfit as error:
            return None, (self._reason(error.code, error.message, text),)
        reasons = tuple(self._reason(c, m, text) for c, m in self._broken_rules(trimmed, value, digits_max))
        return (None, reasons) if reasons else (value, ())

    def absent(self, text: str | None = None) -> Judged:
        """What stands where the source has no value."""
        if self.default is not None or self.column.nullable:
            return self.default, ()
        return None, (self._reason("E_NULL", "expected a value, found none", text),)

    def _broken_rules(self, text: str, value: Any, digits_max: int | None) -> list[tuple[str, str]]:
        column, flaws = self.column, []
        if digits_max is not None and isinstance(value, Decimal) and significant_digits(value) > digits_max:
            flaws.append(("E_PRECISION", f"the database holds {digits_max} significant digits exactly, not more"))
        if self.low is not None and value < self.low:
            flaws.append(("E_RANGE", f"expected at least {column.min}"))
        if self.high is not None and value > self.high:
            flaws.append(("E_RANGE", f"expected at most {column.max}"))
        if self.allowed is not None and value not in self.allowed:
            flaws.append(("E_ONE_OF", "expected one of " + ", ".join(map(str, column.one_of or []))))
        if self.pattern is not None and not self.pattern.fullmatch(text):
            flaws.append(("E_PATTERN", f"expected text that matches {column.pattern}"))
        return flaws

    def _reason(self, code: str, message: str, text: str | None) -> Reason:
        shown = text if text is None or len(text) <= VALUE_SHOWN_CHARS_MAX else text[:VALUE_SHOWN_CHARS_MAX] + "..."
        return Reason(code, message, self.column.name, shown)


def significant_digits(value: Decimal) -> int:
    """Digits of a decimal without leading zeros and without the fraction's trailing zeros."""
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    fraction = -exponent if isinstance(exponent, int) else 0
    text = "".join(map(str, digits))
    for _ in range(min(fraction, len(text))):
        if not text.endswith("0"):
            break
        text = text[:-1]
    return len(text.lstrip("0"))
