"""Values as text, the same whichever engine or file they came from: so that they can be shown, and compared."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import Any

from holdfast.domain.types import ColumnType, Kind

_DIGITS = 80  # more than twice those of any decimal: nothing is rounded on the way


def text_of(kind: ColumnType | None, value: Any) -> str | None:
    """The text of a value of this type (None: of whatever type it is); None for no value.

    Decimals have all digits of their scale, days and moments are in ISO form, moments in UTC, JSON has its keys sorted.
    A value that is none of its type (somebody wrote it into a table of SQLite) is as it is.
    """
    if value is None:
        return None
    try:
        return _typed_text(kind, value)
    except (ValueError, ArithmeticError):
        return str(value)


def _typed_text(kind: ColumnType | None, value: Any) -> str:
    match kind.kind if kind else _kind_of(value):
        case Kind.DECIMAL:
            return decimal_text(value, (kind.scale if kind else None))
        case Kind.DATE:
            return value[:10] if isinstance(value, str) else _iso(value)[:10]
        case Kind.TIMESTAMP:
            return _iso(value)
        case Kind.BOOL:
            return "true" if value in (True, "true", "t", "1") else "false"
        case Kind.FLOAT:
            return repr(float(value))
        case Kind.JSON:
            document = json.loads(value) if isinstance(value, str) else value
            return json.dumps(document, sort_keys=True, ensure_ascii=False)
        case _:
            return str(value)


def _kind_of(value: Any) -> Kind:
    match value:
        case bool():
            return Kind.BOOL
        case datetime():
            return Kind.TIMESTAMP
        case date():
            return Kind.DATE
        case float():
            return Kind.FLOAT
        case Decimal():
            return Kind.DECIMAL
        case dict() | list():
            return Kind.JSON
        case _:
            return Kind.STRING


def _iso(value: Any) -> str:
    """A moment, which some engines give as text, without its zone: those that have one are in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat(" ")
    return str(value.isoformat())


def decimal_text(value: Any, scale: int | None) -> str:
    """A number with `scale` digits after the point, or with those it has; more of them than `scale` are kept too."""
    with localcontext(prec=_DIGITS):
        number = Decimal(str(value))
        if not number.is_finite():
            return str(number)
        if scale is not None:
            rounded = number.quantize(Decimal(1).scaleb(-scale))
            number = rounded if rounded == number else number.normalize()
        return format(number, "f")
