"""The arithmetic of limits: whatever callers do, never more than `calls` are sent in any window of `period_s`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.outbound.policy import Policy
from holdfast.outbound.retrying import Backoff, RetryBudget, retry_after_s
from holdfast.outbound.turns import SourceState, ask

SECOND = 1_000_000


@given(
    calls=st.integers(1, 12),
    burst=st.integers(1, 12),
    period_s=st.sampled_from([0.5, 1.0, 7.0, 60.0]),
    steps=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1.3)), max_size=80),
)
def test_never_more_than_calls_in_any_window(
    calls: int, burst: int, period_s: float, steps: list[tuple[float, float]]
) -> None:
    """Callers come when they like and are sent as late as they may; who would be later asks again."""
    policy = Policy(source="s", calls=calls, period_s=period_s, burst=min(burst, calls))
    state, now_us, sent = SourceState(), 10 * SECOND, []
    for pause, lateness in steps:
        now_us += int(pause * policy.step_us * 0.7)
        turn = ask(state, policy, now_us, 10**15)
        late_us = int(lateness * policy.lateness_us)
        assert turn.granted
        if late_us <= policy.lateness_us:
            sent.append(now_us + turn.wait_us + late_us)
    sent.sort()
    window_us = int(period_s * SECOND)
    for first, beyond in zip(sent, sent[calls:], strict=False):
        assert beyond - first >= window_us


def test_a_limit_is_nearly_used_up() -> None:
    """The lateness built in costs 0.4% of a limit a minute."""
    policy, state, now_us, sent = Policy(source="s", calls=100), SourceState(), 0, 0
    while now_us < 600 * SECOND:
        turn = ask(state, policy, now_us, 10**15)
        now_us += turn.wait_us
        sent += 1
    assert 994 <= sent <= 1000


def test_a_burst_goes_at_once_and_the_rest_slower() -> None:
    policy, state = Policy(source="s", calls=10, burst=4, period_s=7), SourceState()
    waits = [ask(state, policy, SECOND, 10**15).wait_us for _ in range(6)]
    assert waits[:4] == [0, 0, 0, 0]
    assert waits[4:] == [policy.step_us, 2 * policy.step_us]


@pytest.mark.parametrize("wrong", [{"calls": 0}, {"calls": 2, "burst": 3}, {"calls": 2, "burst": 0}, {"period_s": 0.0}])
def test_limits_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        replace(Policy(source="s"), **wrong)


def test_a_probe_does_not_wait_for_a_slot_while_others_go() -> None:
    policy = Policy(source="s", calls=1, period_s=10, breaker_failures=1)
    state = SourceState(slot_us=5 * SECOND, failures=1, open_until_us=1)
    assert ask(state, policy, SECOND, 10**9).granted is False
    assert state.open_until_us == 1
    assert ask(state, policy, 5 * SECOND, 10**9).granted
    assert state.breaker(5 * SECOND) == "open"


def test_waits_grow_to_a_cap_and_are_shortened_at_random() -> None:
    steady = Backoff(initial_s=1, multiplier=3, cap_s=20, jitter=0)
    assert [steady.wait_s(n) for n in (1, 2, 3, 4, 5000)] == [1, 3, 9, 20, 20]
    shaken = {Backoff(initial_s=1, jitter=0.5).wait_s(1) for _ in range(50)}
    assert len(shaken) > 10
    assert all(0.5 <= wait <= 1 for wait in shaken)


def test_a_budget_is_earned_by_calls() -> None:
    budget = RetryBudget(0.5)
    assert [budget.spend() for _ in range(11)] == [True] * 10 + [False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("12", 12.0),
        ("9" * 30, 10.0**9),
        ("1.5", None),
        ("-5", None),
        ("²", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_what_retry_after_says(header: str | None, expected: float | None) -> None:
    assert retry_after_s(header) == expected
