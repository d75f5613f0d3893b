"""Stopping in good order: the first signal asks, the grace period's end (or a second signal) insists.

Nothing's correctness relies on this; it only spares the next run some work.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from holdfast.domain.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Has somebody asked this process to stop? `signal_number` is 0 until then."""

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self.signal_number = 0

    def __bool__(self) -> bool:
        return self.signal_number != 0

    def raise_if_asked(self) -> None:
        if self.signal_number:
            raise self.interrupted()

    def interrupted(self) -> Interrupted:
        name = signal.Signals(self.signal_number).name
        return Interrupted(
            f"stopped by {name}; what was committed stays, nothing is half done",
            hint="run the same command again: it goes on where this run stopped",
            signal_number=self.signal_number,
        )

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number or self.grace_s <= 0:
            self.signal_number = self.signal_number or number
            raise self.interrupted()
        self.signal_number = number
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.setitimer(signal.ITIMER_REAL, self.grace_s)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        raise self.interrupted()


@contextmanager
def stop_on_signals(grace_s: float, signals: tuple[signal.Signals, ...] = SIGNALS) -> Iterator[StopRequest]:
    """Within the block the signals ask for a stop; afterwards the old handlers are back. Main thread only."""
    request = StopRequest(grace_s)
    before = {number: signal.signal(number, request.on_signal) for number in signals}
    alarm = signal.getsignal(signal.SIGALRM)
    try:
        yield request
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)
        for number, handler in before.items():
            signal.signal(number, handler)
