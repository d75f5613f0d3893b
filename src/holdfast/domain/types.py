"""The column types of a contract: written `decimal(18,2)` or `date(%d/%m/%Y)`, kept as one small value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.errors import ContractError


class Kind(StrEnum):
    STRING = "string"
    INT = "int"
    BIGINT = "bigint"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOL = "bool"
    DATE = "date"
    TIMESTAMP = "timestamp"
    UUID = "uuid"
    JSON = "json"


INT_RANGES = {Kind.INT: (-(2**31), 2**31 - 1), Kind.BIGINT: (-(2**63), 2**63 - 1)}
DECIMAL_PRECISION_MAX = 38
_WIDER = {(Kind.INT, Kind.BIGINT)}
DEFAULT_FORMATS = {Kind.DATE: "%Y-%m-%d", Kind.TIMESTAMP: "%Y-%m-%d %H:%M:%S"}
_SYNTAX = re.compile(r"\s*([a-z]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_KINDS_TEXT = "string(n), int, bigint, decimal(p,s), float, bool, date(format), timestamp(format, zone), uuid, json"


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A type and its measures: `length` in characters, `precision`/`scale` in digits, `format` as in strptime."""

    kind: Kind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    format: str | None = None
    zone: str | None = None

    def __str__(self) -> str:
        match self.kind:
            case Kind.STRING if self.length is not None:
                return f"string({self.length})"
            case Kind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case Kind.DATE:
                return f"date({self.format})"
            case Kind.TIMESTAMP:
                return f"timestamp({self.format}, {self.zone})" if self.zone else f"timestamp({self.format})"
            case _:
                return str(self.kind)


def holds(there: ColumnType, wanted: ColumnType) -> bool:
    """Can a column of type `there` hold every value of `wanted` unaltered?"""
    if there.kind is not wanted.kind:
        return (wanted.kind, there.kind) in _WIDER
    match wanted.kind:
        case Kind.STRING:
            return there.length is None or (wanted.length is not None and there.length >= wanted.length)
        case Kind.DECIMAL:
            if there.precision is None or there.scale is None:
                return True
            whole = (wanted.precision or 0) - (wanted.scale or 0)
            return there.scale >= (wanted.scale or 0) and there.precision - there.scale >= whole
        case Kind.TIMESTAMP:
            return bool(there.zone) == bool(wanted.zone or "%z" in (wanted.format or ""))
        case _:
            return True


def parse_type(text: str) -> ColumnType:
    """Read `decimal(18,2)` and its like. Raises ContractError that says what was expected."""
    found = _SYNTAX.fullmatch(text)
    if not found or found[1] not in set(Kind):
        raise ContractError(f"type {text!r} is unknown; expected one of {_KINDS_TEXT}")
    kind, inside = Kind(found[1]), (found[2] or "").strip()
    if kind is Kind.STRING:
        return ColumnType(kind, length=_positive(text, inside) if inside else None)
    if kind is Kind.DECIMAL:
        return _decimal(text, inside)
    if kind in DEFAULT_FORMATS:
        return _with_format(kind, inside)
    if inside:
        raise ContractError(f"type {text!r}: {kind} takes nothing in parentheses")
    return ColumnType(kind)


def _positive(text: str, number: str) -> int:
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        raise ContractError(f"type {text!r}: {number!r} is not a positive whole number")
    return int(number)


def _decimal(text: str, inside: str) -> ColumnType:
    parts = [part.strip() for part in inside.split(",")]
    if len(parts) != 2 or not parts[1].isdigit():
        raise ContractError(f"type {text!r}: write decimal(precision,scale), as in decimal(18,2)")
    precision, scale = _positive(text, parts[0]), int(parts[1])
    if scale > precision or precision > DECIMAL_PRECISION_MAX:
        raise ContractError(f"type {text!r}: needs scale <= precision <= {DECIMAL_PRECISION_MAX}")
    return ColumnType(Kind.DECIMAL, precision=precision, scale=scale)


def _with_format(kind: Kind, inside: str) -> ColumnType:
    form, zone = inside, None
    if kind is Kind.TIMESTAMP and "," in inside:
        form, _, zone = (part.strip() for part in inside.rpartition(","))
    return ColumnType(kind, format=form or DEFAULT_FORMATS[kind], zone=zone or None)
