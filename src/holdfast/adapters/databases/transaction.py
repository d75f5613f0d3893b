"""A transaction on one connection: statements, bulk writes, savepoints. The same on every engine.

A statement that fails leaves its transaction (or savepoint) good for nothing but rolling back, also on engines that
would let it go on: a swallowed error can never be committed. After its end every method raises TransactionEnded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.adapters.databases.definitions import alter_statements, create_statements
from holdfast.adapters.databases.engine import Engine
from holdfast.adapters.databases.errors import Translator
from holdfast.adapters.databases.identifiers import quote, quote_table, split_table, within
from holdfast.adapters.databases.reflection import reflect_table
from holdfast.adapters.databases.statements import (
    Words,
    escape_quoted,
    fill,
    in_order,
    load_statements,
    shape_fills,
    unfilled,
)
from holdfast.domain.errors import ConstraintViolation, DatabaseError, StatementFailed, TransactionEnded
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.table import MergeShape, TableDefinition, physical_table
from holdfast.domain.types import ColumnType
from holdfast.ports.database import Result, Row

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1000


class SqlTransaction:
    """Implements `ports.database.Transaction`. Made by a Database's `transaction()` only."""

    def __init__(self, connection: sa.Connection, engine: Engine, translator: Translator, depth: int = 0) -> None:
        self._connection = connection
        self._engine = engine
        self._translator = translator
        self._depth = depth
        self._ended = False
        self._nested: SqlTransaction | None = None
        self.failure = ""  # what the first error of a statement said

    def execute(self, statement: str, binds: Mapping[str, Any] | None = None) -> int:
        with self._doing("statement"):
            return self._run(sa.text(escape_quoted(statement)), binds or {}).count

    def query(self, statement: str, binds: Mapping[str, Any] | None = None) -> list[Row]:
        with self._doing("query"):
            return self._run(sa.text(escape_quoted(statement)), binds or {}).rows

    def run(self, name: str, shape: MergeShape | None = None, **binds: Any) -> Result:
        with self._doing(f"statement {name!r}"):
            return self._run_in_order(_prepared(self._engine, name, shape), binds)

    def run_many(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        with self._doing(f"statement {name!r}"):
            statements = _prepared(self._engine, name, None)
            if len(statements) == 1:
                self._run_batches(statements[0], rows)
                return
            for row in rows:
                self._run_in_order(statements, row)

    def insert_many(self, table: str, rows: Iterable[Mapping[str, Any]]) -> int:
        with self._doing(f"insert into {table!r}"):
            return self._write_rows(self._place(table), rows)

    def upsert(self, table: str, rows: Iterable[Mapping[str, Any]], *, key: Sequence[str]) -> int:
        with self._doing(f"upsert into {table!r}"):
            return self._write_rows(self._place(table), rows, tuple(key))

    def copy_in(self, table: str, rows: pa.Table) -> int:
        with self._doing(f"copy into {table!r}"):
            return self._engine.copy_in(self._connection, self._place(table), rows) if rows.num_rows else 0

    def scan(
        self, table: str, columns: Sequence[tuple[str, ColumnType]], origins: Sequence[tuple[int, int]] = ()
    ) -> Iterator[pa.Table]:
        """See `ports.database.Database.scan`. Nothing else may run on this transaction until it is exhausted."""
        where = within(quote(ORIGIN_COLUMN), sorted(origins))
        with self._doing(f"scan {table!r}"):
            batches = self._engine.scan(self._connection, quote_table(self._place(table)), columns, where)
        while True:
            with self._doing(f"scan {table!r}"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def create_table(self, definition: TableDefinition, *, evolve: bool = False) -> None:
        with self._doing(f"create table {definition.name!r}"):
            definition = replace(definition, name=self._place(definition.name))
            self._engine.lock_creation(self._connection, definition.name)
            self._make_schema(split_table(definition.name)[0])
            statements = create_statements(definition, self._engine)
            if evolve and (found := self.reflect(definition.name)):
                statements = alter_statements(definition, found, self._engine)
            for statement in statements:
                self._run(sa.text(escape_quoted(statement)), {})

    def reflect(self, table: str) -> TableDefinition | None:
        with self._doing(f"reflect table {table!r}"):
            run, place = self._run_named, self._place(table)
            found = reflect_table(place, run, real_is_double=self._engine.real_is_double)
            return replace(found, name=table) if found else None

    def _place(self, table: str) -> str:
        return _physical(self._engine, table)

    def _make_schema(self, schema: str | None) -> None:
        """Where there are schemas: looked for first, for making one that is there asks for a right all the same."""
        if schema is None or not self._engine.traits.has_schemas:
            return
        self._engine.lock_creation(self._connection, schema)
        if not self._run_named("schema_found", schema=schema).rows[0]["found"]:
            self._run(sa.text(f"CREATE SCHEMA {escape_quoted(quote(schema))}"), {})

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """Without savepoints on the engine, a block that raises leaves this transaction failed, caught or not."""
        savepoint = f"holdfast_{self._depth + 1}"
        with self._doing("savepoint"):
            self._savepoint(f"SAVEPOINT {savepoint}")
        inner = SqlTransaction(self._connection, self._engine, self._translator, self._depth + 1)
        self._nested = inner
        try:
            yield inner
            inner.refuse_if_failed()
        except BaseException as error:
            with suppress(DatabaseError):  # then this transaction is marked as failed; the block's error says more
                self._end_nested(inner, f"ROLLBACK TO SAVEPOINT {savepoint}", f"RELEASE SAVEPOINT {savepoint}")
            if not self._engine.traits.has_savepoints:
                self._fail(error)
            raise
        self._end_nested(inner, f"RELEASE SAVEPOINT {savepoint}")

    def _end_nested(self, inner: SqlTransaction, *statements: str) -> None:
        inner.end()
        self._nested = None
        with self._doing("savepoint"):
            for statement in statements:
                self._savepoint(statement)

    def _savepoint(self, statement: str) -> None:
        if self._engine.traits.has_savepoints:
            self._connection.exec_driver_sql(statement)

    def end(self) -> None:
        """No statement is accepted from now on."""
        self._ended = True

    def refuse_if_failed(self) -> None:
        """Raises StatementFailed where an error of a statement was swallowed."""
        if failure := self._innermost().failure:
            raise StatementFailed(
                f"an earlier statement of this transaction on {self._translator.address} failed; it is rolled back."
                f" It said: {failure}",
                hint="let the error end the `with` block, or wrap what may fail in `with tx.transaction():`",
            )

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Errors of the driver come out as Holdfast's, and mark the transaction as failed."""
        if self._ended:
            raise TransactionEnded(
                f"{what}: this transaction on {self._translator.address} has ended; nothing was done",
                hint="use the transaction only inside its `with` block",
            )
        self.refuse_if_failed()
        try:
            with self._translator.translated(what):
                yield
        except BaseException as error:
            self._innermost()._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        self.failure = self.failure or str(error) or type(error).__name__

    def _innermost(self) -> SqlTransaction:
        """The savepoint that is open: whoever runs a statement, that is what it belongs to."""
        return self._nested._innermost() if self._nested else self

    def _run_named(self, name: str, **binds: Any) -> Result:
        return self._run_in_order(_prepared(self._engine, name, None), binds)

    def _run_in_order(self, statements: Sequence[sa.TextClause], binds: Mapping[str, Any]) -> Result:
        """The last one's result; each takes the binds it names."""
        *before, last = statements
        for statement in before:
            self._run(statement, binds)
        return self._run(last, binds)

    def _run(self, statement: sa.TextClause, binds: Mapping[str, Any]) -> Result:
        result = self._connection.execute(statement, {name: self._engine.bound(v) for name, v in binds.items()})
        if not result.returns_rows:
            return Result(count=result.rowcount)
        rows = [dict(row) for row in result.mappings()]
        return Result(rows, len(rows))

    def _run_batches(self, statement: sa.TextClause, rows: Iterable[Mapping[str, Any]]) -> int:
        count, bound, remaining = 0, self._engine.bound, iter(rows)
        while batch := [{name: bound(v) for name, v in row.items()} for row in islice(remaining, BATCH_ROWS)]:
            self._connection.execute(statement, batch)
            count += len(batch)
        return count

    def _write_rows(self, table: str, rows: Iterable[Mapping[str, Any]], key: tuple[str, ...] | None = None) -> int:
        remaining = iter(rows)
        first = next(remaining, None)
        if first is None:
            return 0
        columns = tuple(first)
        if key is not None and (not key or not set(key) <= first.keys()):
            raise ConstraintViolation(
                f"upsert into {table!r}: the rows lack a column of the key {key}; nothing was written"
            )
        others = tuple(name for name in columns if name not in (key or ()))
        conflict = "" if key is None else " " + self._engine.on_conflict(quote_table(table), key, others)
        names = ", ".join(quote(name) for name in columns)
        places = ", ".join(f":p{i}" for i in range(len(columns)))
        statement = sa.text(
            f"INSERT INTO {escape_quoted(quote_table(table))} ({escape_quoted(names)}) VALUES ({places})"  # noqa: S608
            f"{escape_quoted(conflict)}"
        )
        rows = _numbered(table, columns, first, remaining)
        return self._run_batches(statement, self._unrounded(table, columns, rows))

    def _unrounded(
        self, table: str, columns: tuple[str, ...], rows: Iterable[dict[str, Any]]
    ) -> Iterable[dict[str, Any]]:
        """Rows for a table, refused where a decimal column would round a value."""
        found = reflect_table(table, self._run_named, real_is_double=True) if self._engine.rounds_decimals else None
        types = {f"p{i}": c.type for i, name in enumerate(columns) if found and (c := found.column(name))}
        scales = {place: kind.scale for place, kind in types.items() if kind.scale is not None}
        return (refuse_rounding(table, row, scales, columns) for row in rows) if scales else rows


def _numbered(
    table: str, columns: tuple[str, ...], first: Mapping[str, Any], rest: Iterator[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Rows with binds by place: a column may have any name. Raises ConstraintViolation for a row of another shape."""
    wanted = set(columns)
    for number, row in enumerate(chain([first], rest)):
        if row.keys() != wanted:
            different = ", ".join(sorted(repr(name) for name in row.keys() ^ wanted))
            raise ConstraintViolation(
                f"row {number} for {table!r} has other columns than row 0: {different}; nothing was written",
                hint="give every row the same keys; use None for no value",
            )
        yield {f"p{i}": row[name] for i, name in enumerate(columns)}


def refuse_rounding(
    table: str, row: dict[str, Any], scales: Mapping[str, int], columns: tuple[str, ...]
) -> dict[str, Any]:
    """The row as it is. Raises ConstraintViolation for a number with more digits after the point than its column."""
    for place, scale in scales.items():
        value = row[place]
        if value is None or isinstance(value, int):
            continue
        try:
            exponent = Decimal(str(value)).normalize().as_tuple().exponent
        except InvalidOperation:
            continue  # no number at all: the database says so
        if isinstance(exponent, int) and -exponent > scale:
            raise ConstraintViolation(
                f"column {columns[int(place[1:])]!r} of {table!r}: a number has over {scale} digits after the point"
                "; nothing was written",
                hint="the database would round it: widen the column, or reject such values",
            )
    return row


@lru_cache(maxsize=1024)
def _prepared(engine: Engine, name: str, shape: MergeShape | None) -> tuple[sa.TextClause, ...]:
    statement = named_statement(engine, name)
    if shape is not None:
        statement = fill(statement, shape_fills(_placed(engine, shape), words_of(engine)))
    if left := unfilled(statement):
        raise StatementFailed(f"statement {name!r} has nothing to fill {', '.join(left)} with; it was not run")
    return tuple(sa.text(escape_quoted(part)) for part in in_order(statement))


def _physical(engine: Engine, table: str) -> str:
    return physical_table(table, has_schemas=engine.traits.has_schemas)


def _placed(engine: Engine, shape: MergeShape) -> MergeShape:
    target, staging, landing = (_physical(engine, name) for name in (shape.target, shape.staging, shape.landing))
    return replace(shape, target=target, staging=staging, landing=landing)


def words_of(engine: Engine) -> Words:
    fills = engine.fills
    return Words(
        now=fills["now"],
        distinct=engine.distinct,
        on_conflict=engine.on_conflict,
        day_text=engine.day_text,
        text=fills["text"],
        json_object=fills["json_object"],
    )


def named_statement(engine: Engine, name: str) -> str:
    """The statement in the engine's words. Raises StatementFailed for a name that does not exist."""
    statements = load_statements(engine.name)
    if name not in statements:
        raise StatementFailed(f"there is no statement named {name!r}; {len(statements)} exist, see adapters/sql/")
    return fill(statements[name], engine.fills)
