"""Which row is meant: `column=value` conditions, typed by the contract, and the rows of the table that meet them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.contract import Column, Contract, header_key
from holdfast.domain.errors import UsageError
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.types import DEFAULT_FORMATS, ColumnType, Kind
from holdfast.parsing.parsed import is_aware
from holdfast.parsing.values import Unfit, ValueReader
from holdfast.ports.database import Row, Transaction
from holdfast.quality.explain_values import text_of

SHOWN_MAX = 20  # rows, where conditions mean several
_ORIGIN = Column(name=ORIGIN_COLUMN, type=ColumnType(Kind.BIGINT))


@dataclass(frozen=True, slots=True)
class Condition:
    """`column` has this value; None: it has none."""

    column: Column
    value: Any

    @property
    def shown(self) -> str:
        return f"{self.column.name}={text_of(self.column.type, self.value) or ''}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A table whose rows can be asked about: a dataset's, or a model's. `table`: as users name it."""

    name: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """What rows are told apart by."""
        return self.key or (ORIGIN_COLUMN,)


def subject_of(contract: Contract) -> Subject:
    return Subject(contract.name, contract.table, tuple(contract.columns), tuple(contract.primary_key))


def conditions_of(subject: Subject, given: Sequence[str]) -> list[Condition]:
    """`column=value` texts as typed conditions, each column once. Raises UsageError that says what was expected.

    A value is written as the contract's files write it, or in its plain form (`2024-06-24`, `12.50`, `true`). Nothing
    after the `=` means: no value.
    """
    if not given:
        key = subject.key or (subject.columns[0].name,)
        raise UsageError(
            f"which row of {subject.name}? none was named",
            hint=f"holdfast explain {subject.name} " + " ".join(f"{name}=..." for name in key),
        )
    found = [_condition(subject, text) for text in given]
    names = [condition.column.name for condition in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{twice!r} is given twice", hint="give every column once")
    return found


def _condition(subject: Subject, text: str) -> Condition:
    name, equals, value = text.partition("=")
    columns = {header_key(column.name): column for column in (_ORIGIN, *subject.columns)}
    column = columns.get(header_key(name))
    if not equals or column is None:
        what = f"{text!r} is no condition" if not equals else f"{subject.name} has no column {name!r}"
        names = ", ".join(column.name for column in subject.columns)
        raise UsageError(f"{what}; expected column=value", hint=f"columns: {names}")
    if column.type.kind in (Kind.JSON, Kind.FLOAT):
        raise UsageError(
            f"{column.name!r} is of type {column.type}, which databases compare in ways of their own",
            hint="name the row by other columns",
        )
    if not value:
        return Condition(column, "" if column.type.kind is Kind.STRING and not column.nullable else None)
    return Condition(column, typed(column, value))


def typed(column: Column, text: str) -> Any:
    """The value a text stands for, in the contract's form or the plain one. Raises UsageError."""
    wanted = column.type
    for kind in dict.fromkeys((wanted, *_plain_types(wanted))):
        try:
            return ValueReader(replace_type(column, kind)).typed(text)
        except Unfit as error:
            reason = error.message
    raise UsageError(
        f"{column.name}={text!r} is no {wanted.kind}: {reason}", hint=f"write it as in the file ({wanted})"
    )


def replace_type(column: Column, kind: ColumnType) -> Column:
    """The column with another type and none of its rules: what is asked for need not be allowed to be loaded."""
    return Column(name=column.name, type=kind, true_values=column.true_values, false_values=column.false_values)


def _plain_types(wanted: ColumnType) -> list[ColumnType]:
    """The ways of writing a value that need no contract to be understood."""
    if wanted.kind is Kind.STRING:
        return [ColumnType(Kind.STRING)]
    if wanted.kind is Kind.DATE:
        return [replace(wanted, format=DEFAULT_FORMATS[Kind.DATE])]
    if wanted.kind is not Kind.TIMESTAMP:
        return []
    zone = "UTC" if is_aware(wanted) else None
    plain = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d")
    with_offset = [f"{form}%z" for form in plain[:4]] if zone else []
    return [
        *(ColumnType(Kind.TIMESTAMP, format=form, zone=zone) for form in plain),
        *(ColumnType(Kind.TIMESTAMP, format=form) for form in with_offset),
    ]


def where_of(conditions: Sequence[Condition]) -> tuple[str, dict[str, Any]]:
    """The conditions as SQL, and its binds `c0`, `c1`, ...."""
    parts, binds = [], {}
    for number, condition in enumerate(conditions):
        name = quote(condition.column.name)
        if condition.value is None:
            empty = f" OR {name} = ''" if condition.column.type.kind is Kind.STRING else ""
            parts.append(f"({name} IS NULL{empty})")
        else:
            parts.append(f"{name} = :c{number}")
            binds[f"c{number}"] = condition.value
    return " AND ".join(parts), binds


def rows_meeting(tx: Transaction, table: str, subject: Subject, conditions: Sequence[Condition]) -> list[Row]:
    """Rows of the table that meet all conditions, in order of key; at most one more than SHOWN_MAX. `table`: quoted."""
    where, binds = where_of(conditions)
    order = ", ".join(quote(name) for name in subject.order)
    statement = f"SELECT * FROM {table} WHERE {where} ORDER BY {order} LIMIT {SHOWN_MAX + 1}"  # noqa: S608
    return tx.query(statement, binds)
