"""A table as it is, read back as a TableDefinition.

What a database does not keep is not there: a date's text format, and rules (`CheckRule`). `default_now` is true for any
column that the database fills by itself. Types that no contract can ask for come back as OtherType.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from holdfast.adapters.databases.identifiers import split_table
from holdfast.domain.table import ColumnDefinition, IndexDefinition, TableDefinition
from holdfast.domain.types import DEFAULT_FORMATS, ColumnType, Kind
from holdfast.ports.database import Result, Row

_MEASURES = re.compile(r"\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_KINDS = {
    "text": Kind.STRING,
    "varchar": Kind.STRING,
    "character varying": Kind.STRING,
    "integer": Kind.INT,
    "int": Kind.INT,
    "bigint": Kind.BIGINT,
    "numeric": Kind.DECIMAL,
    "decimal": Kind.DECIMAL,
    "double precision": Kind.FLOAT,
    "double": Kind.FLOAT,
    "real": Kind.FLOAT,
    "boolean": Kind.BOOL,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamp without time zone": Kind.TIMESTAMP,
    "timestamp with time zone": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMP,
    "uuid": Kind.UUID,
    "uuid_text": Kind.UUID,
    "jsonb": Kind.JSON,
    "json": Kind.JSON,
    "json_text": Kind.JSON,
}


@dataclass(frozen=True, slots=True)
class OtherType(ColumnType):
    """A type of the database's own, as a text that holds nothing: it satisfies no contract."""

    declared: str = ""

    def __str__(self) -> str:
        return self.declared or "a column without a type"


def type_of(declared: str, *, real_is_double: bool) -> ColumnType:
    """The contract's type that a declared type is. A four-byte `real` cannot hold a contract's float."""
    found = _MEASURES.search(declared)
    words = " ".join(_MEASURES.sub("", declared).lower().split())
    kind = _KINDS.get(words)
    if kind is None or (words == "real" and not real_is_double):
        return OtherType(Kind.STRING, length=0, declared=declared)
    if kind is Kind.STRING:
        return ColumnType(kind, length=int(found[1]) if found else None)
    if kind is Kind.DECIMAL:
        return ColumnType(kind, precision=int(found[1]), scale=int(found[2] or 0)) if found else ColumnType(kind)
    if kind is Kind.TIMESTAMP:
        aware = "with time zone" in words or words == "timestamptz"
        return ColumnType(kind, format=DEFAULT_FORMATS[kind], zone="UTC" if aware else None)
    return ColumnType(kind, format=DEFAULT_FORMATS.get(kind))


def reflect_table(name: str, run: Callable[..., Result], *, real_is_double: bool) -> TableDefinition | None:
    """`run` runs a named statement."""
    schema, table = split_table(name)
    binds: dict[str, Any] = {"schema": schema, "table": table}
    columns = run("reflect_columns", **binds).rows
    if not columns:
        return None
    rows = run("reflect_indexes", **binds).rows
    return TableDefinition(
        name=name,
        columns=tuple(_column(row, real_is_double) for row in columns),
        primary_key=tuple(row["column_name"] for row in rows if row["is_primary"]),
        indexes=_indexes([row for row in rows if not row["is_primary"]]),
    )


def _column(row: Row, real_is_double: bool) -> ColumnDefinition:
    return ColumnDefinition(
        name=row["name"],
        type=type_of(row["type"], real_is_double=real_is_double),
        nullable=bool(row["nullable"]),
        default_now=bool(row["has_default"]),
    )


def _indexes(rows: list[Row]) -> tuple[IndexDefinition, ...]:
    columns: dict[str, list[str]] = {}
    for row in rows:
        columns.setdefault(row["index_name"], []).append(row["column_name"])
    unique = {row["index_name"] for row in rows if row["is_unique"]}
    return tuple(IndexDefinition(tuple(names), index in unique) for index, names in columns.items())
