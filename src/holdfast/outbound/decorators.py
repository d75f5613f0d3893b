"""Retry and rate limits for any function, sync or async."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from holdfast.outbound.counts import CallCounts
from holdfast.outbound.limiter import Limiter, LocalLimiter
from holdfast.outbound.policy import Policy
from holdfast.outbound.retrying import Backoff
from holdfast.outbound.tally import Tally
from holdfast.outbound.waiting import Waiting, wait_for_turn
from holdfast.ports.clock import Clock, SystemClock

P = ParamSpec("P")
R = TypeVar("R")
Worth = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


def retry(
    *,
    on: Worth,
    tries: int = 5,
    initial_s: float = 0.5,
    multiplier: float = 2.0,
    cap_s: float = 30.0,
    jitter: float = 0.5,
    deadline_s: float | None = None,
    clock: Clock | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Call the function again, up to `tries` times in all, when it raises what `on` names; then raise its last error.

    `on`: an exception's type, several, or a function that says whether an error is worth another try. An error with a
    `retry_after_s` is waited for that long at least. `deadline_s`: no try begins later than that after the first.
    """
    is_worth = _worth(on)
    if tries < 1:
        raise TypeError(f"retry: tries is {tries}, expected 1 or more")
    backoff = Backoff(initial_s=initial_s, multiplier=multiplier, cap_s=cap_s, jitter=jitter)
    time = clock or SystemClock()

    def wait_s(error: Exception, done: int, began_s: float) -> float | None:
        if done >= tries or not is_worth(error):
            return None
        wait = max(backoff.wait_s(done), getattr(error, "retry_after_s", None) or 0.0)
        is_late = deadline_s is not None and time.monotonic_s() + wait - began_s > deadline_s
        return None if is_late else wait

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if _is_async(function, "retry"):
            return cast("Callable[P, R]", _retried_async(function, wait_s, time))

        @functools.wraps(function)
        def retried(*args: P.args, **kwargs: P.kwargs) -> R:
            began_s, done = time.monotonic_s(), 0
            while True:
                try:
                    return function(*args, **kwargs)
                except Exception as error:
                    done += 1
                    wait = wait_s(error, done, began_s)
                    if wait is None:
                        raise
                time.sleep(wait)

        return retried

    return decorate


def _retried_async(function: Any, wait_s: Callable[[Exception, int, float], float | None], time: Clock) -> Any:
    @functools.wraps(function)
    async def retried(*args: Any, **kwargs: Any) -> Any:
        began_s, done = time.monotonic_s(), 0
        while True:
            try:
                return await function(*args, **kwargs)
            except Exception as error:
                done += 1
                wait = wait_s(error, done, began_s)
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    return retried


def limited(
    policy: Policy, limiter_of: Callable[[], Limiter], clock: Clock | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let each call of the function wait for its turn. `limiter_of` is asked at the first call, and kept."""
    time = clock or SystemClock()

    @functools.cache
    def kept() -> tuple[Limiter, Tally]:
        limiter = limiter_of()
        return limiter, Tally(limiter, policy.source, time)

    def noted(waited_us: int) -> None:
        kept()[1].note(CallCounts(calls=1, waits=int(waited_us > 0), waited_us=waited_us))

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if _is_async(function, "rate_limited"):
            return cast("Callable[P, R]", _limited_async(function, policy, lambda: kept()[0], noted, time))

        @functools.wraps(function)
        def in_turn(*args: P.args, **kwargs: P.kwargs) -> R:
            noted(wait_for_turn(kept()[0], policy, time, time.monotonic_s() + policy.deadline_s))
            return function(*args, **kwargs)

        return in_turn

    return decorate


def _limited_async(
    function: Any, policy: Policy, limiter_of: Callable[[], Limiter], noted: Callable[[int], None], time: Clock
) -> Any:
    async def quick(work: Callable[[], Any]) -> Any:
        """In a thread, where it may talk to a database: the event loop must not wait for that."""
        return work() if isinstance(limiter_of(), LocalLimiter) else await asyncio.to_thread(work)

    @functools.wraps(function)
    async def in_turn(*args: Any, **kwargs: Any) -> Any:
        waiting = Waiting(policy, time, time.monotonic_s() + policy.deadline_s)
        limiter = await asyncio.to_thread(limiter_of)
        while True:
            turn = await quick(lambda: limiter.ask(policy, waiting.left_s))
            if pause_s := waiting.pause_s(turn):
                await asyncio.sleep(pause_s)
            if waiting.may_go(turn):
                break
        waited_us = waiting.waited_us if turn.wait_us else 0
        await quick(lambda: noted(waited_us))
        return await function(*args, **kwargs)

    return in_turn


def _worth(on: Worth) -> Callable[[Exception], bool]:
    kinds = on if isinstance(on, tuple) else (on,)
    if kinds and all(isinstance(kind, type) and issubclass(kind, Exception) for kind in kinds):
        return lambda error: isinstance(error, kinds)  # type: ignore[arg-type]
    if callable(on) and not isinstance(on, type):
        return on
    raise TypeError(f"retry: on is {on!r}, expected exception types or a function of an exception")


def _is_async(function: Any, name: str) -> bool:
    if not callable(function):
        raise TypeError(f"{name}: expected a function, got {function!r}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name}: {getattr(function, '__qualname__', function)!r} is a generator: calling it does nothing yet, so "
            "there is nothing to wait for or to try again; decorate the function it calls for each item"
        )
    return inspect.iscoroutinefunction(function)
