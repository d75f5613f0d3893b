"""Counts on their way to the limiter: handed in once a second at most, so that counting costs next to nothing."""

from __future__ import annotations

import threading
from dataclasses import replace

from holdfast.domain.errors import DatabaseError
from holdfast.outbound.counts import CallCounts
from holdfast.outbound.limiter import Limiter
from holdfast.ports.clock import Clock

FLUSH_EVERY_S = 1.0


class Tally:
    """One source's counts in this process. Safe to use from many threads. A kill loses the last second's."""

    def __init__(self, limiter: Limiter, source: str, clock: Clock) -> None:
        self._limiter, self._source, self._clock = limiter, source, clock
        self._counts, self._lock = CallCounts(), threading.Lock()
        self._flushed_at_s = float("-inf")

    def note(self, counts: CallCounts) -> None:
        with self._lock:
            self._counts.add(counts)
            now_s = self._clock.monotonic_s()
            is_due = now_s - self._flushed_at_s >= FLUSH_EVERY_S
            if is_due:
                self._flushed_at_s = now_s
        if is_due:
            self.flush()

    def flush(self) -> None:
        """Hand in what there is. A database that does not take it fails no call: it is asked again later."""
        with self._lock:
            counts, self._counts = replace(self._counts), CallCounts()
        if not counts:
            return
        try:
            self._limiter.count(self._source, counts)
        except DatabaseError:
            with self._lock:
                self._counts.add(counts)
