"""The daily job: load every dataset, fetch the rates they lack, build what is made of them, check it, prune the ledger.

A dataset that fails holds up only what is made of it. Each step is also a stage of one run of its own, so that
`pipeline_checkpoint` tells the whole job.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.domain.contract import Contract
from holdfast.domain.errors import ConfigError, HoldfastError, Interrupted, ModelError
from holdfast.domain.rate import is_currency
from holdfast.engine.migrate import ledger_version
from holdfast.engine.prune import Pruned, prune
from holdfast.engine.runs import recorded_run
from holdfast.engine.stages import recorded_stage
from holdfast.wiring import Project

if TYPE_CHECKING:
    from holdfast.fx.coverage import Usage
    from holdfast.fx.gaps import GapPolicy
    from holdfast.models.graph import Graph
    from holdfast.ports.database import Database
    from holdfast.wiring_fx import FxSettings

LEDGER_VERSION = 9  # since it the ledger has what is pruned
FX_DAYS = 7  # of which rates are fetched where no coverage says which are needed
_GRAVITY = (0, 75, 1, 3, 4, 2)  # the later, the less it helps to wait or to try again


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How rates are fetched, and which loaded tables need them."""

    settings: FxSettings
    currencies: Sequence[str]
    usages: Sequence[Usage]
    policy: GapPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a day's job consists of. Contracts are read one by one: one that is not sound is its own step's error."""

    datasets: Sequence[str]
    contract: Callable[[str], Contract]
    table: Callable[[str], str | None]
    """The table that a contract names, be it sound or not."""
    rates: Rates | None
    rates_table: str
    models_dir: Path
    keep_days: int


@dataclass(slots=True)
class Step:
    """One step's end. `result` is what its own command would show; `skipped` says why it was not done."""

    name: str
    of: str = ""
    result: object = None
    error: HoldfastError | None = None
    skipped: str = ""
    duration_s: float = 0.0


@dataclass(slots=True)
class Day:
    """The job's end. `interrupted`: what was still to do was left."""

    run_id: str
    steps: list[Step] = field(default_factory=list)
    error: HoldfastError | None = None
    duration_s: float = 0.0


def pruned(project: Project, days: float, *, dry_run: bool = False) -> Pruned:
    """Take out of the ledger what is older than `days`; without a ledger there is nothing."""
    if dry_run:
        there = ledger_version(project.database).found >= LEDGER_VERSION
        return prune(project.database, days, dry_run=True) if there else Pruned(days, dry_run=True)
    with recorded_run(project.database, "-", "ops prune") as run:
        return prune(project.database, days, run_id=run.id, retry_for_s=project.settings.retry_for_s)


def run_day(project: Project, job: Job, on_step: Callable[[Step], None]) -> Day:
    """Do the job, telling `on_step` each step as it ends. What fails is in the result; an interrupt ends it at once."""
    began = time.monotonic()
    with recorded_run(project.database, "-", "run") as run:
        day = Day(run.id)
        for step, work in _steps(project, job, day):
            _do(run.id, step, work)
            day.steps.append(step)
            on_step(step)
            if isinstance(step.error, Interrupted):
                break
        day.error = run.error = _worst(day.steps)
    day.duration_s = time.monotonic() - began
    return day


def _do(run_id: str, step: Step, work: Callable[[Step], None]) -> None:
    began = time.monotonic()
    with recorded_stage(run_id, step.name, step.of) as stage:
        try:
            work(step)
        except HoldfastError as error:
            step.error = error
        if step.error:
            stage.fail(step.error.message)
        if step.skipped:
            stage.metadata["skipped"] = step.skipped
    step.duration_s = time.monotonic() - began


def _steps(project: Project, job: Job, day: Day) -> Iterator[tuple[Step, Callable[[Step], None]]]:
    def load(step: Step) -> None:
        contract = job.contract(step.of)
        if contract.source or contract.web:
            step.result = result = project.load(contract, [])
            step.error = result.error
        else:
            step.skipped = f"{step.of}: its contract names no source; holdfast load is given its files"

    for name in job.datasets:
        yield Step("load", name), load
    rates = job.rates
    if rates:
        yield Step("fx"), lambda step: _fetch(project, rates, step)
    failed = {step.of for step in day.steps if step.error}
    if any(job.models_dir.rglob("*.sql")):
        yield Step("build"), lambda step: _build(project, job, failed, step)
    yield Step("check"), lambda step: _check(project, job, failed, step)
    yield Step("prune"), lambda step: _prune(project, job.keep_days, day.run_id, step)


def _fetch(project: Project, rates: Rates, step: Step) -> None:
    """Rates of the days that rows of loaded tables lack; of the last days where no coverage is configured."""
    from holdfast.fx.moments import ONE_DAY, now
    from holdfast.wiring_fx import Ask, fetch_rates

    today = now(project.database).date()
    first, last = today - timedelta(days=FX_DAYS), today - ONE_DAY
    if rates.usages:
        days = _days_lacking(project.database, rates)
        if not days:
            step.skipped = "every row has a rate"
            return
        first, last = min(days), min(max(days), today)
    ask = Ask(first=str(first), last=str(last), currencies=rates.currencies)
    result = fetch_rates(project, rates.settings, ask)
    step.result, step.error = result, result.report.error


def _days_lacking(database: Database, rates: Rates) -> set[date]:
    from holdfast.fx.coverage import coverage

    wanted = {code for code in rates.currencies if is_currency(code)}
    with database.reading() as tx:
        found = [
            coverage(tx, usage, rates.settings.table, rates.policy)
            for usage in rates.usages
            if tx.reflect(usage.table) is not None
        ]
    gaps = [gap for one in found for gap in one.lacking]
    return {gap.rate_date for gap in gaps if gap.rate_date and gap.currency in wanted}


def _contracts(job: Job) -> list[tuple[str, Contract]]:
    """Those that are sound; of the others their own step said so."""
    found = []
    for name in job.datasets:
        with suppress(HoldfastError):
            found.append((name, job.contract(name)))
    return found


def _graph(project: Project, job: Job, failed: set[str]) -> tuple[Graph, set[str]]:
    """The project's models, and the names of those that are made of a dataset that failed. Raises ModelError."""
    from holdfast.models.model import read_models
    from holdfast.wiring_models import graph_of

    found = _contracts(job)
    sound = {name for name, _ in found}
    unsound = [table for name in job.datasets if name not in sound and (table := job.table(name))]
    graph = graph_of(project, [contract for _, contract in found], job.rates_table, job.models_dir, without=unsound)
    left_out = {model.name for model in read_models(job.models_dir)} - {model.name for model in graph.models}
    stale = {contract.table.casefold() for name, contract in found if name in failed}
    for model in graph.models:  # in the order they are built: an input before what is made of it
        if any(given.relation.key in stale for given in graph.inputs_of(model)):
            stale.add(model.name)
    return graph, left_out | {model.name for model in graph.models if model.name in stale}


def _build(project: Project, job: Job, failed: set[str], step: Step) -> None:
    """Build what is not made of a dataset that failed."""
    from holdfast.wiring_models import Ask, build

    graph, stale = _graph(project, job, failed)
    if stale:
        step.skipped = f"{', '.join(sorted(stale))}: made of what failed"
    chosen = [model.name for model in graph.models if model.name not in stale]
    if chosen:
        result = build(project, graph, Ask(models=chosen))
        step.result, step.error = result, result.error


def _check(project: Project, job: Job, failed: set[str], step: Step) -> None:
    """Check the datasets that were loaded, and what is made of them."""
    from holdfast.quality.results import verdict
    from holdfast.quality.subject import of_contract, of_model
    from holdfast.wiring_checks import check_subjects

    subjects = [of_contract(contract) for name, contract in _contracts(job) if name not in failed]
    with suppress(ModelError, ConfigError):  # the build said so
        graph, stale = _graph(project, job, failed)
        subjects += [of_model(model, graph) for model in graph.models if model.name not in stale]
    if subjects:
        step.result = check_subjects(project, subjects)
        step.error = verdict(step.result[1])


def _prune(project: Project, days: int, run_id: str, step: Step) -> None:
    step.result = prune(project.database, days, run_id=run_id, retry_for_s=project.settings.retry_for_s)


def _worst(steps: Sequence[Step]) -> HoldfastError | None:
    """The gravest error: an interrupt, else the one that waiting helps least."""
    errors = [step.error for step in steps if step.error]
    return max(errors, key=_gravity, default=None)


def _gravity(error: HoldfastError) -> int:
    if isinstance(error, Interrupted):
        return len(_GRAVITY)
    return _GRAVITY.index(error.exit_code) if error.exit_code in _GRAVITY else _GRAVITY.index(1)
