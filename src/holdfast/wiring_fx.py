"""Joins providers of exchange rates to the store: what `holdfast fx` calls. A provider is one function in PROVIDERS."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import structlog

from holdfast.domain.errors import ConfigError, UsageError
from holdfast.domain.rate import USD, is_currency
from holdfast.engine import faults
from holdfast.engine.migrate import ledger_version
from holdfast.engine.place import process_start, this_process
from holdfast.engine.recovery import keep_trying
from holdfast.engine.runs import recorded_run
from holdfast.engine.stopping import stop_on_signals
from holdfast.fx.coverage import Coverage, Usage, coverage
from holdfast.fx.fetching import Fetch, FetchReport, Wanted
from holdfast.fx.gaps import GapPolicy
from holdfast.fx.lease import Holder, Lease
from holdfast.fx.moments import day_given, now
from holdfast.fx.publishing import RatesTable
from holdfast.fx.quota import forget_exhausted
from holdfast.fx.reports import ProviderStatus, provider_status
from holdfast.outbound.policy import Policy
from holdfast.ports.clock import Clock, SystemClock
from holdfast.ports.rates import RateProvider

if TYPE_CHECKING:
    from holdfast.outbound.client import Client
    from holdfast.ports.database import Database
    from holdfast.wiring import Project

log = structlog.get_logger("holdfast.fx")
T = TypeVar("T")
LEDGER_VERSION = 4  # since it the ledger has tables for rates
LEASE_MORE_S = (
    60.0  # the lease is renewed before each call: the call must fit into it, and what is done with the answer
)
WAIT_FOR_OTHERS_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FxSettings:
    """How rates are fetched and shown; `[fx]` of holdfast.toml. Keys are values here: never print one."""

    provider: str | None = None  # whose rates the reading table shows; None: the first that was fetched from
    table: str = "fx_rates"
    allow_insecure_http: bool = False
    key: str | None = field(default=None, repr=False)
    currencylayer_url: str | None = None
    currencylayer_key_in: str = "header"
    ecb_url: str | None = None
    file_path: Path | None = None
    file_columns: dict[str, str] = field(default_factory=dict)
    file_rate_is: str | None = None
    policies: Mapping[str, Policy] = field(default_factory=dict)  # how calls are made, by provider

    def policy(self, provider: str) -> Policy:
        return self.policies.get(provider, Policy(source=provider))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asked for, as given."""

    provider: str | None = None
    day: str | None = None
    first: str | None = None
    last: str | None = None
    currencies: Sequence[str]
    again: bool = False
    is_live: bool = False
    ignore_quota: bool = False


@dataclass(frozen=True, slots=True)
class FetchResult:
    """A fetch's end. `report.error` is what kept it from finishing, if anything."""

    run_id: str
    provider: str
    wanted: Wanted
    duration_s: float
    report: FetchReport


def fetch_rates(project: Project, settings: FxSettings, ask: Ask, *, clock: Clock | None = None) -> FetchResult:
    """Fetch what is missing. Mistakes in what was asked raise before any call; later trouble is in the report."""
    began = time.monotonic()
    name = ask.provider or settings.provider or next(iter(PROVIDERS))
    if name not in PROVIDERS:
        raise UsageError(f"there is no provider {name!r}; nothing was asked", hint=f"there are: {', '.join(PROVIDERS)}")
    with ExitStack() as stack:
        stack.enter_context(stop_on_signals(0))  # at once: at most an answer is lost, and waits may be long
        provider = PROVIDERS[name](settings, stack, project.database)
        wanted = _wanted(ask, provider, now(project.database).date())
        run = stack.enter_context(recorded_run(project.database, "fx", "fx fetch"))
        lease_s = settings.policy(name).deadline_s + LEASE_MORE_S
        lease = Lease(project.database, name, _holder(), clock or SystemClock(), lease_s)
        fetch = _fetch(project, settings, provider, lease, clock or SystemClock(), run.id)
        with lease.held(WAIT_FOR_OTHERS_S):
            if ask.ignore_quota:
                forget_exhausted(project.database, name)
            report = fetch.run(wanted)
        run.error = report.error
        return FetchResult(run.id, name, wanted, time.monotonic() - began, report)


def rates_status(
    database: Database, rates_table: str, usages: Sequence[Usage], policy: GapPolicy
) -> tuple[list[ProviderStatus], list[Coverage]]:
    """What is known of each provider, and which days and currencies of loaded tables lack a rate."""
    if ledger_version(database).found < LEDGER_VERSION:
        return [], []
    with database.reading() as tx:
        return provider_status(tx), [coverage(tx, usage, rates_table, policy) for usage in usages]


def _fetch(
    project: Project, settings: FxSettings, provider: RateProvider, lease: Lease, clock: Clock, run_id: str
) -> Fetch:
    def trying(work: Callable[[], T], what: str) -> T:
        return keep_trying(work, what=what, retry_for_s=project.settings.retry_for_s)

    table = RatesTable(settings.table, settings.provider)
    return Fetch(project.database, provider, table, lease, clock, run_id, trying, faults.reach)


def _wanted(ask: Ask, provider: RateProvider, today: date) -> Wanted:
    """The days and currencies, checked. Raises UsageError: the wrong question can cost quota too."""
    first, last = _days(ask, provider, today)
    if last > today:
        raise _no_such_days(f"{last} is in the future: today is {today} (UTC, by the database)")
    if first > last:
        raise _no_such_days(f"{first} is after {last}")
    if first < provider.first_day:
        raise _no_such_days(f"{provider.name} has rates from {provider.first_day} on, not for {first}")
    wrong = [code for code in ask.currencies if not is_currency(code)]
    if wrong:
        raise UsageError(
            f"{wrong[0][:20]!r} is no currency; nothing was asked", hint="write codes as --currencies ILS,EUR,GBP"
        )
    currencies = [code for code in dict.fromkeys(ask.currencies) if code != USD]
    if not currencies:
        raise UsageError("no currency but USD was given; nothing was asked", hint="USD needs no rate")
    return Wanted(first=first, last=last, currencies=currencies, again=ask.again, is_live=ask.is_live)


def _days(ask: Ask, provider: RateProvider, today: date) -> tuple[date, date]:
    """Exactly one way of saying which days."""
    if ask.is_live and not provider.has_live:
        raise UsageError(f"{provider.name} has no rates of this moment; nothing was asked", hint="use --date")
    match ask.is_live, ask.day, ask.first, ask.last:
        case True, None, None, None:
            return today, today
        case False, str(day), None, None:
            found = day_given(day, "--date", today)
            return found, found
        case False, None, str(first), str(last):
            return day_given(first, "--from", today), day_given(last, "--to", today)
    raise UsageError(
        "which days? nothing was asked",
        hint="give --date DAY, or --from DAY and --to DAY, or --live, and only one of them",
    )


def _no_such_days(problem: str) -> UsageError:
    return UsageError(f"{problem}; nothing was asked", hint="correct --date, or --from and --to")


def _holder() -> Holder:
    me = this_process()
    place = {"place": me.place, "pid": me.pid, "start": me.start}

    def is_dead(process: str) -> bool:
        try:
            told = json.loads(process)
            return bool(told["place"] == me.place and process_start(told["pid"]) != told["start"])
        except (ValueError, KeyError, TypeError):
            return False

    return Holder(id=uuid.uuid4().hex, process=json.dumps(place), is_dead=is_dead)


def _client(settings: FxSettings, name: str, url: str, stack: ExitStack, database: Database) -> Client:
    from holdfast.outbound.client import Client
    from holdfast.outbound.ledger_limiter import LedgerLimiter

    if not url.startswith("https://"):
        if not (url.startswith("http://") and settings.allow_insecure_http):
            raise ConfigError(
                f"{name}: its address is not https://; keys and rates would travel in the clear, where anyone "
                "on the way can read and change them; nothing was sent",
                hint="use https://; or, where the plan has no HTTPS, say so with --allow-insecure-http",
            )
        log.warning("keys and rates travel in the clear, by http://", provider=name)
    secrets = [settings.key] if settings.key else []
    return stack.enter_context(Client(settings.policy(name), LedgerLimiter(database), secrets=secrets))


def _currencylayer(settings: FxSettings, stack: ExitStack, database: Database) -> RateProvider:
    from holdfast.fx.currencylayer import APILAYER_URL, CurrencyLayer

    if not settings.key:
        raise ConfigError(
            "currencylayer needs a key and there is none; nothing was sent",
            hint="export HOLDFAST_FX_KEY=..., or HOLDFAST_FX_KEY_FILE, or set key_file under [fx.currencylayer]",
        )
    url = settings.currencylayer_url or APILAYER_URL
    client = _client(settings, "currencylayer", url, stack, database)
    return CurrencyLayer(client, url, settings.key, settings.currencylayer_key_in)


def _ecb(settings: FxSettings, stack: ExitStack, database: Database) -> RateProvider:
    from holdfast.fx.ecb import URL, Ecb

    url = settings.ecb_url or URL
    return Ecb(_client(settings, "ecb", url, stack, database), url)


def _file(settings: FxSettings, _stack: ExitStack, _database: Database) -> RateProvider:
    from holdfast.fx.rates_file import Columns, RatesFile

    if settings.file_path is None or settings.file_rate_is is None:
        raise ConfigError(
            "the rates file is not named, or not what its rates mean; nothing was read",
            hint='[fx.file] path = "rates.csv" and rate_is = "usd_per_unit" or "units_per_usd" in holdfast.toml',
        )
    columns = Columns(**settings.file_columns, is_usd_per_unit=settings.file_rate_is == "usd_per_unit")
    return RatesFile(settings.file_path, columns)


PROVIDERS: dict[str, Callable[[FxSettings, ExitStack, Database], RateProvider]] = {
    "currencylayer": _currencylayer,
    "ecb": _ecb,
    "file": _file,
}
