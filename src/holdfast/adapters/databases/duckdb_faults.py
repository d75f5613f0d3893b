"""What DuckDB's exceptions mean. Its texts repeat values of rows: they are left out."""

from __future__ import annotations

import re

import duckdb

from holdfast.adapters.databases.duckdb_dialect import LOST, OtherOptions, WriterBusy, is_held
from holdfast.adapters.databases.engine import Fault
from holdfast.domain.errors import (
    AccessDenied,
    ConfigError,
    ConnectionLost,
    ConstraintViolation,
    DatabaseUnavailable,
    DiskFull,
    HoldfastError,
    LockTimeout,
    SerializationFailure,
    StatementFailed,
    UniqueViolation,
)

_ANOTHER = (
    "one process at a time has a DuckDB file open: wait for it to end, or end it; more workers are --workers N of it"
)
_FILES: tuple[tuple[str, type[HoldfastError], str], ...] = (
    ("No space left", DiskFull, "free space on the disk and start again"),
    ("Permission denied", AccessDenied, "make the file and its directory readable and writable for this user"),
    ("Read-only file system", AccessDenied, "name a file on a disk that can be written"),
    ("Is a directory", StatementFailed, "this is a directory: name a file in it"),
    ("not a valid DuckDB", StatementFailed, "the file is not a DuckDB database: name another file"),
    ("version number", StatementFailed, "the file is of another version of DuckDB: pip install --upgrade duckdb"),
    ("orrupt", StatementFailed, "the file is damaged: restore it from a backup"),
    ("hecksum", StatementFailed, "the file is damaged: restore it from a backup"),
    ("No such file or directory", StatementFailed, "create the directory, or name another file"),
)
_PREFIX = re.compile(r"^(?:\w+ )*Error: ")
_FITS_NOT = re.compile(r"(?:destination type|to) ([A-Z]\w*(?:\(\d+,\s*\d+\))?)")


def is_interrupted(error: BaseException) -> bool:
    """Where a signal comes in the middle of a statement the driver raises a RuntimeError of its own."""
    return isinstance(error, duckdb.InterruptException) or (
        isinstance(error, RuntimeError) and "Query interrupted" in str(error)
    )


def fault_of(error: BaseException) -> Fault:
    text = _PREFIX.sub("", (str(error).splitlines() or [""])[0])
    match error:
        case WriterBusy():
            return Fault(
                LockTimeout, "another transaction of this process is writing", "try again, or wait longer for it"
            )
        case OtherOptions():
            return Fault(ConfigError, "the file is open in this process with other options", "use one URL for it")
        case _ if is_interrupted(error):
            return Fault(ConnectionLost, "the statement was interrupted")
        case _ if isinstance(error, LOST):
            return Fault(ConnectionLost, text)
        case duckdb.ConstraintException():
            return _constraint(text)
        case duckdb.ConversionException() | duckdb.OutOfRangeException():
            found = _FITS_NOT.search(text)
            return Fault(ConstraintViolation, f"a value does not fit {found[1] if found else 'its column'}")
        case duckdb.IOException():
            return _io(error, text)
        case duckdb.TransactionException():
            return _transaction(text)
        case duckdb.OutOfMemoryException():
            hint = "allow it more memory by the URL: duckdb:///file.duckdb?memory_limit=4GB; or make chunks smaller"
            return Fault(StatementFailed, text, hint)
        case _ if "read-only" in text:
            return Fault(AccessDenied, text, "open the file for writing")
        case _:
            return Fault(StatementFailed, text)


def _constraint(text: str) -> Fault:
    if "uplicate key" in text:
        return Fault(UniqueViolation, "a key is there already (primary key or unique index)")
    return Fault(ConstraintViolation, text)


def _io(error: BaseException, text: str) -> Fault:
    if is_held(error):
        return Fault(DatabaseUnavailable, text.partition(". See also")[0], _ANOTHER)
    for part, kind, hint in _FILES:
        if part in text:
            return Fault(kind, text, hint)
    return Fault(StatementFailed, text, "look at the file, its disk and the system's log")


def _transaction(text: str) -> Fault:
    if "read-only" in text:
        return Fault(AccessDenied, text, "a reading transaction does not write")
    if "uplicate key" in text:
        return Fault(UniqueViolation, "a key is there already (primary key or unique index)")
    if "onflict" in text:
        return Fault(SerializationFailure, "another transaction wrote the same rows")
    return Fault(StatementFailed, text)
