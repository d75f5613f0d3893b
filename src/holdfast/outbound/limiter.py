"""Who keeps a source's limit, breaker and counts: this process, or the ledger for all processes and machines.

A limiter never sleeps and holds no lock while somebody waits: it answers at once how long to wait. `waiting.py` waits.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Protocol

from holdfast.outbound import turns
from holdfast.outbound.counts import CallCounts
from holdfast.outbound.policy import MICROSECONDS, Policy
from holdfast.outbound.turns import SourceState, Turn
from holdfast.ports.clock import Clock, SystemClock


class Limiter(Protocol):
    """Safe to use from many threads."""

    def ask(self, policy: Policy, wait_s_max: float) -> Turn:
        """Take a turn if one comes within `wait_s_max`. Answers at once."""
        ...

    def settle(self, policy: Policy, *, is_alive: bool) -> None:
        """A call is over: did the source show that it is alive?"""
        ...

    def pause(self, policy: Policy, pause_s: float) -> None:
        """The source asked to be left alone for so long."""
        ...

    def count(self, source: str, counts: CallCounts) -> None:
        """Add to the source's statistics."""
        ...


class LocalLimiter:
    """Within this process, without a database."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._states: defaultdict[str, SourceState] = defaultdict(SourceState)
        self._counts: defaultdict[str, CallCounts] = defaultdict(CallCounts)

    def ask(self, policy: Policy, wait_s_max: float) -> Turn:
        with self._lock:
            return turns.ask(self._states[policy.source], policy, self._now_us(), int(wait_s_max * MICROSECONDS))

    def settle(self, policy: Policy, *, is_alive: bool) -> None:
        with self._lock:
            turns.settle(self._states[policy.source], policy, self._now_us(), is_alive=is_alive)

    def pause(self, policy: Policy, pause_s: float) -> None:
        with self._lock:
            turns.pause(self._states[policy.source], policy, self._now_us(), pause_s)

    def count(self, source: str, counts: CallCounts) -> None:
        with self._lock:
            self._counts[source].add(counts)

    def statistics(self) -> dict[str, CallCounts]:
        """The counts of each source so far."""
        with self._lock:
            return dict(self._counts)

    def _now_us(self) -> int:
        return int(self._clock.monotonic_s() * MICROSECONDS)
