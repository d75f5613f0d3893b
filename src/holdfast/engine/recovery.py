"""Going on after trouble that passes: which errors are worth another try, how long, and what the ledger says first.

Only errors of the TransientError family are tried again, here and nowhere else. A lost connection threw the whole
transaction away; whether a lost COMMIT happened is read from the ledger before anything is done again (P12).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import stamina
import structlog

from holdfast.domain.errors import TransientError

stamina.instrumentation.set_on_retry_hooks([])  # what is tried again is logged below, once, in our words
T = TypeVar("T")
log = structlog.get_logger("holdfast.recovery")


def keep_trying(
    work: Callable[[], T], *, what: str, retry_for_s: float, is_stopping: Callable[[], bool] = lambda: False
) -> T:
    """Do `work`, again after transient errors with growing, jittered waits, for at most `retry_for_s` seconds."""

    def worth_it(error: Exception) -> bool:
        if not isinstance(error, TransientError) or is_stopping():
            return False
        log.warning("trying again", what=what, error=error.message)
        return True

    attempts = stamina.retry_context(
        on=worth_it, attempts=None, timeout=retry_for_s, wait_initial=0.05, wait_max=5.0, wait_jitter=0.5
    )
    for attempt in attempts:
        with attempt:
            return work()
    raise AssertionError("retry_context ends by returning or raising")
