"""Do declared checks fit the table they are for: its columns, their types, its key and partition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from holdfast.domain.check import BUILT_IN_NAMES, Check
from holdfast.domain.check_kinds import AcceptedValues, ClosedPeriod, DuplicateKeys, InRange, RowCount
from holdfast.domain.types import ColumnType, Kind


def check_problems_of_model(
    checks: Sequence[Check], types: Mapping[str, ColumnType], key: Sequence[str], partition_column: str | None
) -> list[str]:
    """The same for a table that is built: it has no files, no rejects, and no history of values."""
    loaded = [c for c in checks if c.kind in ("reject_share", "closed_period") or getattr(c, "against", "") == "files"]
    problems = [f"check {check.title!r}: it is for tables that are loaded, and this one is built" for check in loaded]
    return problems + check_problems(checks, types, key, partition_column)


def check_problems(
    checks: Sequence[Check], types: Mapping[str, ColumnType], key: Sequence[str], partition_column: str | None
) -> list[str]:
    """What does not fit the table these checks are for, in sentences that begin with the check."""
    titles = [check.title.casefold() for check in checks]
    twice = sorted({title for title in titles if titles.count(title) > 1})
    problems = [f"check {title!r} stands twice: give one of them a name" for title in twice]
    problems += [
        f"check {title!r} has the name of one that every table has: give it another"
        for title in sorted(set(titles) & set(BUILT_IN_NAMES))
    ]
    for check in checks:
        problems += [f"check {check.title!r}: {problem}" for problem in _misfits(check, types, key, partition_column)]
    return problems


def _misfits(
    check: Check, types: Mapping[str, ColumnType], key: Sequence[str], partition_column: str | None
) -> Iterator[str]:
    for parameter, kinds in check.uses.items():
        value = getattr(check, parameter)
        named = value if isinstance(value, list) else [value] if value else []
        if len(set(named)) < len(named):
            yield f"{parameter} names a column twice"
        for column in named:
            if column not in types:
                yield f"{parameter} names {column!r}, which is no column; there are {', '.join(types)}"
            elif kinds and types[column].kind not in kinds:
                yield f"{parameter} {column!r} is {types[column]}, expected {' or '.join(sorted(kinds))}"
    if isinstance(check, DuplicateKeys) and not (check.key or key):
        yield "the table has no primary key: say which columns should be one (key = [...])"
    has_day = partition_column or getattr(check, "day_column", "")
    if not has_day and (check.needs_day or (isinstance(check, RowCount) and check.against == "weekday")):
        yield "it goes by days: name a day_column, or declare the table's partition"
    if isinstance(check, ClosedPeriod) and not partition_column:
        yield "it goes by partitions, and the table has none: declare partition"
    if isinstance(check, (InRange, AcceptedValues)) and check.column in types:
        yield from _unreadable(check, types[check.column])


def _unreadable(check: InRange | AcceptedValues, kind: ColumnType) -> Iterator[str]:
    given = check.values if isinstance(check, AcceptedValues) else [check.min, check.max]
    for value in given:
        try:
            typed(value, kind)
        except (ValueError, ArithmeticError):
            yield f"{value!r} is no value of {check.column!r}, which is {kind}"
            return
    low, high = (check.min, check.max) if isinstance(check, InRange) else (None, None)
    if low is not None and high is not None and typed(low, kind) > typed(high, kind):
        yield f"min {low} is greater than max {high}"


def typed(value: Any, kind: ColumnType) -> Any:
    """A declared value as the column's type has it: never a float for a decimal. Raises ValueError, ArithmeticError."""
    match kind.kind:
        case _ if value is None:
            return None
        case Kind.INT | Kind.BIGINT | Kind.DECIMAL:
            number = Decimal(str(value))
            if not number.is_finite():
                raise ValueError(value)
            return int(number) if kind.kind is not Kind.DECIMAL and number == number.to_integral_value() else number
        case Kind.FLOAT:
            if not math.isfinite(float(value)):
                raise ValueError(value)
            return float(value)
        case Kind.DATE:
            return value if type(value) is date else date.fromisoformat(str(value))
        case Kind.TIMESTAMP:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
            return _in_zone(moment, is_aware=bool(kind.zone) or "%z" in (kind.format or ""))
        case _:
            return str(value)


def _in_zone(moment: datetime, *, is_aware: bool) -> datetime:
    """As a column with or without a zone holds it: what has none is UTC."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc if is_aware else utc.replace(tzinfo=None)
