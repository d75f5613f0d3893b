"""The limit, the breaker and the statistics that processes share through the ledger, on every engine."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from holdfast.adapters.databases import connect
from holdfast.engine.migrate import upgrade
from holdfast.engine.reports import source_statistics
from holdfast.outbound.counts import CallCounts
from holdfast.outbound.ledger_limiter import LedgerLimiter
from holdfast.outbound.limiter import Limiter
from holdfast.outbound.policy import Policy
from holdfast.outbound.waiting import wait_for_turn
from holdfast.ports.clock import SystemClock
from holdfast.ports.database import Database

LIMITED = Policy(source="api1", calls=5, period_s=1.0, deadline_s=100)
CALLER = """
import sys, time
from holdfast.adapters.databases import connect
from holdfast.outbound.ledger_limiter import LedgerLimiter
from holdfast.outbound.policy import Policy
from holdfast.outbound.waiting import wait_for_turn
from holdfast.ports.clock import SystemClock

database, clock = connect(sys.argv[1]), SystemClock()
limiter, policy = LedgerLimiter(database), Policy(source="api1", calls=5, period_s=1.0, deadline_s=100)
print("ready", flush=True)
sys.stdin.readline()
until_s = clock.monotonic_s() + float(sys.argv[2])
while clock.monotonic_s() < until_s:
    wait_for_turn(limiter, policy, clock, clock.monotonic_s() + 100)
    print(clock.monotonic_s(), flush=True)
database.close()
"""


def most_in_a_window(times: list[float], window_s: float) -> int:
    return max(sum(begin <= at < begin + window_s for at in times) for begin in times)


def _processes(url: str) -> list[float]:
    """Four processes, one of which is killed; the moments their calls went, in order."""
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, url, "2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for caller in callers:
        assert caller.stdout
        assert caller.stdout.readline() == "ready\n"
    told = []
    for caller in callers:
        assert caller.stdin
        caller.stdin.write("go\n")
        caller.stdin.flush()
    time.sleep(1)
    callers[0].kill()  # while it waits, most likely: its slot is wasted, nothing else
    for caller in callers:
        told += [float(line) for line in caller.communicate(timeout=100)[0].split()]
    return sorted(told)


def _threads(database: Database) -> list[float]:
    clock, times, limiter = SystemClock(), list[float](), LedgerLimiter(database)
    until_s = clock.monotonic_s() + 2

    def call() -> None:
        while clock.monotonic_s() < until_s:
            wait_for_turn(limiter, LIMITED, clock, clock.monotonic_s() + 100)
            times.append(clock.monotonic_s())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times)


def test_a_limit_holds_over_processes_one_of_which_is_killed(database_url: str) -> None:
    """Threads where the engine lets one process in only. What is told is told a little later than it was sent."""
    database = connect(database_url)
    upgrade(database)
    try:
        times = _threads(database) if database.traits.one_process else _processes(database_url)
    finally:
        database.close()
    assert len(times) >= 3
    assert most_in_a_window(times, LIMITED.period_s / 2) <= 5


@pytest.fixture
def limiter(database: Database) -> Limiter:
    upgrade(database)
    return LedgerLimiter(database)


def test_slots_are_a_step_apart_and_a_far_one_is_not_taken(limiter: Limiter) -> None:
    policy = Policy(source="api1", calls=2, period_s=3600)
    first, second, third = (limiter.ask(policy, 10_000) for _ in range(3))
    assert first.granted
    assert first.wait_us == 0
    assert 1790e6 < second.wait_us <= 1801e6
    assert 3590e6 < third.wait_us <= 3601e6
    refused = limiter.ask(policy, 10)
    assert not refused.granted
    assert limiter.ask(policy, 10).wait_us <= refused.wait_us  # asking took nothing


def test_the_breaker_is_shared_and_lets_one_probe_through(database: Database, limiter: Limiter) -> None:
    policy = Policy(source="api1", breaker_failures=2, breaker_cooldown_s=3600)
    other = LedgerLimiter(database)
    for who in (limiter, other):
        assert who.ask(policy, 10).granted
        who.settle(policy, is_alive=False)
    assert (limiter.ask(policy, 10).granted, limiter.ask(policy, 10).by) == (False, "breaker")
    assert breaker_of(database) == "open"
    quick = Policy(source="api1", breaker_failures=2, breaker_cooldown_s=0.001)
    other.settle(quick, is_alive=False)  # its cool-down is over at once
    time.sleep(0.01)
    assert breaker_of(database) == "half-open"
    assert [who.ask(quick, 10).granted for who in (limiter, other)] == [True, False]
    limiter.settle(quick, is_alive=True)
    assert breaker_of(database) == "closed"
    assert other.ask(quick, 10).granted


def breaker_of(database: Database) -> str:
    (row,) = source_statistics(database)
    return str(row["breaker"])


def test_a_pause_is_for_all_and_also_without_a_limit(database: Database, limiter: Limiter) -> None:
    policy = Policy(source="feed")
    limiter.pause(policy, 1000)
    refused = LedgerLimiter(database).ask(policy, 10)
    assert not refused.granted
    assert 990e6 < refused.wait_us <= 1000e6
    limiter.pause(policy, 10**9)
    assert limiter.ask(policy, 10).wait_us <= 3600e6


def test_counts_add_up(database: Database, limiter: Limiter) -> None:
    assert source_statistics(database) == []
    counts = CallCounts(calls=3, retries=1, waits=2, waited_us=1_500_000, failed_cut=1, last_status=200)
    limiter.count("api1", counts)
    limiter.count("api1", CallCounts(calls=1, failed_timeout=1))
    (row,) = source_statistics(database)
    assert row.pop("last_call_at") is not None
    assert row == {
        "source": "api1",
        "calls": 4,
        "retries": 1,
        "waits": 2,
        "waited_s": 1.5,
        "failures": {"connect": 0, "timeout": 1, "cut": 1, "status": 0, "limited": 0, "refused": 0},
        "breaker": "closed",
        "last_status": 200,
    }
