"""A connection to MariaDB or MySQL on which no value is altered silently.

The session's mode is strict whatever the server's is, text is compared and kept byte by byte, moments are UTC. What
strict mode itself lets pass with a note (a text cut after its last visible character, a rounded decimal) is an error
here, and so is any warning of LOAD DATA, which treats every error of a value as one.

`upload` gives LOAD DATA LOCAL bytes of this process; whatever file a server may ask for, it gets nothing else.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any, cast

import pymysql
from pymysql.connections import Connection, MySQLResult
from pymysql.constants import CLIENT
from pymysql.converters import conversions
from pymysql.cursors import Cursor

from holdfast.domain.errors import ConfigError

MODES = (
    "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
)
LOCK_TIMEOUT_S = 3600  # deadlocks are found at once; a publish may hold a lock for long
IDLE_S = 300  # a machine that vanished, or a frozen process, must not hold its locks for ever
PACKET_BYTES = 256 * 1024
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_INSERTS_VALUES = re.compile(r"\s*INSERT\b(?!.*\)\s*SELECT\b)", re.IGNORECASE | re.DOTALL)
_HEAD = 4096
_NO_VALUE_ALTERED = {1287, 1681, 3719, 3778}  # deprecated words


class StrictCursor(Cursor):
    """A value that was altered on its way in is an error, also where the server only takes a note of it."""

    def execute(self, query: Any, args: Any = None) -> int:
        touched = int(super().execute(query, args))
        if self.warning_count:
            head = query[:_HEAD] if isinstance(query, str) else bytes(query[:_HEAD]).decode("utf-8", "replace")
            if _INSERTS_VALUES.match(head):
                self.refuse_warnings()
        return touched

    def refuse_warnings(self) -> None:
        """Raises the first warning of the last statement that is about a value."""
        connection = self.connection
        with connection.cursor(Cursor) as cursor:
            cursor.execute("SHOW WARNINGS")
            found = [(int(code), str(text)) for _, code, text in cursor.fetchall() if code not in _NO_VALUE_ALTERED]
        for code, text in found:
            raise pymysql.err.DataError(code, text)


class StrictConnection(Connection):
    """PyMySQL's, with a strict cursor and an upload from memory."""

    upload: Iterable[memoryview] | None = None
    may_load = False  # LOAD DATA LOCAL is switched on, here and on the server

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in str(self.get_server_info()).lower()

    def keep_alive(self) -> None:
        """So that a server whose machine vanished is noticed within a minute, not in two hours."""
        sock = self._sock
        if sock is not None and sock.family != socket.AF_UNIX:
            for name, value in _KEEPALIVE.items():
                if hasattr(socket, name):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def _create_ssl_ctx(self, options: Any) -> ssl.SSLContext:
        """Where nothing is asked of TLS no certificate is looked at: then none need be read either."""
        return cast("ssl.SSLContext", super()._create_ssl_ctx(options)) if options else _unverified()

    def _read_query_result(self, unbuffered: bool = False) -> int:
        self._result = None
        result = _Result(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows or 0)


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Result(MySQLResult):
    def _read_load_local_packet(self, _first_packet: object) -> None:
        connection = self.connection
        pieces, connection.upload = connection.upload, None
        try:
            for piece in pieces or ():
                for start in range(0, len(piece), PACKET_BYTES):
                    connection.write_packet(bytes(piece[start : start + PACKET_BYTES]))
        finally:
            connection.write_packet(b"")
            answer = connection._read_packet()
        self._read_ok_packet(answer)
        if pieces is None:
            raise pymysql.err.OperationalError(2027, "the server asked for a file that was not offered; it got none")


def connect(parameters: dict[str, Any]) -> StrictConnection:
    """A connection by the driver's parameters. Raises ConfigError for options it does not know, else its own errors."""
    given = {"local_infile": True, "connect_timeout": 10, "charset": "utf8mb4", **parameters}
    # Without FOUND_ROWS a known key that is left as it is counts as no row, as ON CONFLICT DO NOTHING does elsewhere.
    given["client_flag"] = int(given.get("client_flag", 0)) & ~CLIENT.FOUND_ROWS
    given["conv"] = {**conversions, Decimal: _plain}
    try:
        connection = StrictConnection(**given, cursorclass=StrictCursor)
    except TypeError as error:
        raise ConfigError(
            f"the database URL has an option the driver does not know ({error}); no connection was made",
            hint="options are those of PyMySQL, as ?ssl_ca=FILE or ?unix_socket=PATH",
        ) from None
    except RuntimeError as error:  # a way to log in that needs another package
        raise ConfigError(
            f"the server asks for a way to log in the driver lacks: {error}; no connection was made",
            hint="pip install 'PyMySQL[rsa]', or connect with TLS: ?ssl_ca=FILE",
        ) from None
    connection.keep_alive()
    return connection


def _plain(value: Decimal, _mapping: object = None) -> str:
    """Digits only: with an exponent it would be read as a double."""
    return format(value, "f")


def set_up(connection: StrictConnection) -> None:
    """Raises ConfigError where server or proxy does not keep what the session asks for (P9)."""
    with connection.cursor() as cursor:
        cursor.execute(session_settings())
        cursor.execute(
            f"SET SESSION wait_timeout = {IDLE_S}, sql_safe_updates = 0, sql_auto_is_null = 0, sql_notes = 1,"
            " max_error_count = 64, unique_checks = 1, foreign_key_checks = 1, completion_type = 0,"
            " sql_select_limit = 18446744073709551615"
        )
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cursor.execute("SELECT @@SESSION.sql_mode, @@character_set_connection, @@SESSION.time_zone, @@local_infile")
        found, charset, zone, infile = cursor.fetchone()
    connection.may_load = bool(infile) and connection._local_infile
    lacking = [mode for mode in MODES.split(",") if mode not in str(found).split(",")]
    if lacking or charset != "utf8mb4" or zone != "+00:00":
        what = f"lacks {', '.join(lacking)}" if lacking else f"has character set {charset} and time zone {zone}"
        raise ConfigError(
            f"server or proxy does not keep the session's settings: it {what}; values could be altered"
            " silently, so nothing was done",
            hint="connect to the server itself, or let the proxy pass SET SESSION on",
        )


def session_settings(lock_timeout_s: float | None = None) -> str:
    """Said again at each transaction's begin, so that it holds whichever connection a proxy gives."""
    seconds = LOCK_TIMEOUT_S if lock_timeout_s is None else max(1, round(lock_timeout_s))
    return (
        f"SET SESSION sql_mode = '{MODES}', time_zone = '+00:00', innodb_lock_wait_timeout = {seconds},"
        f" lock_wait_timeout = {seconds}, default_storage_engine = InnoDB, default_tmp_storage_engine = InnoDB,"
        " @holdfast_gone = NULL"
    )
