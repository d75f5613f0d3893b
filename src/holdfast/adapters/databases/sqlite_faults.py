"""What SQLite's error codes mean."""

from __future__ import annotations

import sqlite3

from holdfast.adapters.databases.engine import Fault
from holdfast.domain.errors import (
    AccessDenied,
    ConnectionLost,
    ConstraintViolation,
    DatabaseUnavailable,
    DiskFull,
    HoldfastError,
    LockTimeout,
    StatementFailed,
    UniqueViolation,
)

_KINDS: dict[int, tuple[type[HoldfastError], str]] = {
    sqlite3.SQLITE_BUSY: (LockTimeout, "another process is writing; try again, or allow a longer lock timeout"),
    sqlite3.SQLITE_LOCKED: (LockTimeout, "another transaction is writing; try again"),
    sqlite3.SQLITE_FULL: (DiskFull, "free space on the disk and start again"),
    sqlite3.SQLITE_READONLY: (AccessDenied, "make the file and its directory writable for this user"),
    sqlite3.SQLITE_PERM: (AccessDenied, "make the file and its directory writable for this user"),
    sqlite3.SQLITE_AUTH: (AccessDenied, "this statement is not allowed here"),
    sqlite3.SQLITE_CANTOPEN: (AccessDenied, "make the file and its directory readable and writable for this user"),
    sqlite3.SQLITE_CONSTRAINT: (ConstraintViolation, ""),
    sqlite3.SQLITE_MISMATCH: (ConstraintViolation, ""),
    sqlite3.SQLITE_TOOBIG: (ConstraintViolation, "SQLite holds values up to 1 GB"),
    sqlite3.SQLITE_NOTADB: (StatementFailed, "the file is not a SQLite database: name another file"),
    sqlite3.SQLITE_CORRUPT: (StatementFailed, "the file is damaged: restore it from a backup (sqlite3 FILE .recover)"),
    sqlite3.SQLITE_IOERR: (DatabaseUnavailable, "the disk does not answer: look at the system's log"),
}
_UNIQUE = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}


def fault_of(error: sqlite3.Error) -> Fault:
    code = getattr(error, "sqlite_errorcode", None)
    text = str(error)
    if code is None:  # the driver's own complaint, not the library's
        if "closed" in text:
            return Fault(ConnectionLost, "the connection was closed")
        return Fault(ConstraintViolation if "bind" in text else StatementFailed, text)
    if code in _UNIQUE:
        return Fault(UniqueViolation, text)
    kind, hint = _KINDS.get(code & 0xFF, (StatementFailed, ""))
    return Fault(kind, text, hint)
