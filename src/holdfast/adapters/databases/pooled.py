"""A database behind SQLAlchemy's pool: gives out transactions, and owns their beginning and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from holdfast.adapters.databases.address import Address
from holdfast.adapters.databases.engine import Engine
from holdfast.adapters.databases.errors import Translator
from holdfast.adapters.databases.statements import load_statements, partition_key, with_values
from holdfast.adapters.databases.transaction import SqlTransaction, named_statement, words_of
from holdfast.domain.errors import CommitUnknown, ConnectionLost, DatabaseError, DatabaseUnavailable
from holdfast.domain.table import Partition, TableDefinition
from holdfast.domain.types import ColumnType
from holdfast.ports.database import Traits, Transaction

if TYPE_CHECKING:
    import pyarrow as pa


class PooledDatabase:
    """Implements `ports.database.Database`. Safe to use from many threads."""

    def __init__(self, engine: Engine, address: Address, pool_size: int) -> None:
        self.statement_names = tuple(sorted(load_statements(engine.name)))
        self._engine = engine
        self._translator = Translator(engine, address)
        with self._translator.translated("connect"):
            self._pool = engine.open(address, pool_size)

    def __repr__(self) -> str:
        return f"<Database {self._translator.address}>"

    @property
    def engine_name(self) -> str:
        return self._engine.name

    @property
    def traits(self) -> Traits:
        return self._engine.traits

    def statement(self, name: str) -> str:
        return named_statement(self._engine, name)

    def shown(self, statement: str, binds: Mapping[str, Any]) -> str:
        return with_values(statement, {name: self._engine.bound(value) for name, value in binds.items()})

    def partition_key(self, partition: Partition, alias: str) -> str:
        return partition_key(partition, f"{alias}.", words_of(self._engine))

    def problem_with(self, definition: TableDefinition) -> list[str]:
        return self._engine.problem_with(definition)

    def transaction(self, *, lock_timeout_s: float | None = None) -> AbstractContextManager[SqlTransaction]:
        return self._transaction(lambda connection: self._engine.begin(connection, lock_timeout_s))

    def reading(self) -> AbstractContextManager[SqlTransaction]:
        return self._transaction(self._engine.begin_reading)

    @contextmanager
    def _transaction(self, begin: Callable[[sa.Connection], None]) -> Iterator[SqlTransaction]:
        translated = self._translator.translated
        with translated("connect", lost=DatabaseUnavailable):
            connection = self._pool.connect()
        try:
            with translated("begin"):
                outer = connection.begin()
                begin(connection)
            tx = SqlTransaction(connection, self._engine, self._translator)
            try:
                yield tx
                tx.refuse_if_failed()
                tx.end()
                with translated("commit", lost=CommitUnknown):
                    outer.commit()
            finally:
                tx.end()
        except ConnectionLost:
            connection.invalidate()
            raise
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sa.Connection) -> None:
        """Rolls back what was not committed. A connection that cannot even do that is thrown away."""
        try:
            with self._translator.translated("rollback"):
                connection.rollback()
        except DatabaseError:
            connection.invalidate()
        connection.close()

    def scan(
        self,
        tx: Transaction,
        table: str,
        columns: Sequence[tuple[str, ColumnType]],
        origins: Sequence[tuple[int, int]] = (),
    ) -> Iterator[pa.Table]:
        assert isinstance(tx, SqlTransaction)
        return tx.scan(table, columns, origins)

    def close(self) -> None:
        self._pool.dispose()
