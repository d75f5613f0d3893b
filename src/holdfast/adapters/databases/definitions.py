"""The DDL of a table definition. Engines differ in type names, rules and options only."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from holdfast.adapters.databases.engine import Engine
from holdfast.adapters.databases.identifiers import index_name, quote, quote_table
from holdfast.domain.errors import ContractError
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind, holds

_RANGED = {Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.TIMESTAMP}


def create_statements(definition: TableDefinition, engine: Engine) -> list[str]:
    """CREATE TABLE and its indexes; each does nothing where it is there already."""
    parts = [_column(column, engine) for column in definition.columns]
    if definition.primary_key:
        parts.append(f"PRIMARY KEY ({_names(definition.primary_key)})")
    table = quote_table(definition.name)
    indexes = []
    for index in definition.indexes:
        name = quote(index_name(definition.name, index.columns, unique=index.unique))
        unique, names = "UNIQUE " if index.unique else "", _names(index.columns)
        if engine.indexes_inline:
            parts.append(f"{unique}INDEX {name} ({names})")
        else:
            indexes.append(f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {table} ({names})")
    body = ",\n    ".join(parts)
    return [f"CREATE TABLE IF NOT EXISTS {table} (\n    {body}\n){engine.table_options(definition)}", *indexes]


def alter_statements(wanted: TableDefinition, found: TableDefinition, engine: Engine) -> list[str]:
    """What makes a table that is there hold what is wanted: nullable columns it lacks, and wider types."""
    table, statements = quote_table(wanted.name), []
    for column in wanted.columns:
        there = found.column(column.name)
        if there is None and column.nullable:
            statements.append(f"ALTER TABLE {table} ADD COLUMN {_column(column, engine)}")
        elif there and not holds(there.type, column.type) and holds(column.type, there.type):
            statements += engine.widen(table, column)
    return statements


def is_aware(column_type: ColumnType) -> bool:
    """Does a timestamp column name moments (kept in UTC) rather than wall-clock readings?"""
    return bool(column_type.zone) or "%z" in (column_type.format or "")


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(quote(name) for name in columns)


def _column(column: ColumnDefinition, engine: Engine) -> str:
    words = [quote(column.name), engine.column_type(column.type)]
    if column.default_now:
        words.append(f"DEFAULT {engine.default_now(column.type)}")
    if not column.nullable:
        words.append("NOT NULL")
    rules = [*engine.column_checks(column), *_value_rules(column, engine)]
    if rules:  # some engines take one CHECK a column
        words.append(f"CHECK ({rules[0] if len(rules) == 1 else ' AND '.join(f'({rule})' for rule in rules)})")
    return " ".join(words)


def _value_rules(column: ColumnDefinition, engine: Engine) -> list[str]:
    """Text has no `min` and `max` here: databases order text differently. `one_of` is the same anywhere."""
    name, rule, rules = quote(column.name), column.check, []
    if column.type.kind in _RANGED:
        if rule.min is not None:
            rules.append(f"{name} >= {_literal(column, rule.min)}")
        if rule.max is not None:
            rules.append(f"{name} <= {_literal(column, rule.max)}")
    if rule.one_of and column.type.kind is not Kind.JSON:
        rules.append(engine.one_of(name, [_literal(column, value) for value in rule.one_of]))
    return rules


def _literal(column: ColumnDefinition, value: object) -> str:
    """A rule's value as SQL. Raises ContractError where it is none of the column's type."""
    try:
        match column.type.kind:
            case Kind.INT | Kind.BIGINT:
                return str(int(str(value)))
            case Kind.DECIMAL | Kind.FLOAT:
                return _number(value)
            case Kind.DATE | Kind.TIMESTAMP:
                return _text(_moment(column.type, str(value)))
            case Kind.BOOL:
                return "TRUE" if value in (True, 1, "true") else "FALSE"
            case _:
                return _text(str(value))
    except (ValueError, InvalidOperation) as error:
        raise ContractError(
            f"column {column.name!r} ({column.type}): {value!r} in min, max or one_of is no such value"
            "; nothing was created",
            hint="write the value as the column's own type and format would have it",
        ) from error


def _number(value: object) -> str:
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError("not finite")
    return format(number, "f")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _moment(column_type: ColumnType, value: str) -> str:
    moment = datetime.strptime(value, column_type.format or "%Y-%m-%d")  # noqa: DTZ007 - the zone follows
    if column_type.kind is Kind.DATE:
        return moment.date().isoformat()
    if not is_aware(column_type):
        return moment.isoformat(" ")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(column_type.zone or "UTC"))
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
