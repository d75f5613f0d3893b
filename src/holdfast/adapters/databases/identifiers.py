"""Names of tables and columns as SQL text. The only place that quotes an identifier."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from holdfast.domain.errors import ContractError

INDEX_NAME_BYTES_MAX = 63


def quote(name: str) -> str:
    """One identifier, whatever it holds. Raises ContractError for what no database can name."""
    if not name or "\0" in name:
        raise ContractError(f"{name!r} cannot be the name of a table or column", hint="give it a plain name")
    return '"' + name.replace('"', '""') + '"'


def split_table(name: str) -> tuple[str | None, str]:
    """Schema and table of `schema.table`; the first dot parts them."""
    schema, dot, table = name.partition(".")
    return (schema, table) if dot and schema and table else (None, name)


def quote_table(name: str) -> str:
    schema, table = split_table(name)
    return f"{quote(schema)}.{quote(table)}" if schema else quote(table)


def index_name(table: str, columns: tuple[str, ...], *, unique: bool = False) -> str:
    """The same name for the same index on every machine; its hash keeps indexes of other tables apart."""
    digest = hashlib.sha256(repr((table, columns, unique)).encode()).hexdigest()[:8]
    words = "_".join(("uq" if unique else "ix", split_table(table)[1], *columns))
    return words.encode()[: INDEX_NAME_BYTES_MAX - 9].decode(errors="ignore") + "_" + digest


def within(column: str, ranges: Sequence[tuple[int, int]]) -> str:
    """The condition that a (quoted) column of whole numbers is in one of the half-open ranges; without any, empty.

    Halved again and again: a chain of a thousand ORs is too deep for some engines.
    """
    if len(ranges) > 1:
        half = len(ranges) // 2
        return f"({within(column, ranges[:half])} OR {within(column, ranges[half:])})"
    return "".join(f"{column} >= {int(start)} AND {column} < {int(end)}" for start, end in ranges)
