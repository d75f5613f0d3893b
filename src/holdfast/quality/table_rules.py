"""Checks of a table as a whole, each one SELECT of what should not be there: keys that stand twice, rows without their
counterpart, values that are too old, counts, changes in a closed period, and whatever SQL a person wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.check import Check
from holdfast.domain.check_kinds import ClosedPeriod, DuplicateKeys, Freshness, Relationship, RowCount, Sql, Unique
from holdfast.domain.errors import ContractError
from holdfast.domain.types import Kind
from holdfast.fx.moments import as_moment
from holdfast.ports.database import Row
from holdfast.quality.answer import Finding, Query, Question, count_of, counted, sample_of
from holdfast.quality.subject import Place


def _unique(check: Unique | DuplicateKeys, place: Place, _now: datetime) -> Question:
    """Rows that have a value in every one of the columns, as a key asks; NULL equals nothing."""
    columns = check.columns if isinstance(check, Unique) else check.key or list(place.subject.primary_key)
    names = ", ".join(f"t.{quote(name)}" for name in columns)
    filled = " AND ".join(f"t.{quote(name)} IS NOT NULL" for name in columns)
    query = Query(
        f"SELECT {names}, COUNT(*) AS table_rows FROM {place.table} AS t\n"  # noqa: S608
        f"WHERE {filled} GROUP BY {names} HAVING COUNT(*) > 1"
    )
    told = ", ".join(columns)

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        found = f"{counted(failing, 'value')} in several rows" if failing else "none stands twice"
        return Finding(failing, f"{told}: expected each value once", found, sample_of(rows))

    return Question(query, judge, reads=(place.subject.relation,))


def _relationship(check: Relationship, place: Place, _now: datetime) -> Question:
    column, other = f"t.{quote(check.column)}", place.named(check.to_table)
    query = Query(
        f"SELECT {column}, COUNT(*) AS table_rows FROM {place.table} AS t\n"  # noqa: S608
        f"WHERE {column} IS NOT NULL\n"
        f"  AND NOT EXISTS (SELECT 1 FROM {other} AS o WHERE o.{quote(check.to_column)} = {column})\n"
        f"GROUP BY {column}"
    )

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        found = (
            f"{counted(failing, 'value')} that {'is' if failing == 1 else 'are'} not there" if failing else "all there"
        )
        return Finding(failing, f"{check.column}: expected every value in {check.to}", found, sample_of(rows))

    return Question(query, judge, reads=(place.subject.relation, check.to_table))


def _freshness(check: Freshness, place: Place, now: datetime) -> Question:
    oldest = now - timedelta(hours=float(check.max_age_hours))
    limit: Any = oldest
    if check.column:
        source = f"SELECT MAX(t.{quote(check.column)}) AS newest FROM {place.table} AS t"  # noqa: S608
        limit = _limit(place, check.column, oldest)
    else:
        touch = place.named("ops.touch")
        source = f"SELECT MAX(t.touched_at) AS newest FROM {touch} AS t WHERE t.relation = :relation"  # noqa: S608
    query = Query(
        f"SELECT f.newest FROM ({source}) AS f WHERE f.newest IS NULL OR f.newest < :oldest",  # noqa: S608
        {"oldest": limit} | ({} if check.column else {"relation": place.subject.relation.casefold()}),
    )
    what = f"{check.column}: expected a value" if check.column else "expected a commit"

    def judge(rows: list[Row]) -> Finding:
        found = f"one of {oldest:%Y-%m-%d %H:%M} UTC or later"
        if rows:
            newest = rows[0]["newest"]
            found = "none at all" if newest is None else f"the newest is {newest} ({_age(newest, now)} old)"
        return Finding(len(rows), f"{what} not older than {check.max_age_hours} hours", found, sample_of(rows))

    return Question(query, judge, identity=(str(check.max_age_hours),))


def _limit(place: Place, column: str, oldest: datetime) -> date | datetime:
    """The least value that is new enough. A day counts from its end, so the day before may be late enough."""
    kind = place.subject.types[column]
    if kind.kind is Kind.DATE:
        return (oldest - timedelta(microseconds=1)).date()
    return oldest if kind.zone or "%z" in (kind.format or "") else oldest.replace(tzinfo=None)


def _age(newest: Any, now: datetime) -> str:
    is_day = type(newest) is date or (isinstance(newest, str) and len(newest) == 10)
    moment = as_moment(f"{newest}") + (timedelta(days=1) if is_day else timedelta(0))
    hours = Decimal((now - moment).total_seconds()) / 3600
    return f"{hours:,.1f} hours"


def _bounds(check: RowCount, place: Place, _now: datetime) -> Question:
    source = f"SELECT COUNT(*) AS table_rows FROM {place.table} AS t"  # noqa: S608
    given = [("<", "rows_min", check.rows_min), (">", "rows_max", check.rows_max)]
    outside = " OR ".join(f"f.table_rows {sign} :{name}" for sign, name, value in given if value is not None)
    query = Query(
        f"SELECT f.table_rows FROM ({source}) AS f WHERE {outside}",  # noqa: S608
        {name: value for _, name, value in given if value is not None},
    )
    low, high = (f"{v:,}" if v is not None else None for v in (check.rows_min, check.rows_max))
    words = f"between {low} and {high}" if low and high else f"{low} or more" if low else f"{high} or fewer"

    def judge(rows: list[Row]) -> Finding:
        found = counted(int(rows[0]["table_rows"]), "row") if rows else "as many"
        return Finding(len(rows), f"expected {words} rows", found)

    return Question(query, judge, reads=(place.subject.relation,))


def _closed(check: ClosedPeriod, place: Place, _now: datetime) -> Question:
    """Values that upserts replaced, and with `late_rows` rows that came or went, in partitions that were closed."""
    assert place.subject.partition
    closed = check.closed_before.isoformat()[: place.subject.partition.key_chars]
    binds: dict[str, Any] = {"dataset": place.subject.name, "closed": closed}
    since = ""
    if check.since is not None:
        since, binds["since"] = " AND {moment} >= :since", _moment(check.since)
    parts = [
        "SELECT c.partition_key, c.old_partition, c.row_key, c.column_name, c.old_value, c.new_value, c.run_id\n"
        f"FROM {place.named('ops.change')} AS c\n"
        "WHERE c.dataset = :dataset AND (c.partition_key < :closed OR c.old_partition < :closed)"
        f" AND c.partition_key <> ''{since.format(moment='c.changed_at')}"
    ]
    if check.late_rows:
        binds["relation"] = place.subject.relation.casefold()
        parts.append(
            "SELECT t.partition_key, t.partition_key, '', 'late rows', NULL, NULL, t.run_id\n"
            f"FROM {place.named('ops.touch')} AS t\n"
            "WHERE t.relation = :relation AND t.partition_key < :closed AND t.partition_key <> ''"
            f" AND t.rows_inserted + t.rows_removed > 0{since.format(moment='t.touched_at')}"
        )

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        what = counted(failing, "change or late commit" if check.late_rows else "change")
        found = f"{what}: see holdfast changes {place.subject.name}" if failing else "none"
        after = f" after {check.since}" if check.since else ""
        return Finding(
            failing, f"expected no changes before {check.closed_before}{after}", found, _without_values(sample_of(rows))
        )

    return Question(Query("\nUNION ALL\n".join(parts), binds), judge)


def _moment(since: datetime | date) -> datetime:
    moment = since if isinstance(since, datetime) else datetime.combine(since, time(0))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _without_values(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in ("old_value", "new_value", "old_partition")} for row in rows]


def _sql(check: Sql, place: Place, _now: datetime) -> Question:
    query = Query(_transpiled(check, place))

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        return Finding(failing, "expected no rows", counted(failing, "row") if failing else "none", sample_of(rows))

    return Question(query, judge)


def _transpiled(check: Sql, place: Place) -> str:
    """The person's SELECT in this engine's words, its tables where they stand there. Raises ContractError."""
    import sqlglot
    from sqlglot import exp

    from holdfast.models.dialects import dialect_of

    try:
        statements = [found for found in sqlglot.parse(check.sql, dialect=dialect_of(check.dialect)) if found]
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        where = f"line {first.get('line')}, column {first.get('col')}"
        raise ContractError(
            f"sql cannot be read: {first.get('description', error)} ({where})",
            hint="correct the check's sql",
        ) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ContractError("sql must be one SELECT", hint="select the rows that should not be there")
    tree = statements[0]
    if bind := tree.find(exp.Placeholder):
        raise ContractError(f"sql has a placeholder, {bind.sql()}, that nothing is given for", hint="write the value")
    if not place.database.traits.has_schemas:
        _name_tables_plainly(tree)
    try:
        dialect = dialect_of(place.database.traits.sql_dialect)
        return tree.sql(dialect=dialect, pretty=True, comments=False, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.UnsupportedError as error:
        raise ContractError(
            f"sql cannot be said as {place.database.engine_name} says it: {error}",
            hint='write it as the database wants it, and dialect = "..." beside it',
        ) from error


def _name_tables_plainly(tree: Any) -> None:
    """`silver.sales` is `silver_sales` where there are no schemas; a common table expression's name stays."""
    from sqlglot import exp

    from holdfast.domain.table import physical_table

    for table in list(tree.find_all(exp.Table)):
        if table.db:
            name = physical_table(f"{table.db}.{table.name}", has_schemas=False)
            if "." not in name:
                alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
                table.replace(exp.Table(this=exp.to_identifier(name, quoted=True), alias=alias))


MAKERS: dict[type[Check], Callable[..., Question]] = {
    Unique: _unique,
    DuplicateKeys: _unique,
    Relationship: _relationship,
    Freshness: _freshness,
    ClosedPeriod: _closed,
    Sql: _sql,
}


def table_question(check: Check, place: Place, now: datetime) -> Question | None:
    """What a check of this module asks; None for a kind that is not of this module."""
    if isinstance(check, RowCount):
        return None if check.against else _bounds(check, place, now)
    make = MAKERS.get(type(check))
    return make(check, place, now) if make else None
