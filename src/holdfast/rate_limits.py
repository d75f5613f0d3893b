"""`holdfast.rate_limited`: a limit for any function, in this process or shared through a database."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from holdfast.domain.errors import HoldfastError
from holdfast.outbound.decorators import limited
from holdfast.outbound.limiter import Limiter, LocalLimiter
from holdfast.outbound.policy import Policy

if TYPE_CHECKING:
    from holdfast.ports.database import Database

P = ParamSpec("P")
R = TypeVar("R")
_WAIT_S_MAX = 10.0**9
_local = LocalLimiter()
_opened: dict[str, Limiter] = {}
_opening = threading.Lock()


def rate_limited(
    source: str,
    *,
    calls: int,
    period_s: float = 60.0,
    burst: int = 1,
    wait_s_max: float | None = None,
    database: Database | str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function be called at most `calls` times in any `period_s` seconds; a call waits until it may go.

    The limit is the source's: all functions that name it share it, in this process; with `database` (a URL, or what
    `holdfast.connect` gave) all processes and machines that use that database. `wait_s_max`: raise RateLimited at once
    where the wait would be longer; None: wait however long. The first `burst` calls may go together.
    """
    try:
        policy = Policy(
            source=source,
            calls=calls,
            period_s=period_s,
            burst=burst,
            deadline_s=_WAIT_S_MAX if wait_s_max is None else wait_s_max,
        )
    except ValueError as error:
        raise TypeError(f"rate_limited: {error}") from None
    return limited(policy, lambda: _limiter_of(database))


def _limiter_of(database: Database | str | None) -> Limiter:
    if database is None:
        return _local
    from holdfast.engine.migrate import upgrade
    from holdfast.outbound.ledger_limiter import LedgerLimiter

    if not isinstance(database, str):
        upgrade(database)
        return LedgerLimiter(database)
    with _opening:
        if database not in _opened:
            from holdfast.adapters.databases import connect

            connected = connect(database)
            atexit.register(_closed, connected)
            upgrade(connected)
            _opened[database] = LedgerLimiter(connected)
        return _opened[database]


def _closed(database: Database) -> None:
    with suppress(HoldfastError):
        database.close()
