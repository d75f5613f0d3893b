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
_VOLATILE = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDatetime, exp.Rand, exp.Uuid)
_VOLATILE_NAMES = {"random", "rand", "now", "clock_timestamp", "localtimestamp", "gen_random_uuid", "nextval", "today"}


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
        if isinstance(node, _VOLATILE) or (isinstance(node, exp.Anonymous) and node.name.casefold() in _VOLATILE_NAMES):
            raise ModelError(
                f"{place}: {node.sql(dialect=dialect)} changes while no input does; nothing was built",
                hint="a model's rows must follow from its inputs alone; keep such a value in a table of its own",
            )
    return normalize_identifiers(tree, dialect=dialect_of(dialect))


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
    """The SELECT without its comments and layout."""
    return model.select(dialect).sql(dialect="postgres", comments=False, identify=True)


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
    """The tree with its inputs by their physical names, and filtered."""
    tables = tables_of(tree)
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):  # an input is called by its alias, or its last name, from here on
            column.set("db", None)
            column.set("catalog", None)
    for table in tables:
        relation, alias = relation_of(table), table.alias_or_name
        schema, _, name = physical(relation).rpartition(".")
        there = exp.Table(this=exp.to_identifier(name, quoted=True))
        if schema:
            there.set("db", exp.to_identifier(schema, quoted=True))
        condition = filters.get(relation)
        if condition is None:
            new: exp.Expr = exp.alias_(there, alias, table=True, quoted=True)
        else:
            rows = exp.select("*").from_(there).where(condition.copy(), copy=False)
            new = rows.subquery(exp.to_identifier(alias, quoted=True), copy=False)
        if joins := table.args.get("joins"):
            new.set("joins", joins)
        if alias_columns := table.alias_column_names:
            new.args["alias"].set("columns", [exp.to_identifier(c, quoted=True) for c in alias_columns])
        table.replace(new)
    return tree


def model_sql(database: Database, graph: Graph, model: Model, key: str) -> str:
    """The SELECT for one partition as the database runs it, its columns in the head's order.

    Decimals are rounded to their scale, half away from zero: SQLite adds floats, and rounding makes a sum exact again
    (up to 15 digits). Dates lose their hours.
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
