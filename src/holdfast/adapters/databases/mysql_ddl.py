"""DDL that commits by itself, made part of the transaction it stands in.

On MariaDB and MySQL each CREATE or DROP commits whatever transaction it runs in. So such statements run on a
connection of their own, and a journal, the table `ops_unsettled`, makes them come and go with the transaction. A
table named there is to be dropped:

- CREATE: the name is journaled and committed first, then taken out of the journal *within* the transaction, then the
  table is made. If the transaction commits, the table stays. If it is rolled back, or its process is killed, the name
  is back in the journal.
- DROP: the name is journaled within the transaction; the table goes after the commit, when nobody holds it any more.
- DROP, then CREATE of the same name: the old table is renamed, and its new name journaled within the transaction. The
  entry that was committed for its name begins with `aside_` and says what to name back.

Whoever ends a transaction with DDL, or begins the first one of a process, drops what the journal says. A named lock,
held until the transaction's end, keeps others from a table that is being made. Other DDL (ALTER, RENAME, CREATE
INDEX, ...) takes effect at once and is not undone.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pymysql
import sqlalchemy as sa

from holdfast.adapters.databases.identifiers import quote

JOURNAL = "ops_unsettled"
DDL_LOCK_S = 10  # a transaction of one's own may stand in the way: that ends in an error, not in a wait without end
_STATE = "holdfast_ddl"
_ASIDE = "aside_"
_NAME = r'((?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))?)'
_CREATE = re.compile(rf"\s*CREATE\s+TABLE\s+(IF\s+NOT\s+EXISTS\s+)?{_NAME}", re.IGNORECASE)
_DROP = re.compile(rf"\s*DROP\s+TABLE\s+(IF\s+EXISTS\s+)?{_NAME}\s*$", re.IGNORECASE)
_OTHER = re.compile(r"\s*(?:CREATE|DROP|ALTER|RENAME|TRUNCATE)\s+(?!TEMPORARY\b)", re.IGNORECASE)
_LEDGER = re.compile(
    r"\s*(?:CREATE\s+(?:TABLE|(?:UNIQUE\s+)?INDEX)|ALTER\s+TABLE)\s+(?:\w+\s+ON\s+)?\"?ops_", re.IGNORECASE
)
_LEDGER_LOCK = re.compile(r"SELECT GET_LOCK\('holdfast ledger '")
_TEXT = re.compile(r"\bTEXT\b")
_NO_SUCH_TABLE, _DUPLICATE_COLUMN, _DUPLICATE_INDEX, _LOCK_TIMEOUT = 1146, 1060, 1061, 1205
_IN_USE = "the table is in use; where this very transaction has read or written it: use a transaction of its own"


@dataclass(slots=True)
class _State:
    """What one transaction did: tables it made (and how), names it dropped, all names it touched."""

    made: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    reading: bool = False


class TransactionalDdl:
    """Takes DDL out of an engine's transactions. `beside` makes connections that commit each statement."""

    def __init__(self, beside: sa.Engine, table_options: Callable[[], str]) -> None:
        self._beside = beside
        self._table_options = table_options
        self._swept = False

    def listen(self, pool: sa.Engine) -> None:
        sa.event.listen(pool, "do_execute", self._do_execute)
        sa.event.listen(pool, "checkin", self._checkin)

    def begin(self, connection: sa.Connection, *, reading: bool = False) -> None:
        connection.info[_STATE] = _State(reading=reading)
        if not reading and not self._swept:
            self._swept = True
            self._settle(None)

    def _do_execute(self, own: Any, statement: str, parameters: Any, context: Any) -> bool | None:
        """True: it was done here."""
        if _LEDGER_LOCK.match(statement):
            own.execute(statement, parameters)
            self._settle(None, wait_s=DDL_LOCK_S)  # who held it may have died, with tables half-way
            return True
        if not _OTHER.match(statement):
            return None
        state = context.root_connection.info.get(_STATE)
        if state is None or state.reading:  # the server itself refuses DDL in a reading transaction
            return None
        text = own.mogrify(statement, parameters)
        if _LEDGER.match(text):
            text = self._for_ledger(text)
        if found := _CREATE.match(text):
            self._create(own, state, _spelled(found[2]), text, if_missing=bool(found[1]))
        elif found := _DROP.match(text):
            self._drop(own, state, _spelled(found[2]), text, if_there=bool(found[1]))
        else:
            with self._cursor() as beside:
                _run_repeatably(beside, text)
        return True

    def _for_ledger(self, text: str) -> str:
        """The ledger's DDL is written for every engine: TEXT of any length, names that differ in case or in a blank."""
        text = _TEXT.sub("LONGTEXT", text)
        return text + self._table_options() if _CREATE.match(text) else text

    def _create(self, own: Any, state: _State, name: str, text: str, *, if_missing: bool) -> None:
        self._hold(own, state, name)
        with self._cursor() as beside:
            is_unsettled = _unsettled(beside, name)
            is_gone = _unsettled(
                own, name
            )  # as this transaction sees it; the journal is there by now, or this would commit
            if name in state.made and not is_gone:
                if not if_missing:
                    beside.execute(text)  # which says that it is there
                return
            if state.made.get(name) == text:  # made, and dropped or undone by a savepoint, in this very transaction
                own.execute(f"DELETE FROM {name}")  # noqa: S608 - quoted
                _journal_without(own, name)
                return
            if name in state.gone and name not in state.made and is_gone:
                self._put_aside(own, beside, state, name)
            elif name in state.made or is_unsettled:
                beside.execute(f"DROP TABLE IF EXISTS {name}")
            elif _exists(beside, name):
                if not if_missing:
                    beside.execute(text)  # which says so
                return
            _journal_with(beside, name)
            _journal_without(own, name)
            beside.execute(text)
        state.made[name] = text
        own.execute("SET @holdfast_gone = REPLACE(@holdfast_gone, %s, '')", (_mark(name),))

    def _put_aside(self, own: Any, beside: Any, state: _State, name: str) -> None:
        """Dropped and to be made anew in one transaction: the old table keeps its rows until the commit."""
        entry = _ASIDE + uuid.uuid4().hex[len(_ASIDE) :]
        beside.execute(f"INSERT INTO {JOURNAL} VALUES (%s, %s)", (name, entry))  # noqa: S608
        _journal_without(own, name)
        beside.execute(f"RENAME TABLE {name} TO {_aside(name, entry)}")
        _journal_with(own, _aside(name, entry))
        state.names.add(_aside(name, entry))

    def _drop(self, own: Any, state: _State, name: str, text: str, *, if_there: bool) -> None:
        with self._cursor() as beside:
            if not _exists(beside, name):
                if not if_there:
                    beside.execute(text)
                return
            self._hold(own, state, name)
            _make_journal(beside)
        _journal_with(own, name)
        state.gone.add(name)
        own.execute("SET @holdfast_gone = CONCAT_WS(',', @holdfast_gone, %s)", (_mark(name),))

    def _hold(self, own: Any, state: _State, name: str) -> None:
        if name not in state.names:
            state.names.add(name)
            own.execute("SELECT GET_LOCK(" + _LOCK_NAME + ", @@innodb_lock_wait_timeout)", (name,))
            if own.fetchone()[0] != 1:
                raise pymysql.err.OperationalError(
                    1205, f"table {name} is being made or dropped by another transaction"
                )

    def _checkin(self, driver: Any, record: Any) -> None:
        state = record.info.pop(_STATE, None)
        if state is None or state.reading:
            return
        if driver is not None:
            with suppress(pymysql.Error), driver.cursor() as cursor:
                cursor.execute("SELECT RELEASE_ALL_LOCKS()")
        if state.names:
            self._settle(sorted(state.names))

    def _settle(self, names: list[str] | None, *, wait_s: int = 0) -> None:
        """Drop what the journal says, of these names or at all. What cannot be dropped now is dropped another time."""
        with suppress(pymysql.Error, sa.exc.SQLAlchemyError), self._cursor() as beside:
            if not _exists(beside, JOURNAL):
                return
            beside.execute(f"SELECT DISTINCT table_name FROM {JOURNAL}")  # noqa: S608
            waiting = [row[0] for row in beside.fetchall()]
            for name in sorted(waiting, key=lambda name: name == quote(JOURNAL)):  # the journal itself last
                if names is None or name in names:
                    self._settle_one(beside, name, wait_s if name.startswith('"ops_') else 0)

    def _settle_one(self, beside: Any, name: str, wait_s: int) -> None:
        beside.execute(f"SELECT GET_LOCK({_LOCK_NAME}, %s)", (name, wait_s))
        if beside.fetchone()[0] != 1:
            return  # a transaction that is under way makes or drops it
        try:
            if _unsettled(beside, name):
                self._undo(beside, name)
        finally:
            beside.execute(f"SELECT RELEASE_LOCK({_LOCK_NAME})", (name,))

    def _undo(self, beside: Any, name: str) -> None:
        """The table goes. One that was put aside for it comes back; if none was yet, the table is still the old one."""
        beside.execute(f"SELECT entry FROM {JOURNAL} WHERE table_name = %s", (name,))  # noqa: S608
        put_aside = [_aside(name, row[0]) for row in beside.fetchall() if row[0].startswith(_ASIDE)]
        there = [table for table in put_aside if _exists(beside, table)]
        if there or not put_aside:
            beside.execute(f"DROP TABLE IF EXISTS {name}")
        for table in there:
            beside.execute(f"RENAME TABLE {table} TO {name}")
        if name != quote(JOURNAL):
            _journal_without(beside, name)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with self._beside.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            with driver.cursor() as cursor:
                cursor.execute(f"SET SESSION lock_wait_timeout = {DDL_LOCK_S}, innodb_lock_wait_timeout = {DDL_LOCK_S}")
                try:
                    yield cursor
                except pymysql.err.OperationalError as error:
                    if error.args[0] != _LOCK_TIMEOUT:
                        raise
                    raise pymysql.err.OperationalError(_LOCK_TIMEOUT, _IN_USE) from None


_LOCK_NAME = "CONCAT('holdfast ', SHA1(CONCAT(DATABASE(), ' ', %s)))"


def _mark(name: str) -> str:
    """A table's place in `@holdfast_gone`, which `reflect_columns` looks at."""
    return hashlib.md5(_parts(name)[1].encode(), usedforsecurity=False).hexdigest()


def _parts(name: str) -> tuple[str | None, str]:
    words = [
        word[1:-1].replace('""', '"') if word[0] == '"' else word for word in re.findall(r'"(?:[^"]|"")+"|\w+', name)
    ]
    return (words[0], words[1]) if len(words) == 2 else (None, words[0])


def _spelled(name: str) -> str:
    """One spelling for one table: it is a key of the journal."""
    schema, table = _parts(name)
    return f"{quote(schema)}.{quote(table)}" if schema else quote(table)


def _aside(name: str, entry: str) -> str:
    schema, _ = _parts(name)
    table = quote(f"holdfast_{entry}")
    return f"{quote(schema)}.{table}" if schema else table


def _exists(cursor: Any, name: str) -> bool:
    cursor.execute(
        "SELECT COUNT(*) FROM information_schema.tables"
        " WHERE table_schema = COALESCE(%s, DATABASE()) AND table_name = %s",
        _parts(name),
    )
    return bool(cursor.fetchone()[0])


def _unsettled(cursor: Any, name: str) -> bool:
    try:
        cursor.execute(f"SELECT COUNT(*) FROM {JOURNAL} WHERE table_name = %s", (name,))  # noqa: S608
    except pymysql.err.ProgrammingError as error:
        if error.args[0] != _NO_SUCH_TABLE:
            raise
        _make_journal(cursor)
        return False
    return bool(cursor.fetchone()[0])


def _make_journal(cursor: Any) -> None:
    cursor.execute(
        f"CREATE TABLE IF NOT EXISTS {JOURNAL} (table_name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        " NOT NULL, entry CHAR(32) CHARACTER SET ascii NOT NULL, PRIMARY KEY (table_name, entry)) ENGINE=InnoDB"
        " COMMENT = 'Holdfast: tables to be dropped'"
    )


def _journal_with(cursor: Any, name: str) -> None:
    """An entry of its own each time: two connections of one transaction must not wait for each other."""
    cursor.execute(f"INSERT INTO {JOURNAL} VALUES (%s, %s)", (name, uuid.uuid4().hex))  # noqa: S608


def _journal_without(cursor: Any, name: str) -> None:
    cursor.execute(f"DELETE FROM {JOURNAL} WHERE table_name = %s", (name,))  # noqa: S608


def _run_repeatably(cursor: Any, text: str) -> None:
    """A migration that was killed half-way is completed: a step of it that was done is no error."""
    try:
        cursor.execute(text)
    except pymysql.Error as error:
        if not (_LEDGER.match(text) and error.args[0] in (_DUPLICATE_COLUMN, _DUPLICATE_INDEX)):
            raise
