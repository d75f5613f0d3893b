"""What the error codes of MariaDB and MySQL mean, and what of their messages may be repeated."""

from __future__ import annotations

import re

import pymysql

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

_AGAIN = "run the transaction again"
_CREDENTIALS = "check user and password in the database URL"
_RIGHT = "grant this user the right, or connect as another user"
_CONNECT = "connect again"
_CODES: dict[int, tuple[type[HoldfastError], str]] = {
    1205: (LockTimeout, "another transaction holds the lock; try again"),  # InnoDB undid the statement only
    3572: (LockTimeout, "another transaction holds the lock; try again"),
    1213: (Deadlock, _AGAIN),  # InnoDB undid the whole transaction
    3058: (Deadlock, _AGAIN),  # of named locks
    1020: (SerializationFailure, _AGAIN),
    1412: (SerializationFailure, _AGAIN),  # a table was changed while this snapshot was open
    1045: (AuthenticationFailed, _CREDENTIALS),
    1698: (AuthenticationFailed, _CREDENTIALS),
    1251: (AuthenticationFailed, "the server asks for an authentication the driver lacks: pip install 'PyMySQL[rsa]'"),
    1044: (AccessDenied, _RIGHT),
    1142: (AccessDenied, _RIGHT),
    1143: (AccessDenied, _RIGHT),
    1227: (AccessDenied, _RIGHT),
    1370: (AccessDenied, _RIGHT),
    1290: (AccessDenied, "the server is read-only: connect to the primary"),
    1792: (AccessDenied, "the transaction is read-only"),
    1836: (AccessDenied, "the server is read-only: connect to the primary"),
    1049: (AccessDenied, "create the database (CREATE DATABASE name), or name another one in the database URL"),
    1040: (DatabaseUnavailable, "end other connections, use fewer workers, or raise max_connections"),
    1203: (DatabaseUnavailable, "end other connections, use fewer workers, or raise max_user_connections"),
    1226: (DatabaseUnavailable, "the user's limit is reached: use fewer workers, or raise it"),
    2003: (DatabaseUnavailable, "is the server running, and reachable from this machine?"),
    2002: (DatabaseUnavailable, "is the server running, and reachable from this machine?"),
    2005: (DatabaseUnavailable, "is the server's name right?"),
    1021: (DiskFull, "free space on the server's disk and start again"),
    1114: (DiskFull, "free space on the server's disk, or let its tablespace grow, and start again"),
    1062: (UniqueViolation, ""),
    1586: (UniqueViolation, ""),
    1153: (StatementFailed, "raise max_allowed_packet on the server"),
    1118: (StatementFailed, "give long strings no length: string instead of string(n)"),
    1071: (StatementFailed, "a key holds 3072 bytes, four for each character: use shorter strings in keys"),
    1170: (StatementFailed, "a string in a key needs a length: string(n)"),
}
_LOST = {2006, 2013, 2014, 2027, 2045, 2055, 4031, 1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 3169}
_DATA = {
    *(1048, 1136, 1216, 1217, 1261, 1262, 1263, 1264, 1265, 1292, 1300, 1364, 1365, 1366, 1367, 1369, 1406, 1411, 1416),
    *(1441, 1451, 1452, 1525, 1557, 1690, 1761, 1762, 3140, 3156, 3157, 3819, 4025),
}
_QUOTED_VALUE = re.compile(r"(value|entry|Data|string|literal)(:? )'.*?'(?= for | at |$)", re.DOTALL | re.IGNORECASE)
_ROW_VALUE = re.compile(r"value is out of range in '.*'", re.DOTALL)


def fault_of(error: pymysql.Error) -> Fault:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else None
    text = " ".join(str(error.args[1] if len(error.args) > 1 else error).split())
    if code is None:
        return Fault(StatementFailed if "format" in text else ConstraintViolation, text)
    if code == 0:  # the driver's own: it was used after its connection ended
        return Fault(ConnectionLost, "the connection was closed", _CONNECT)
    if code in _LOST:
        return Fault(ConnectionLost, f"{text} (error {code})", _CONNECT)
    kind, hint = _CODES.get(code, (ConstraintViolation if code in _DATA else StatementFailed, ""))
    if issubclass(kind, (UniqueViolation, ConstraintViolation)):
        text = _ROW_VALUE.sub("value is out of range", _QUOTED_VALUE.sub(r"\1\2(a value)", text))
    return Fault(kind, f"{text} (error {code})", hint)
