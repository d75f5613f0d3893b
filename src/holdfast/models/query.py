"""The SELECT of a model as a tree: what it reads, what it is called when it changes, and the text an engine runs.

Identifiers are folded as the model's dialect folds them, then quoted on every engine: `Month` is `month` anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import traverse_scope

from holdfast.domain.errors import ModelError
from holdfast.domain.table import physical_table
from holdfast.domain.types import DECIMAL_PRECISION_MAX, ColumnType, Kind
from holdfast.models.dialects import dialect_of

if TYPE_CHECKING:
    from holdfast.models.graph import Graph
    from holdfast.models.model import Model
    from holdfast.ports.database import Database

_WRITES = (exp.DDL, exp.DML, exp.Command, exp.Into, exp.Lock, exp.Drop, exp.Alter)
_VOLATILE = (
    exp.CurrentDate,
    exp.CurrentTimestamp,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Rand,
    exp.Uuid,
    exp.UtcDate,
    exp.UtcTime,
    exp.UtcTimestamp,
)
_VOLATILE_NAMES = {
    "clock_timestamp",
    "curdate",
    "current_localtimestamp",
    "curtime",
    "gen_random_bytes",
    "gen_random_uuid",
    "get_current_timestamp",
    "getdate",
    "localtimestamp",
    "nextval",
    "now",
    "rand",
    "random",
    "random_normal",
    "randomblob",
    "statement_timestamp",
    "sysdate",
    "timeofday",
    "today",
    "transaction_timestamp",
    "utc_date",
    "utc_time",
    "utc_timestamp",
    "uuid_generate_v1",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
}
_VOLATILE_WITHOUT = {"age": 1, "datetime": 0, "julianday": 0, "time": 0, "unix_timestamp": 0, "unixepoch": 0}
"""Functions that tell the time where they are given no more arguments than these."""
_TODAY = {"now", "today", "tomorrow", "yesterday"}  # texts that are the time of asking where a date is read from them
_OF_AN_INPUT = {"this", "db", "catalog", "alias", "joins"}


def parse_select(text: str, dialect: str, place: str) -> exp.Query:
    """The one SELECT of a file. Raises ModelError for anything else, and for what its inputs alone do not decide."""
    try:
        found = [tree for tree in sqlglot.parse(text, dialect=dialect_of(dialect)) if tree is not None]
    except SqlglotError as error:
        raise ModelError(f"{place}: not valid SQL ({dialect}): {_first_line(error)}; nothing was built") from error
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        what = f"{len(found)} statements" if len(found) != 1 else found[0].key.upper()
        raise ModelError(f"{place}: expected one SELECT; found {what}; nothing was built")
    tree = found[0]
    for node in tree.walk():
        if isinstance(node, _WRITES) and not isinstance(node, exp.Query):
            raise ModelError(f"{place}: expected a SELECT that only reads; found {node.key.upper()}; nothing was built")
        if _is_volatile(node):
            raise ModelError(
                f"{place}: {node.sql(dialect=dialect)} changes while no input does; nothing was built",
                hint="a model's rows must follow from its inputs alone; keep such a value in a table of its own",
            )
    return normalize_identifiers(tree, dialect=dialect_of(dialect))


def _is_volatile(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        name = node.name.casefold()
        return name in _VOLATILE_NAMES or len(node.expressions) <= _VOLATILE_WITHOUT.get(name, -1)
    if isinstance(node, exp.Date):
        return node.this is None
    if isinstance(node, exp.Literal) and node.is_string and node.name.strip().casefold() in _TODAY:
        reader = node.parent
        if isinstance(reader, exp.Cast):
            return reader.to.is_type(*exp.DataType.TEMPORAL_TYPES)
        name = (
            reader.name
            if isinstance(reader, exp.Anonymous)
            else reader.sql_name()
            if isinstance(reader, exp.Func)
            else ""
        )
        return any(word in name.casefold() for word in ("date", "time", "julianday", "unixepoch"))
    return isinstance(node, _VOLATILE)


def _first_line(error: SqlglotError) -> str:
    lines = str(error).replace("\x1b[4m", "").replace("\x1b[0m", "").splitlines()
    return lines[0] if lines else "it cannot be read"


def tables_of(tree: exp.Query) -> list[exp.Table]:
    """The tables the SELECT reads; names of its own CTEs are none."""
    found: dict[int, exp.Table] = {}
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table) and source.name:
                found[id(source)] = source
    return list(found.values())


def relation_of(table: exp.Table) -> str:
    """The table's name as the ledger spells relations."""
    return ".".join(part.name for part in table.parts).casefold()


def output_names(tree: exp.Query) -> list[str] | None:
    """The names of the columns that come out; None: a `*` hides them."""
    return None if tree.is_star else list(tree.named_selects)


def canonical_text(model: Model, dialect: str) -> str:
    """The SELECT without its comments and layout, in the SQL it is written in: another's may not tell all of it."""
    written = dialect_of(dialect if dialect in model.variants else model.head.dialect)
    return model.select(dialect).sql(
        dialect=written, comments=False, identify=True, unsupported_level=ErrorLevel.IGNORE
    )


def select_sql(
    model: Model,
    dialect: str,
    filters: Mapping[str, exp.Expr],
    physical: Callable[[str], str],
) -> str:
    """The SELECT as an engine runs it, inputs of `filters` (by relation) left with the rows the condition holds for.

    `physical` gives a relation's table as the engine has it. Raises ModelError for what the dialect cannot say.
    """
    return render(model, narrowed(model.select(dialect), filters, physical), dialect)


def render(model: Model, tree: exp.Expr, dialect: str) -> str:
    try:
        return tree.sql(dialect=dialect_of(dialect), identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise ModelError(
            f"{model.path}: cannot be said in the SQL of {dialect}: {_first_line(error)}; nothing was built",
            hint=f"write {model.path.stem}.{dialect}.sql beside it, with the SELECT as that engine wants it",
        ) from error


def narrowed(tree: exp.Query, filters: Mapping[str, exp.Expr], physical: Callable[[str], str]) -> exp.Query:
    """The tree with its inputs by their physical names, and filtered. Raises ModelError for what would get lost."""
    tables = tables_of(tree)
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):  # an input is called by its alias, or its last name, from here on
            column.set("db", None)
            column.set("catalog", None)
    _rename_ctes(tree, tables, {physical(relation_of(table)).rpartition(".")[2].casefold() for table in tables})
    for table in tables:
        table.replace(_read_as(table, filters.get(relation_of(table)), physical(relation_of(table))))
    return tree


def _rename_ctes(tree: exp.Query, tables: list[exp.Table], taken: set[str]) -> None:
    """Give CTEs called like an input's table other names: which of the two a name means differs by engine."""
    inputs = {id(table) for table in tables}
    for cte in tree.find_all(exp.CTE):
        if cte.alias.casefold() in taken:
            cte.args["alias"].set("this", _cte_name(cte.alias))
    for use in tree.find_all(exp.Table):
        if id(use) not in inputs and not use.db and use.name.casefold() in taken:
            if not use.alias:
                use.set("alias", exp.TableAlias(this=use.this.copy()))
            use.set("this", _cte_name(use.name))


def _cte_name(name: str) -> exp.Identifier:
    return exp.to_identifier(f"holdfast_cte_{name}"[:63], quoted=True)


def _read_as(table: exp.Table, condition: exp.Expr | None, name: str) -> exp.Expr:
    """What stands for an input: its table as the engine has it, with the rows the condition holds for."""
    more = {key for key, value in table.args.items() if value} - _OF_AN_INPUT
    if table.alias_column_names:
        more.add("other names of columns")  # not all engines can say that
    if more:
        raise ModelError(
            f"{relation_of(table)} is read with {', '.join(sorted(more))}, which says of a table more than its rows;"
            " nothing was built",
            hint="read the table as it is, under a plain alias",
        )
    schema, _, last = name.rpartition(".")
    there = exp.Table(this=exp.to_identifier(last, quoted=True))
    if schema:
        there.set("db", exp.to_identifier(schema, quoted=True))
    new: exp.Expr = there
    if condition is not None:
        new = exp.Subquery(this=exp.select("*").from_(there).where(condition.copy(), copy=False))
    new.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True)))
    if joins := table.args.get("joins"):
        new.set("joins", joins)
    return new


def model_sql(database: Database, graph: Graph, model: Model, key: str) -> str:
    """The SELECT for one partition as the database runs it, its columns in the head's order.

    Decimals are rounded to their scale, half away from zero: where floats are added (SQLite), that makes a sum exact
    again, up to 15 digits. Dates lose their hours.
    """
    from holdfast.models.filters import input_filters

    dialect = database.traits.sql_dialect
    inputs = graph.inputs_of(model)
    names = {given.relation.key: given.relation.name for given in inputs}
    tree = narrowed(
        model.select(dialect),
        input_filters(inputs, key),
        lambda relation: physical_table(names[relation], has_schemas=database.traits.has_schemas),
    )
    refuse_other_columns(model, tree)
    columns = [exp.alias_(_typed(name, kind), name, quoted=True) for name, kind in model.head.columns.items()]
    return render(model, exp.select(*columns).from_(tree.subquery("m", copy=False)), dialect)


def _typed(name: str, kind: ColumnType) -> exp.Expr:
    column = exp.column(exp.to_identifier(name, quoted=True), table="m")
    if kind.kind is Kind.DECIMAL:
        scale = exp.Literal.number(kind.scale or 0)
        return exp.func("ROUND", exp.cast(column, f"DECIMAL({DECIMAL_PRECISION_MAX}, {kind.scale or 0})"), scale)
    if kind.kind is Kind.DATE:
        return exp.cast(column, "date")
    return column


def refuse_other_columns(model: Model, tree: exp.Query) -> None:
    """Raises ModelError where the SELECT gives other columns than the head names."""
    given = output_names(tree)
    if given is None:
        return
    missing = [name for name in model.head.columns if name not in given]
    unknown = [name or "one without a name" for name in given if name not in model.head.columns]
    if missing or unknown:
        raise ModelError(
            f"{model.path}: the head's columns are {', '.join(model.head.columns)}; the SELECT"
            + (f" lacks {', '.join(missing)}" if missing else "")
            + (" and" if missing and unknown else "")
            + (f" gives {', '.join(unknown)} besides" if unknown else "")
            + "; nothing was built",
            hint="name what the SELECT gives as the head does: SUM(x) AS revenue",
        )
