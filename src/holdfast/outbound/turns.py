"""Whose turn it is: the rate limit (GCRA) and the breaker of one source, as arithmetic on three numbers.

Pure: whoever keeps the numbers (a process, the ledger) loads them, asks, and stores what changed, all under one lock.
Times are microseconds of the keeper's own clock.

*The limit.* `slot_us` is where the next call's slot begins. A call takes the slot and moves it on by one step; it waits
until its slot comes, outside of any lock, and must then be sent within `lateness_us`, or ask again. Slots are a step
apart, and steps have the lateness built in, so calls + 1 of them are never sent within one period. A caller that dies
while it waits wastes its slot.

*The breaker.* Closed (`open_until_us` is 0) until `failures` in a row reach the threshold. Then it is open until
`open_until_us`. The first caller after that is the probe: it moves `open_until_us` on (that is all there is to
half-open), so nobody else goes until the probe has told how it went, or was silent for too long.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.outbound.policy import MICROSECONDS, Policy

PAUSE_S_MAX = 3600.0  # a source may ask for silence that long at most; then we look again


@dataclass(slots=True)
class SourceState:
    """A source's numbers. As they begin: no slot taken, no failure."""

    slot_us: int = 0
    failures: int = 0
    open_until_us: int = 0

    def breaker(self, now_us: int) -> str:
        """`closed`; `open`, also while a probe is on its way; `half-open`: the next caller is the probe."""
        if not self.open_until_us:
            return "closed"
        return "open" if self.open_until_us > now_us else "half-open"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a caller may do: wait for `wait_us`, then go (`granted`) or ask again."""

    granted: bool
    wait_us: int = 0
    lateness_us: int | None = None  # to be sent at most so long after the wait; None: any time
    by: str = ""  # what the wait is for: `limit` or `breaker`
    is_noted: bool = True  # did asking change the numbers?
    failures: int = 0
    age_s_min: float = 0.0  # when the answer came out, the numbers had been looked at so long ago, at least and at most
    age_s_max: float = 0.0


def ask(state: SourceState, policy: Policy, now_us: int, wait_us_max: int) -> Turn:
    """Take a turn, if one comes within `wait_us_max`; `state` is changed where `is_noted`."""
    is_tripped = state.open_until_us > 0
    if is_tripped and state.open_until_us > now_us:
        return Turn(False, state.open_until_us - now_us, by="breaker", is_noted=False, failures=state.failures)
    wait_us = max(0, state.slot_us - policy.tolerance_us - now_us)
    if wait_us > (0 if is_tripped else wait_us_max):  # a probe goes at once, or is not one
        return Turn(False, wait_us, by="limit", is_noted=False, failures=state.failures)
    if is_tripped:
        state.open_until_us = now_us + _probe_us(policy)
    if policy.calls is None:
        return Turn(True, wait_us, by="limit", is_noted=is_tripped, failures=state.failures)
    state.slot_us = max(state.slot_us, now_us) + policy.step_us
    return Turn(True, wait_us, policy.lateness_us, by="limit", failures=state.failures)


def settle(state: SourceState, policy: Policy, now_us: int, *, is_alive: bool) -> bool:
    """A call is over. Returns whether `state` was changed."""
    if is_alive:
        changed = state.failures > 0
        state.failures = state.open_until_us = 0
        return changed
    state.failures += 1
    if state.failures >= policy.breaker_failures:
        state.open_until_us = now_us + int(policy.breaker_cooldown_s * MICROSECONDS)
    return True


def pause(state: SourceState, policy: Policy, now_us: int, pause_s: float) -> None:
    """The source asked for silence: no slot begins before that."""
    pause_us = int(min(pause_s, PAUSE_S_MAX) * MICROSECONDS)
    state.slot_us = max(state.slot_us, now_us + pause_us + policy.tolerance_us)


def _probe_us(policy: Policy) -> int:
    """How long a probe may be silent before another one is sent."""
    return int((policy.connect_timeout_s + policy.read_timeout_s) * MICROSECONDS)
