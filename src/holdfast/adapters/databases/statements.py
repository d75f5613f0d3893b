"""Named SQL statements: read from the `.sql` files, filled with an engine's words and a merge's identifiers.

A file holds statements that begin with `-- name: the_name`; comment lines above the body say why. `common/` is read
first, the engine's own folder over it. A name that any engine has, every engine must have (checked when connecting).
One name may hold several statements, each but the last ended by a semicolon at the end of its line; they run in order,
and what the last one gives is the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from holdfast.adapters.databases.identifiers import index_name, quote, quote_table, split_table
from holdfast.domain.errors import ConfigError
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.table import MergeShape, Partition
from holdfast.domain.types import ColumnType

COMMON = "common"
_NAME_LINE = re.compile(r"^-- name:[ \t]*(\w+)[ \t]*$", re.MULTILINE)
_END = re.compile(r";[ \t]*\n")
_FILL = re.compile(r"\{([a-z_]+)(?::([a-z_]+))?\}")
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)
_BIND_OR_QUOTED = re.compile(_QUOTED.pattern + r"|(?<![:\w]):(\w+)", re.DOTALL)


def parse_statements(text: str, source: str) -> dict[str, str]:
    """The statements of one file, comments and the closing semicolon taken off."""
    parts = _NAME_LINE.split(text)
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
        statement = "\n".join(lines).strip().rstrip(";").rstrip()
        if not statement or name in found:
            raise ConfigError(f"{source}: statement {name!r} is {'there twice' if name in found else 'empty'}")
        found[name] = statement
    return found


@cache
def _folder(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in sorted((files("holdfast.adapters") / "sql" / name).iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".sql"):
            continue
        statements = parse_statements(entry.read_text(encoding="utf-8"), f"{name}/{entry.name}")
        for twice in found.keys() & statements.keys():
            raise ConfigError(f"sql/{name}: statement {twice!r} stands in two files")
        found |= statements
    return found


def _engine_folders() -> list[str]:
    return [e.name for e in (files("holdfast.adapters") / "sql").iterdir() if e.is_dir() and not e.name.startswith("_")]


@cache
def load_statements(engine: str) -> Mapping[str, str]:
    """Every statement as `engine` has it. Raises ConfigError when it lacks one that another engine has."""
    found = _folder(COMMON) | _folder(engine)
    required = {name for folder in _engine_folders() for name in _folder(folder)}
    missing = sorted(required - found.keys())
    if missing:
        raise ConfigError(
            f"engine {engine!r} has no statement named {', '.join(missing)}; no connection was made",
            hint=f"write it in adapters/sql/{engine}/ or adapters/sql/{COMMON}/",
        )
    return found


def fill(statement: str, fills: Mapping[str, str]) -> str:
    """Replace `{word}`, `{word:bind}` and `{word:column}` by what `fills` says; others stay as they are."""

    def replaced(found: re.Match[str]) -> str:
        word, bind = found[1], found[2]
        text = fills.get(f"{word}:" if bind else word)
        if text is None:
            return found[0]
        return text.replace(":bind", f":{bind}").replace("{column}", bind) if bind else text

    return _FILL.sub(replaced, statement)


def unfilled(statement: str) -> list[str]:
    return [found[0] for found in _FILL.finditer(_QUOTED.sub("", statement))]


def escape_quoted(statement: str) -> str:
    """A colon within quotes or a comment is no bind."""
    return _QUOTED.sub(lambda found: found[0].replace(":", "\\:"), statement)


def with_values(statement: str, values: Mapping[str, Any]) -> str:
    """The statement as a person can run it: each bind is its value as a literal."""

    def replaced(found: re.Match[str]) -> str:
        return _literal(values[found[1]]) if found[1] in values else found[0]

    return _BIND_OR_QUOTED.sub(replaced, statement)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        value = value.isoformat(" ")
    return str(value) if isinstance(value, int | float | Decimal) else _text(str(value))


def in_order(statement: str) -> list[str]:
    """The statements that one name holds."""
    return [part for part in _END.split(statement) if part.strip()]


def on_conflict(_table: str, key: tuple[str, ...], columns: tuple[str, ...], /) -> str:
    """As most engines say what an INSERT does where its key is known: overwrite `columns`, or leave the row."""
    changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in columns)
    return f"ON CONFLICT ({_listed(key)}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")


OnConflict = Callable[[str, tuple[str, ...], tuple[str, ...]], str]
DayText = Callable[[str, ColumnType], str]


def _as_it_stands(column: str, _type: ColumnType, /) -> str:
    return column


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What of an engine's own words a merge is filled with; each under its name in `Engine` and `Engine.fills`."""

    now: str
    distinct: str
    on_conflict: OnConflict = on_conflict
    day_text: DayText = _as_it_stands
    text: str = "TEXT"
    json_object: str = "json_object"


def shape_fills(shape: MergeShape, words: Words) -> dict[str, str]:
    """The identifiers of a merge."""
    now, distinct, known = words.now, words.distinct, words.on_conflict
    stored = (*shape.columns, ORIGIN_COLUMN)
    values = tuple(name for name in shape.columns if name not in shape.key)
    stamp = [shape.processed_at] if shape.processed_at else []
    rank = (*([shape.sequence] if shape.sequence else []), ORIGIN_COLUMN)
    stamped = [f"{quote(name)} = {now}" for name in stamp]
    return {
        "target": quote_table(shape.target),
        "target_name": quote(split_table(shape.target)[1]),
        "target_text": _text(quote_table(shape.target)),
        "staging": quote_table(shape.staging),
        "staging_index": quote(index_name(shape.staging, ("key",))),
        "landing": quote_table(shape.landing) if shape.landing else "",
        "landing_text": _text(quote_table(shape.landing)) if shape.landing else "",
        "columns": _listed(stored),
        "insert_columns": _listed((*stored, *stamp)),
        "insert_values": ", ".join([_listed(stored, "s."), *(now for _ in stamp)]),
        "key": _listed(shape.key),
        "s_key": _listed(shape.key, "s."),
        "s_columns": _listed(stored, "s."),
        "s_fill_order": _listed(tuple(dict.fromkeys((*shape.key, *rank))), "s."),
        "on_repeated_key": _on_repeated(shape.key, stored, rank),
        "leave_known": known(quote_table(shape.target), shape.key, ()) if shape.key else "",
        "overwrite_known": known(quote_table(shape.target), shape.key, (*values, ORIGIN_COLUMN)) if shape.key else "",
        "s_order": _listed(shape.key or (ORIGIN_COLUMN,), "s."),
        "s_rank_descending": ", ".join(f"s.{quote(name)} DESC" for name in rank),
        "key_given": " AND ".join(f"{quote(name)} = :key_{i}" for i, name in enumerate(shape.key)) or "1 = 0",
        "match": _matched(shape.key, "t", "s"),
        "match_landed": _matched(shape.key, "l", "s"),
        "match_repeated": _matched(shape.key, "r", "s"),
        "older": f"({_listed(rank, 't.')}) < ({_listed(rank, 's.')})",
        "beaten": f"({_listed(rank, 's.')}) < ({_listed(rank, 'l.')})",
        "differs": " OR ".join(_distinct(distinct, f"t.{quote(n)}", f"s.{quote(n)}") for n in values) or "1 = 0",
        "assign": ", ".join([_assigned((*values, ORIGIN_COLUMN)), *stamped]),
        "assign_origin": _assigned(rank),
        "t_assign": ", ".join([_assigned((*values, ORIGIN_COLUMN), "t."), *(f"t.{text}" for text in stamped)]),
        "t_assign_origin": _assigned(rank, "t."),
        **_history_fills(shape, values, words),
        # A model's table has no `_origin`. Where all columns are the key nothing differs, and SET needs something.
        "data_columns": _listed(shape.columns),
        "t_data_columns": _listed(shape.columns, "t."),
        "assign_data": _assigned(values or shape.key[:1]),
        "t_assign_data": _assigned(values or shape.key[:1], "t."),
    }


def _history_fills(shape: MergeShape, values: tuple[str, ...], words: Words) -> dict[str, str]:
    """Keys, values and partitions as texts: what the ledger keeps of them."""
    columns = values or ("",)  # of a table that is all key no value ever changes
    names = " UNION ALL ".join(f"SELECT {_text(name)} AS column_name" for name in columns)

    def by_column(value: Callable[[str], str]) -> str:
        return "CASE c.column_name " + " ".join(f"WHEN {_text(n)} THEN {value(n)}" for n in columns) + " END"

    def text_of(alias: str) -> str:
        return by_column(lambda name: _cast(f"{alias}.{quote(name)}", words.text) if name else "NULL")

    def differs(name: str) -> str:
        return f"({_distinct(words.distinct, f't.{quote(name)}', f's.{quote(name)}')})" if name else "1 = 0"

    return {
        "value_columns": names,
        "t_value": text_of("t"),
        "s_value": text_of("s"),
        "value_differs": by_column(differs),
        "t_row_key": _row_key(shape.key, "t.", words),
        "s_row_key": _row_key(shape.key, "s.", words),
        "t_partition": partition_key(shape.partition, "t.", words),
        "s_partition": partition_key(shape.partition, "s.", words),
        "d_partition": partition_key(shape.partition and replace(shape.partition, column="part"), "d.", words),
        "partition_column": quote(shape.partition.column) if shape.partition else "''",
    }


def _cast(expression: str, to: str) -> str:
    return f"CAST({expression} AS {to})"


def _row_key(key: tuple[str, ...], prefix: str, words: Words) -> str:
    pairs = (f"{_text(name)}, {_cast(prefix + quote(name), words.text)}" for name in key)
    return _cast(f"{words.json_object}({', '.join(pairs)})", words.text)


def partition_key(partition: Partition | None, prefix: str, words: Words) -> str:
    if partition is None:
        return "''"
    return f"substr({words.day_text(prefix + quote(partition.column), partition.type)}, 1, {partition.key_chars})"


def _listed(names: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(prefix + quote(name) for name in names)


def _matched(key: tuple[str, ...], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{quote(name)} = {other}.{quote(name)}" for name in key)


def _on_repeated(key: tuple[str, ...], stored: tuple[str, ...], rank: tuple[str, ...]) -> str:
    if not key:
        return ""
    taken = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in stored)
    outranks = f"({_listed(rank)}) < ({_listed(rank, 'excluded.')})"
    return f"ON CONFLICT ({_listed(key)}) DO UPDATE SET {taken} WHERE {outranks}"


def _text(value: str) -> str:
    """A name as a value, for catalogs."""
    return "'" + value.replace("'", "''") + "'"


def _assigned(names: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{quote(name)} = s.{quote(name)}" for name in names)


def _distinct(comparison: str, one: str, other: str) -> str:
    return comparison.format(one=one, other=other) if "{" in comparison else f"{one} {comparison} {other}"
