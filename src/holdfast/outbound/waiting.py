"""Waiting for a turn, within a deadline. Nothing is held while waiting; what to sleep with is the caller's."""

from __future__ import annotations

from holdfast.domain.errors import BreakerOpen, RateLimited
from holdfast.outbound.limiter import Limiter
from holdfast.outbound.policy import MICROSECONDS, Policy
from holdfast.outbound.turns import Turn
from holdfast.ports.clock import Clock

LOOK_AGAIN_S = 1.0  # a breaker may close sooner than it said


class Waiting:
    """One caller's wait. Ask, sleep for `pause_s(turn)`, and go if `may_go(turn)`; else ask again."""

    def __init__(self, policy: Policy, clock: Clock, deadline_at_s: float, *, is_patient: bool = True) -> None:
        self._policy = policy
        self._clock = clock
        self._deadline_at_s = deadline_at_s
        self._is_patient = is_patient
        self._began_s = self._answered_s = clock.monotonic_s()

    @property
    def left_s(self) -> float:
        return max(0.0, self._deadline_at_s - self._clock.monotonic_s())

    @property
    def waited_us(self) -> int:
        return int((self._clock.monotonic_s() - self._began_s) * MICROSECONDS)

    def pause_s(self, turn: Turn) -> float:
        """Raises BreakerOpen or RateLimited where the wait is longer than there is time."""
        self._answered_s = self._clock.monotonic_s()
        wait_s = turn.wait_us / MICROSECONDS
        if turn.granted:
            return max(0.0, wait_s - turn.age_s_min)
        if wait_s > self.left_s or (turn.by == "breaker" and not self._is_patient):
            raise self._too_long(turn, wait_s)
        return min(wait_s, LOOK_AGAIN_S)

    def may_go(self, turn: Turn) -> bool:
        if not turn.granted or turn.lateness_us is None:
            return turn.granted
        since_looked_s = self._clock.monotonic_s() - self._answered_s + turn.age_s_max
        return since_looked_s * MICROSECONDS <= turn.wait_us + turn.lateness_us

    def _too_long(self, turn: Turn, wait_s: float) -> BreakerOpen | RateLimited:
        policy = self._policy
        if turn.by == "breaker":
            return BreakerOpen(
                f"{policy.source}: {turn.failures} calls in a row failed, so it is left alone for {wait_s:.1f} s more; "
                "nothing was sent",
                hint="look whether the service is well, and try again later; see: holdfast status",
                retry_after_s=wait_s,
            )
        limit = f"{policy.calls} calls in {policy.period_s:g} s" if policy.calls else "a pause it asked for"
        return RateLimited(
            f"{policy.source}: its limit ({limit}) leaves no room for {wait_s:.1f} s, and the call's time "
            f"({policy.deadline_s:g} s) ends before; nothing was sent",
            hint=f"try again later, or give calls more time: deadline_s in [sources.{policy.source}]",
            retry_after_s=wait_s,
        )


def wait_for_turn(
    limiter: Limiter, policy: Policy, clock: Clock, deadline_at_s: float, *, is_patient: bool = True
) -> int:
    """Return when a call may be sent, with how many microseconds that took."""
    waiting = Waiting(policy, clock, deadline_at_s, is_patient=is_patient)
    while True:
        turn = limiter.ask(policy, waiting.left_s)
        if pause_s := waiting.pause_s(turn):
            clock.sleep(pause_s)
        if waiting.may_go(turn):
            return waiting.waited_us if turn.wait_us else 0
