"""The public decorators: sync and async, their types kept, their mistakes told."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Iterator

import pytest

import holdfast
from holdfast.domain.errors import RateLimited
from holdfast.engine.reports import source_statistics
from holdfast.outbound.decorators import limited
from holdfast.outbound.limiter import LocalLimiter
from holdfast.outbound.policy import Policy
from holdfast.ports.clock import SystemClock
from holdfast.ports.database import Database
from tests.unit.outbound.quick_clock import QuickClock


class Flaky:
    """Fails `times` times with `error`, then says how often it was called."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.calls = times, error, 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return self.calls


def retried(flaky: Flaky, clock: QuickClock, **options: object) -> object:
    @holdfast.retry(clock=clock, jitter=0, **{"on": ConnectionError, **options})  # type: ignore[arg-type]
    def work() -> int:
        return flaky()

    return work()


def test_errors_that_are_named_are_tried_again() -> None:
    clock = QuickClock()
    assert retried(Flaky(3, ConnectionResetError()), clock) == 4
    assert clock.slept == [0.5, 1, 2]
    assert retried(Flaky(1, KeyError()), clock, on=(OSError, KeyError)) == 2
    assert retried(Flaky(1, KeyError("x")), clock, on=lambda error: "x" in str(error)) == 2


def test_the_last_error_comes_out_as_it_is() -> None:
    flaky, clock = Flaky(99, ConnectionError("down")), QuickClock()
    with pytest.raises(ConnectionError) as caught:
        retried(flaky, clock, tries=3)
    assert (caught.value, flaky.calls, len(clock.slept)) == (flaky.error, 3, 2)
    with pytest.raises(KeyError):
        retried(Flaky(1, KeyError()), clock)
    late = Flaky(99, ConnectionError())
    with pytest.raises(ConnectionError):
        retried(late, QuickClock(), deadline_s=1, tries=50)
    assert late.calls == 2


def test_an_error_can_say_when() -> None:
    clock = QuickClock()
    retried(Flaky(1, RateLimited("later", retry_after_s=17)), clock, on=RateLimited)
    assert clock.slept == [17]


def test_async_functions_are_tried_again_and_take_turns() -> None:
    flaky = Flaky(2, ConnectionError())

    @holdfast.retry(on=ConnectionError, initial_s=0.001)
    @holdfast.rate_limited("async-test", calls=1000, period_s=1, burst=500)
    async def work(value: int, *, more: int = 0) -> int:
        """Doc."""
        flaky()
        return value + more

    async def several() -> list[int]:
        return await asyncio.gather(*(work(n, more=1) for n in range(3)))

    assert asyncio.run(several()) == [1, 2, 3]
    assert (work.__name__, work.__doc__, inspect.iscoroutinefunction(work)) == ("work", "Doc.", True)


def test_a_cancelled_wait_ends_at_once() -> None:
    @holdfast.rate_limited("cancel-test", calls=1, period_s=3600)
    async def work() -> None: ...

    async def cancelled() -> None:
        await work()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work(), 0.05)

    asyncio.run(cancelled())


def test_functions_of_one_source_share_its_limit() -> None:
    one = holdfast.rate_limited("shared-test", calls=1, period_s=3600, wait_s_max=0)(lambda: 1)
    other = holdfast.rate_limited("shared-test", calls=1, period_s=3600, wait_s_max=0)(lambda: 2)
    assert one() == 1
    with pytest.raises(RateLimited, match="shared-test"):
        other()


def test_threads_share_it_too() -> None:
    limiter, clock, done = LocalLimiter(), SystemClock(), list[int]()
    work = limited(Policy(source="s", calls=8, burst=8, deadline_s=0), lambda: limiter, clock)(lambda: done.append(1))
    refused = list[Exception]()

    def call() -> None:
        try:
            work()
        except RateLimited as error:
            refused.append(error)

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (8, 4)


def test_a_limit_shared_through_a_database(database: Database) -> None:
    def limited_by(which: Database) -> Callable[[], int]:
        return holdfast.rate_limited("db-test", calls=1, period_s=3600, wait_s_max=0, database=which)(lambda: 7)

    assert limited_by(database)() == 7
    with pytest.raises(RateLimited):
        limited_by(database)()

    @holdfast.rate_limited("db-async", calls=100, database=database)
    async def work() -> int:
        return 8

    assert asyncio.run(work()) == 8
    assert [row["source"] for row in source_statistics(database)] == ["db-async", "db-test"]


def test_generators_and_mistakes_are_refused() -> None:
    def items() -> Iterator[int]:
        yield 1

    for decorate in (holdfast.retry(on=OSError), holdfast.rate_limited("x", calls=1)):
        with pytest.raises(TypeError, match="is a generator"):
            decorate(items)
        with pytest.raises(TypeError, match="expected a function"):
            decorate(3)  # type: ignore[type-var]
    for wrong in ("x", (), (OSError, 3), BaseException, KeyboardInterrupt):
        with pytest.raises(TypeError, match="expected exception types"):
            holdfast.retry(on=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tries is 0"):
        holdfast.retry(on=OSError, tries=0)
    with pytest.raises(TypeError, match="burst is 1: expected 1 to calls"):
        holdfast.rate_limited("x", calls=0)
    assert holdfast.retry(on=OSError)(functools.partial(int, "7"))() == 7
