"""What SQLGlot is told beyond what it knows, so that one SELECT means the same on every engine.

Keyed by SQLGlot's own names of dialects (`Traits.sql_dialect`). What cannot be said in a dialect is an error there
(`select_sql` raises it): then a file of the engine's own stands beside the model.
"""

from __future__ import annotations

import sqlite3
from functools import cache

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.sqlite import SQLite
from sqlglot.generator import Generator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.generators.mysql import MySQLGenerator
from sqlglot.generators.sqlite import SQLiteGenerator

from holdfast.adapters.databases.sqlite_sum import SUMS_EXACTLY_FROM

_PARTS = {"YEAR": "%Y", "MONTH": "%m", "DAY": "%d", "DOW": "%w"}
_STARTS = {"DAY": "", "MONTH": ", 'start of month'", "YEAR": ", 'start of year'"}


def _unit(expression: exp.Expr) -> str:
    return str(expression.args["unit"].name if expression.args.get("unit") else expression.this.name).upper()


def _sqlite_trunc(generator: Generator, expression: exp.Expr) -> str:
    start = _STARTS.get(_unit(expression))
    if start is None:
        generator.unsupported(f"date_trunc to {_unit(expression)}")
    return f"DATE({generator.sql(expression, 'this')}{start})"


def _sqlite_extract(generator: Generator, expression: exp.Extract) -> str:
    part = str(expression.this.name).upper()
    if part not in _PARTS:
        generator.unsupported(f"extract of {part}")
    return f"CAST(STRFTIME('{_PARTS.get(part)}', {generator.sql(expression, 'expression')}) AS INTEGER)"


def _sqlite_cast(generator: SQLiteGenerator, expression: exp.Cast) -> str:
    """A DATE is ISO text, a moment too; a decimal is a number that is rounded to its scale."""
    kind, inner = expression.to, generator.sql(expression, "this")
    if kind.is_type(*exp.DataType.TEMPORAL_TYPES) and not kind.is_type(exp.DataType.Type.DATE):
        return inner
    if kind.is_type(exp.DataType.Type.DECIMAL) and kind.expressions:
        scale = kind.expressions[1].name if len(kind.expressions) > 1 else "0"
        return f"ROUND(CAST({inner} AS REAL), {scale})"
    return SQLiteGenerator.cast_sql(generator, expression)


def _sqlite_interval(generator: Generator, _expression: exp.Interval) -> str:
    generator.unsupported("an INTERVAL (write DATE(x, '+1 day') in a file for sqlite)")
    return ""


_GLOB = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def _sqlite_like(generator: Generator, expression: exp.Like) -> str:
    """LIKE does not tell capital letters from small ones here; GLOB does."""
    pattern, word = expression.expression, "NOT GLOB" if expression.args.get("negate") else "GLOB"
    if not isinstance(pattern, exp.Literal) or "\\" in pattern.name or isinstance(expression.parent, exp.Escape):
        generator.unsupported("LIKE with a pattern that is no plain text")
    glob = exp.Literal.string("".join(_GLOB.get(letter, letter) for letter in pattern.name))
    return f"{generator.sql(expression, 'this')} {word} {generator.sql(glob)}"


def _sqlite_div(generator: Generator, expression: exp.Div) -> str:
    """A whole number of a decimal column is an integer here, and integers divide without a rest: say what is meant."""
    sides = [side.unnest() for side in (expression.this, expression.expression)]
    if not any(
        isinstance(side, (exp.Cast, exp.Avg, exp.Round)) or (isinstance(side, exp.Literal) and "." in side.name)
        for side in sides
    ):
        generator.unsupported("a / b of numbers whose type is not said (write CAST(a AS DECIMAL(18,2)) / b)")
    return generator.binary(expression, "/")


def _sqlite_sum(generator: Generator, expression: exp.Sum) -> str:
    """SQLite sums decimals as floats, before 3.43 without keeping what each step rounds off: see sqlite_sum.py."""
    name = "SUM" if sqlite3.sqlite_version_info >= SUMS_EXACTLY_FROM else "HOLDFAST_SUM"
    return generator.func(name, expression.this)


class StrictSqlite(SQLite):
    """SQLite, with dates as the ISO text they are kept as.

    Names stand in `backticks`: a "name" that is no column is not an error there but a text, whose sum is 0.
    """

    class Tokenizer(SQLite.Tokenizer):
        IDENTIFIERS = ["`", '"', ("[", "]")]  # noqa: RUF012 - the first is the one that is written

    class Generator(SQLiteGenerator):
        TRANSFORMS = {  # noqa: RUF012 - as SQLGlot's own classes are written
            **SQLiteGenerator.TRANSFORMS,
            exp.TimestampTrunc: _sqlite_trunc,
            exp.DateTrunc: _sqlite_trunc,
            exp.Extract: _sqlite_extract,
            exp.Cast: _sqlite_cast,
            exp.Interval: _sqlite_interval,
            exp.Like: _sqlite_like,
            exp.Sum: _sqlite_sum,
            exp.Div: _sqlite_div,
            exp.Left: lambda g, e: f"SUBSTR({g.sql(e, 'this')}, 1, {g.sql(e, 'expression')})",
            exp.Right: lambda g, e: f"SUBSTR({g.sql(e, 'this')}, -({g.sql(e, 'expression')}))",
        }


def _mysql_trunc(generator: Generator, expression: exp.Expr) -> str:
    form = {"DAY": "%Y-%m-%d", "MONTH": "%Y-%m-01", "YEAR": "%Y-01-01"}.get(_unit(expression))
    if form is None:
        generator.unsupported(f"date_trunc to {_unit(expression)}")
    return f"CAST(DATE_FORMAT({generator.sql(expression, 'this')}, '{form}') AS DATE)"


def _mysql_filter(generator: Generator, expression: exp.Filter) -> str:
    """COUNT(x) FILTER (WHERE c): the aggregate of what is NULL where c is not true."""
    aggregate = expression.this.copy()
    inner = aggregate.this
    value = exp.Literal.number(1) if isinstance(inner, exp.Star) else inner
    aggregate.set("this", exp.Case().when(expression.expression.this.copy(), value.copy()))
    return generator.sql(aggregate)


class StrictMysql(MySQL):
    """MariaDB and MySQL in the mode Holdfast's sessions have: ANSI_QUOTES, NO_BACKSLASH_ESCAPES."""

    class Tokenizer(MySQL.Tokenizer):
        QUOTES = ["'"]  # noqa: RUF012
        IDENTIFIERS = ['"', "`"]  # noqa: RUF012
        STRING_ESCAPES = ["'"]  # noqa: RUF012

    class Generator(MySQLGenerator):
        TRANSFORMS = {  # noqa: RUF012
            **MySQLGenerator.TRANSFORMS,
            exp.TimestampTrunc: _mysql_trunc,
            exp.DateTrunc: _mysql_trunc,
            exp.Filter: _mysql_filter,
            exp.RegexpLike: lambda g, e: f"{g.sql(e, 'this')} REGEXP {g.sql(e, 'expression')}",
        }


def _duckdb_double(value: str, kind: str) -> str:
    """A DOUBLE as the decimal it stands for: of its 15 certain digits, rounded half away from zero."""
    return f"CAST(FORMAT('{{:.15g}}', {value}) AS {kind})"


def _duckdb_cast(generator: DuckDBGenerator, expression: exp.Cast) -> str:
    """Quotients and averages of decimals are DOUBLE here, and 1.005 is less than 1.005 there: it would become 1.00."""
    plain = DuckDBGenerator.cast_sql(generator, expression)
    if not (expression.to.is_type(exp.DataType.Type.DECIMAL) and expression.to.expressions):
        return plain
    value, kind = generator.sql(expression, "this"), generator.sql(expression, "to")
    return f"CASE WHEN TYPEOF({value}) = 'DOUBLE' THEN {_duckdb_double(value, kind)} ELSE {plain} END"


def _duckdb_round(generator: DuckDBGenerator, expression: exp.Round) -> str:
    value, digits = generator.sql(expression, "this"), expression.args.get("decimals")
    plain = generator.function_fallback_sql(expression)
    if not (isinstance(digits, exp.Literal) and digits.is_int and int(digits.name) <= _ROUNDED_MAX):
        return plain
    exact = _duckdb_double(value, f"DECIMAL(38, {digits.name})")
    return f"CASE WHEN TYPEOF({value}) = 'DOUBLE' AND ABS({value}) < 1e15 THEN {exact} ELSE {plain} END"


_ROUNDED_MAX = 20  # digits after the point


class StrictDuckdb(DuckDB):
    """DuckDB, which rounds decimals half away from zero, doing the same with the doubles it makes of them."""

    class Generator(DuckDBGenerator):
        TRANSFORMS = {  # noqa: RUF012
            **DuckDBGenerator.TRANSFORMS,
            exp.Cast: _duckdb_cast,
            exp.Round: _duckdb_round,
        }


_OURS: dict[str, type[Dialect]] = {"sqlite": StrictSqlite, "mysql": StrictMysql, "duckdb": StrictDuckdb}


@cache
def dialect_of(name: str) -> Dialect:
    """SQLGlot's dialect of that name, or ours over it."""
    ours = _OURS.get(name)
    return ours() if ours else Dialect.get_or_raise(name)
