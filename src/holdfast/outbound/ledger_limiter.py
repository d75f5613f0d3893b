"""The limiter that all processes and machines share: a row a source in the ledger, by the database's clock.

Each operation is one short transaction: lock the row, do the arithmetic of `turns`, write it back. Nobody sleeps in
one, so a caller that is killed holds up nobody. A database that is busy is asked again, for a while.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count
from typing import TypeVar

from holdfast.domain.errors import TransientError, UniqueViolation
from holdfast.outbound import turns
from holdfast.outbound.counts import CallCounts
from holdfast.outbound.policy import MICROSECONDS, Policy
from holdfast.outbound.retrying import Backoff
from holdfast.outbound.turns import SourceState, Turn
from holdfast.ports.clock import Clock, SystemClock
from holdfast.ports.database import Database, Row

TRIES = 10
_BACKOFF = Backoff(initial_s=0.02, cap_s=1.0)
T = TypeVar("T")


class LedgerLimiter:
    """Needs a ledger that is up to date. Safe to use from many threads; the database stays its owner's to close."""

    def __init__(self, database: Database, clock: Clock | None = None) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._failing: set[str] = set()  # sources whose breaker had something to forget when last looked at
        self._lock = threading.Lock()

    def ask(self, policy: Policy, wait_s_max: float) -> Turn:
        if policy.calls is None:
            turn = self._glance(policy, wait_s_max)
            if turn and not turn.is_noted:
                return turn
        return self._again(policy.source, lambda: self._ask(policy, wait_s_max))

    def settle(self, policy: Policy, *, is_alive: bool) -> None:
        """Costs nothing while all goes well."""
        if is_alive and policy.source not in self._failing:
            return
        with self._lock:
            self._failing.discard(policy.source) if is_alive else self._failing.add(policy.source)
        self._change(policy.source, lambda state, now_us: turns.settle(state, policy, now_us, is_alive=is_alive))

    def pause(self, policy: Policy, pause_s: float) -> None:
        self._change(policy.source, lambda state, now_us: turns.pause(state, policy, now_us, pause_s))

    def count(self, source: str, counts: CallCounts) -> None:
        """Counted at most once: where it is not known whether a COMMIT was, the counts are given up."""
        if not self._count(source, counts):
            self._add(source)
            self._count(source, counts)

    def _count(self, source: str, counts: CallCounts) -> bool:
        with self._database.transaction() as tx:
            return tx.run("outbound_count", source=source, **asdict(counts)).count > 0

    def _glance(self, policy: Policy, wait_s_max: float) -> Turn | None:
        """A source without a limit is only looked at: no transaction that writes. None: it has no row yet."""
        with self._database.reading() as tx:
            row = tx.run("outbound_get", source=policy.source).first
        return turns.ask(self._seen(policy.source, row), policy, row["now_us"], _us(wait_s_max)) if row else None

    def _ask(self, policy: Policy, wait_s_max: float) -> Turn | None:
        with self._database.transaction() as tx:
            asked_s = self._clock.monotonic_s()
            row = tx.run("outbound_lock", source=policy.source).first
            answered_s = self._clock.monotonic_s()
            if row is None:
                return None
            state = self._seen(policy.source, row)
            turn = turns.ask(state, policy, row["now_us"], _us(wait_s_max))
            if turn.is_noted:
                tx.run("outbound_set", source=policy.source, **_binds(state))
        now_s = self._clock.monotonic_s()
        return replace(turn, age_s_min=now_s - answered_s, age_s_max=now_s - asked_s)

    def _change(self, source: str, change: Callable[[SourceState, int], object]) -> None:
        def once() -> bool | None:
            with self._database.transaction() as tx:
                row = tx.run("outbound_lock", source=source).first
                if row is None:
                    return None
                state = _state(row)
                change(state, row["now_us"])
                tx.run("outbound_set", source=source, **_binds(state))
                return True

        self._again(source, once)

    def _add(self, source: str) -> None:
        with suppress(UniqueViolation), self._database.transaction() as tx:  # another process may be quicker
            tx.run("outbound_add", source=source)

    def _seen(self, source: str, row: Row) -> SourceState:
        state = _state(row)
        with self._lock:
            (self._failing.add if state.failures else self._failing.discard)(source)
        return state

    def _again(self, source: str, work: Callable[[], T | None]) -> T:
        """The result of `work`, which gives None where the source has no row yet; again while the database is busy."""
        for tries in count(1):
            try:
                done = work()
                if done is not None:
                    return done
                self._add(source)
            except TransientError:
                if tries >= TRIES:
                    raise
                self._clock.sleep(_BACKOFF.wait_s(tries))
        raise AssertionError("count() does not end")


def _us(seconds: float) -> int:
    return int(seconds * MICROSECONDS)


def _state(row: Row) -> SourceState:
    return SourceState(row["slot_us"], row["failures_in_row"], row["open_until_us"])


def _binds(state: SourceState) -> Row:
    return {"slot_us": state.slot_us, "failures_in_row": state.failures, "open_until_us": state.open_until_us}
