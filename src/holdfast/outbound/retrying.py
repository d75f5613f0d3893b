"""When to try again: growing, jittered waits, and a budget so that retries never multiply a storm."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RESERVE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """`initial_s`, then `multiplier` times more each time, at most `cap_s`; less a random share of up to `jitter`."""

    initial_s: float = 0.5
    multiplier: float = 2.0
    cap_s: float = 30.0
    jitter: float = 0.5

    def wait_s(self, tries: int) -> float:
        """The wait after so many tries (1 or more)."""
        grown = self.initial_s * self.multiplier ** min(tries - 1, 64)
        return min(self.cap_s, grown) * (1.0 - self.jitter * random.random())  # noqa: S311 - no secret hangs on it


class RetryBudget:
    """A token bucket: a call puts `share` in, a retry takes 1 out; it holds at most the reserve it begins with.

    So with everything failing there are at most `1 + share` requests a call, and 10 more.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._tokens = RESERVE

    def earn(self) -> None:
        with self._lock:
            self._tokens = min(RESERVE, self._tokens + self._share)

    def spend(self) -> bool:
        """Is there a retry left? Then it is taken."""
        with self._lock:
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True


def retry_after_s(header: str | None) -> float | None:
    """What a Retry-After header asks for, in seconds or as a date; None where there is none or it says nothing."""
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(min(int(text[:12]), 10**9))
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
