"""Fetching: which days are missing, asking for them in few calls, storing each answer at once.

A kill costs at most the answer in hand: an answer's quotes, its notes and the reading table's rows commit together, and
the next run asks for the days that are not there. Each call is counted before it is made. A call that fails for a
passing reason is made again a few times at most, each time counted: failed calls may cost quota.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

import structlog

from holdfast.domain.errors import (
    BreakerOpen,
    HoldfastError,
    RateLimited,
    RateQuotaExhausted,
    RatesIncomplete,
    SourceUnavailable,
)
from holdfast.fx import quota
from holdfast.fx.lease import Lease
from holdfast.fx.moments import days_between, now
from holdfast.fx.publishing import RatesTable
from holdfast.fx.store import Stored, add_delivery, missing_days
from holdfast.ports.clock import Clock
from holdfast.ports.database import Database, Transaction
from holdfast.ports.rates import Delivery, RangeRefused, RateProvider, RateRequest

log = structlog.get_logger("holdfast.fx")

T = TypeVar("T")
TRIES_MAX = 3
FAILURES_IN_A_ROW_MAX = 3  # then the provider is down, and asking on would only cost quota
FIRST_WAIT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to fetch. `again`: also what is known already, to find corrections; `is_live`: the rates of this moment."""

    first: date
    last: date
    currencies: Sequence[str]
    again: bool = False
    is_live: bool = False


@dataclass(slots=True)
class FetchReport:
    """What a fetch did. Days that failed are fetched by the next one."""

    days_wanted: int = 0
    days_missing: int = 0
    calls: int = 0
    stored: Stored = field(default_factory=Stored)
    days_failed: list[date] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_shown: bool = True  # does the reading table show this provider?
    error: HoldfastError | None = None


class KeepTrying(Protocol):
    """Do a database's work again while its trouble passes. All of it here may be done twice."""

    def __call__(self, work: Callable[[], T], what: str) -> T: ...


class Fetch:
    """One fetch from one provider, under its lease. `reach` is told of every step, for tests that kill here."""

    def __init__(
        self,
        database: Database,
        provider: RateProvider,
        table: RatesTable,
        lease: Lease,
        clock: Clock,
        run_id: str,
        keep_trying: KeepTrying,
        reach: Callable[[str], None],
    ) -> None:
        self._database = database
        self._provider = provider
        self._table = table
        self._lease = lease
        self._clock = clock
        self._run_id = run_id
        self._keep_trying = keep_trying
        self._reach = reach
        self.report = FetchReport()
        self._month = ""  # of the call that was counted last

    def run(self, wanted: Wanted) -> FetchReport:
        """Fetch until all days are there, or an error that no waiting mends. What was stored before it stays."""
        try:
            self._table.prepare(self._database)
            self._keep_trying(self._publish_known, "showing known rates")
            self._fetch(wanted)
        except RateQuotaExhausted as error:
            self.report.error = error
            if error.wait_s is not None:
                quota.remember_exhausted(self._database, self._provider.name, error)
        except HoldfastError as error:
            self.report.error = error
        return self.report

    def _fetch(self, wanted: Wanted) -> None:
        moment = now(self._database)
        with self._database.reading() as tx:
            missing = self._missing(tx, wanted)
            by_day = quota.range_was_refused(tx, self._provider.name, quota.month_of(moment))
        self.report.days_wanted = (wanted.last - wanted.first).days + 1
        self.report.days_missing = len(missing)
        in_a_row = 0
        spans = _Spans(missing, 1 if by_day else self._provider.days_per_call)
        for first, last in spans:
            request = RateRequest(first, last, wanted.currencies, moment.date(), wanted.is_live)
            try:
                delivery = self._ask(request)
            except RangeRefused:
                quota.remember_range_refused(self._database, self._provider.name, quota.month_of(moment))
                spans.one_day_each(first)
                continue
            except SourceUnavailable as error:
                self._note_failed(spans.days(first, last), error)
                in_a_row += 1
                if in_a_row == FAILURES_IN_A_ROW_MAX or isinstance(error, BreakerOpen):
                    self._note_failed(spans.days_left(), error)
                    break
                continue
            in_a_row = 0
            self._keep(delivery)
        if self.report.days_failed:
            raise self._incomplete()

    def _publish_known(self) -> None:
        """Fill the reading table if it is new, or showed another provider, even if nothing is to be fetched."""
        with self._database.transaction() as tx:
            self._lease.check(tx)
            self.report.is_shown = self._table.publish(tx, self._provider.name, [], self._run_id)

    def _missing(self, tx: Transaction, wanted: Wanted) -> list[date]:
        days = days_between(wanted.first, wanted.last)
        if wanted.again or wanted.is_live or self._provider.is_free:
            return days
        return missing_days(tx, self._provider, wanted.currencies, days)

    def _ask(self, request: RateRequest) -> Delivery:
        for n in range(TRIES_MAX):
            try:
                delivery = self._provider.ask(request, self._before_call)
                self._reach("fx.answered")
                return delivery
            except (BreakerOpen, RateLimited) as error:
                if error.status is None:  # not an answer: the call was not made
                    self._give_back()
                raise
            except SourceUnavailable as error:
                if n == TRIES_MAX - 1:
                    raise
                log.info("asking again", provider=self._provider.name, day=str(request.first), error=error.message)
                self._clock.sleep(max(FIRST_WAIT_S * 2**n, error.retry_after_s or 0.0))
        raise AssertionError("the last try returns or raises")

    def _before_call(self) -> None:
        """Count the call, and hold on to the lease, before it is made."""

        def count() -> str:
            with self._database.transaction() as tx:
                self._lease.renew(tx)
                return quota.count_call(tx, self._provider.name)

        self._month = self._keep_trying(count, "counting a call")
        self.report.calls += 1
        self._reach("fx.counted")

    def _give_back(self) -> None:
        name = self._provider.name
        self._keep_trying(lambda: quota.give_back(self._database, name, self._month), "giving a call back")
        self.report.calls -= 1

    def _keep(self, delivery: Delivery) -> None:
        stored, self.report.is_shown = self._keep_trying(lambda: self._store(delivery), "storing rates")
        self._reach("fx.committed")
        self.report.stored.add(stored)

    def _store(self, delivery: Delivery) -> tuple[Stored, bool]:
        name = self._provider.name
        with self._database.transaction() as tx:
            self._lease.renew(tx)
            stored = add_delivery(tx, name, delivery, self._run_id)
            self._reach("fx.stored")
            is_shown = self._table.publish(tx, name, stored.days, self._run_id)
            self._reach("fx.published")
        return stored, is_shown

    def _note_failed(self, days: list[date], error: HoldfastError) -> None:
        self.report.days_failed += days
        self.report.notes += [f"{error.message}"] if days and error.message not in self.report.notes else []

    def _incomplete(self) -> RatesIncomplete:
        days = self.report.days_failed
        last_note = self.report.notes[-1] if self.report.notes else ""
        return RatesIncomplete(
            f"{self._provider.name}: {len(days)} of {self.report.days_missing} days could not be fetched, from "
            f"{days[0]} to {days[-1]}; the others are stored. The last trouble: {last_note}",
            hint="run the same command again later: it asks only for what is missing",
        )


class _Spans:
    """The missing days as spans of at most so many days, oldest first; may go down to one day on the way."""

    def __init__(self, days: list[date], days_per_call: int) -> None:
        self._all = days
        self._left = list(days)
        self._per_call = days_per_call

    def __iter__(self) -> Iterator[tuple[date, date]]:
        while self._left:
            first = self._left[0]
            within = [day for day in self._left if (day - first).days < self._per_call]
            self._left = self._left[len(within) :]
            yield first, within[-1]

    def one_day_each(self, first: date) -> None:
        """From `first` on again, one day at a time."""
        self._per_call = 1
        self._left = [day for day in self._all if day >= first]

    def days(self, first: date, last: date) -> list[date]:
        return [day for day in self._all if first <= day <= last]

    def days_left(self) -> list[date]:
        left, self._left = self._left, []
        return left
