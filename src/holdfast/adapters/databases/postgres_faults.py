"""What PostgreSQL's SQLSTATEs mean, and what of its messages may be repeated."""

from __future__ import annotations

import re

import psycopg

from holdfast.adapters.databases.engine import Fault
from holdfast.domain.errors import (
    AccessDenied,
    AuthenticationFailed,
    ConnectionLost,
    ConstraintViolation,
    DatabaseUnavailable,
    Deadlock,
    DiskFull,
    HoldfastError,
    LockTimeout,
    SerializationFailure,
    StatementFailed,
    UniqueViolation,
)

_STATES: dict[str, tuple[type[HoldfastError], str]] = {
    "40P01": (Deadlock, "run the transaction again"),
    "40001": (SerializationFailure, "run the transaction again"),
    "55P03": (LockTimeout, "another transaction holds the lock; try again"),
    "23505": (UniqueViolation, ""),
    "28P01": (AuthenticationFailed, "check user and password in the database URL"),
    "28000": (AuthenticationFailed, "check user and password in the database URL, and the server's pg_hba.conf"),
    "3D000": (AccessDenied, "create the database (createdb NAME), or name another one in the database URL"),
    "42501": (AccessDenied, "grant this user the right, or connect as another user"),
    "25006": (AccessDenied, "the server or transaction is read-only: connect to the primary"),
    "53100": (DiskFull, "free space on the server's disk and start again"),
    "53300": (DatabaseUnavailable, "end other connections, use fewer workers, or raise max_connections"),
    "3F000": (StatementFailed, "create the schema first: CREATE SCHEMA name"),
    "57P01": (ConnectionLost, "connect again"),
    "57P02": (ConnectionLost, "connect again"),
    "57P03": (DatabaseUnavailable, "the server is starting or stopping; try again"),
}
_CLASSES: dict[str, type[HoldfastError]] = {
    "08": ConnectionLost,
    "22": ConstraintViolation,
    "23": ConstraintViolation,
    "40": SerializationFailure,
}
_QUOTED_VALUE = re.compile(r'"[^"]*"|\'[^\']*\'|: .*$', re.DOTALL)
# A failed connection attempt has no SQLSTATE in libpq: only the server's FATAL text tells why.
_CONNECTING: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("pg_hba.conf rejects", "28000"),
    ("authentication failed", "28000"),
    ("too many", "53300"),
    ("remaining connection slots", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
    ("permission denied", "42501"),
)


def fault_of(error: psycopg.Error) -> Fault:
    state = error.sqlstate or _state_of_text(str(error))
    if state is None:
        return _without_state(error)
    kind, hint = _STATES.get(state, (_CLASSES.get(state[:2], StatementFailed), ""))
    text = error.diag.message_primary or _one_line(error)
    if state == "57014":
        kind = LockTimeout if "lock timeout" in text else StatementFailed
    if state[:2] == "22":  # data exceptions quote the value
        text = _QUOTED_VALUE.sub("(a value)", text)
    return Fault(kind, f"{text} (SQLSTATE {state})", hint)


def _state_of_text(text: str) -> str | None:
    if re.search(r'database ".*" does not exist', text):
        return "3D000"
    if re.search(r'role ".*" does not exist', text):
        return "28000"
    return next((state for words, state in _CONNECTING if words in text), None)


def _without_state(error: psycopg.Error) -> Fault:
    """The client's own complaints: it could not connect, lost the connection, or cannot send a value."""
    if isinstance(error, psycopg.DataError):
        return Fault(ConstraintViolation, "a value cannot be stored as PostgreSQL text or number")
    if isinstance(error, psycopg.ProgrammingError):
        return Fault(StatementFailed, _one_line(error))
    text = _one_line(error)
    if "connection failed" in text or "connection timeout" in text or "could not translate host" in text:
        return Fault(DatabaseUnavailable, text, "is the server running, and reachable from this machine?")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Fault(ConnectionLost, text, "connect again")
    return Fault(StatementFailed, text)


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
