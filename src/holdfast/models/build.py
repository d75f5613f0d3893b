"""A build: every chosen model in the order of its inputs, every partition that is out of date, and nothing else.

What a model is out of date by is looked up when its turn comes, so what was built before it is in it. A partition that
fails is noted and the others go on; what would be made of it is left as it is, and said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from holdfast.domain.errors import HoldfastError, Interrupted, TransientError
from holdfast.engine.recovery import keep_trying
from holdfast.engine.stages import stage_rows
from holdfast.models.building import build_partition
from holdfast.models.built import Built
from holdfast.models.fingerprint import window_of
from holdfast.models.graph import Graph, Input
from holdfast.models.model import Model
from holdfast.models.partitions import WHOLE, Days, concerned, days_of
from holdfast.models.planning import GONE, RESET, Dirty, ModelPlan, plan_model
from holdfast.models.reasons import told
from holdfast.models.tables import ensure_table, is_known, reset_partitions, reset_table, table_stands
from holdfast.ports.database import Database

T = TypeVar("T")
log = structlog.get_logger("holdfast.models")
FAILED, SKIPPED = "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to build: models (none: all) and, of them, the partitions that have a day of `days` (None: all)."""

    models: Sequence[Model]
    days: Days | None = None
    reset: bool = False

    @property
    def drops_tables(self) -> bool:
        return self.reset and self.days is None

    def has(self, key: str) -> bool:
        days = days_of(key)
        return self.days is None or days is None or self.days.overlaps(days)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One partition that is out of date, and why, in words."""

    key: str
    reason: str


@dataclass(slots=True)
class ModelReport:
    """What became of one model. `current`: how many partitions of the selection were up to date; `stale_upstream`:
    models it is made of that were not chosen and are out of date themselves.
    """

    model: str
    current: int = 0
    built: list[Built] = field(default_factory=list)
    stale_upstream: list[str] = field(default_factory=list)

    def of(self, status: str) -> list[Built]:
        return [one for one in self.built if one.status == status]


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a build would do with a model: `wanted` is out of date now; `following` will be too if what it is made of
    comes out different. `current`: how many partitions of the selection are up to date.
    """

    model: Model
    wanted: list[Wanted]
    following: list[Wanted]
    current: int


def plan_build(database: Database, graph: Graph, selection: Selection) -> list[Prospect]:
    """For every chosen model, in build order, what would become of it. Raises what a build would refuse."""
    found: list[Prospect] = []
    with database.reading() as tx:
        for model in selection.models:
            stands = table_stands(tx, model, to_be_dropped=selection.drops_tables)
            dropped = RESET if selection.drops_tables else GONE if not stands and is_known(tx, model) else ""
            plan = plan_model(database, tx, graph, model, is_forgotten=bool(dropped))
            wanted = [Wanted(d.key, dropped or told(tx, d)) for d in plan.dirty if selection.has(d.key)]
            current = [key for key in plan.current if selection.has(key)]
            if selection.reset:
                wanted += [Wanted(key, RESET) for key in current]
                current = []
            wanted.sort(key=lambda one: one.key)
            following = _following(plan, found, {one.key for one in wanted})
            chosen = [one for one in following if selection.has(one.key)]
            found.append(Prospect(model, wanted, chosen, len(current)))
    return found


def _following(plan: ModelPlan, before: Sequence[Prospect], known: set[str]) -> list[Wanted]:
    """Partitions that are up to date, and see partitions of models that will be built before."""
    causes: dict[str, str] = {}
    for given in plan.inputs:
        made = next((one for one in before if one.model.name == given.relation.key), None)
        for upstream in (*made.wanted, *made.following) if made else ():
            reason = f"if {given.relation.name} {upstream.key}".rstrip() + " comes out different"
            for key in _seeing(plan, given, upstream.key):
                causes.setdefault(key, reason)
    return [Wanted(key, causes[key]) for key in sorted(causes.keys() - known)]


def _seeing(plan: ModelPlan, given: Input, key: str) -> Iterable[str]:
    """The partitions whose rebuild sees a partition of an input."""
    grain = plan.model.grain
    if grain is None:
        return [WHOLE]
    if not given.by_partition or key == WHOLE:
        return plan.known
    return concerned(key, grain, given.lookback_days)


@dataclass
class Builder:
    """One run of a build. `on_model` is told of every model that is done with."""

    database: Database
    graph: Graph
    run_id: str
    retry_for_s: float = 300.0
    is_stopping: Callable[[], bool] = lambda: False
    on_model: Callable[[ModelReport], None] = lambda _report: None
    reports: list[ModelReport] = field(default_factory=list)  # also of a build that is stopped half-way
    blocked: dict[str, set[str]] = field(
        default_factory=dict
    )  # by model: partitions that failed, or were skipped for it

    def build(self, selection: Selection) -> list[ModelReport]:
        """Build what is out of date. Errors of single partitions are in the reports."""
        for model in selection.models:
            self._prepare(model, selection)
        for model in selection.models:
            if self.is_stopping():
                break
            self._build_model(model, selection)
            self.on_model(self.reports[-1])
        return self.reports

    def _prepare(self, model: Model, selection: Selection) -> None:
        if selection.drops_tables:
            self._try(lambda: reset_table(self.database, model, self.run_id), f"resetting {model.target}")
            return
        self._try(lambda: ensure_table(self.database, model, self.run_id), f"preparing {model.target}")
        if selection.reset:
            with self.database.reading() as tx:
                keys = [row["partition_key"] for row in tx.run("model_states", model=model.name).rows]
            chosen = [key for key in keys if selection.has(key)]
            self._try(lambda: reset_partitions(self.database, model, chosen), f"resetting {model.target}")

    def _build_model(self, model: Model, selection: Selection) -> None:
        plan, wanted = self._try(lambda: self._plan(model, selection), f"planning {model.target}")
        self._try(lambda: self._note_pending(plan), f"planning {model.target}")
        report = ModelReport(model.target, sum(map(selection.has, plan.current)))
        self.reports.append(report)
        report.stale_upstream = list(self._stale_upstream(model, selection))
        for dirty, reason in wanted:
            if self.is_stopping():
                break
            built = self._build_one(plan, dirty, reason)
            if built.status in (FAILED, SKIPPED):
                self.blocked.setdefault(model.name, set()).add(dirty.key)
            report.built.append(built)

    def _plan(self, model: Model, selection: Selection) -> tuple[ModelPlan, list[tuple[Dirty, str]]]:
        with self.database.reading() as tx:
            plan = plan_model(self.database, tx, self.graph, model)
            return plan, [(dirty, told(tx, dirty)) for dirty in plan.dirty if selection.has(dirty.key)]

    def _note_pending(self, plan: ModelPlan) -> None:
        """Partitions that were found once are not looked for again, also where another selection is built first."""
        new = [dirty.key for dirty in plan.dirty if dirty.key not in plan.known]
        if new:
            with self.database.transaction() as tx:
                tx.run_many("model_state_add", [{"model": plan.model.name, "partition_key": key} for key in new])

    def _stale_upstream(self, model: Model, selection: Selection) -> Iterator[str]:
        chosen = {other.name for other in selection.models}
        others = [other for other in self.graph.upstream(model) if other.name not in chosen]
        if others:
            with self.database.reading() as tx:
                for other in others:
                    plan = plan_model(self.database, tx, self.graph, other)
                    if any(selection.has(dirty.key) for dirty in plan.dirty):
                        yield other.target

    def _build_one(self, plan: ModelPlan, dirty: Dirty, reason: str) -> Built:
        if cause := self._blocked_by(plan, dirty.key):
            return Built(dirty.key, SKIPPED, reason, error=f"{cause} could not be built")
        began, what = time.monotonic(), f"building {plan.model.target} {dirty.key}".rstrip()
        try:
            return self._try(lambda: build_partition(self.database, self.graph, plan, dirty, self.run_id, reason), what)
        except (Interrupted, TransientError):
            raise
        except HoldfastError as error:
            text = self._explained(plan, error)
            log.warning("a partition failed", model=plan.model.target, partition=dirty.key, error=text)
            failed = Built(dirty.key, FAILED, reason, error=text, began=began)
            self._try(lambda: self._note_failure(plan.model, failed), what)
            return failed

    def _blocked_by(self, plan: ModelPlan, key: str) -> str:
        for given in plan.inputs:
            window = window_of(given, key)
            for failed in sorted(self.blocked.get(given.relation.key, ())):
                if window is None or failed == WHOLE or window.has(failed):
                    return f"{given.relation.name} {failed}".rstrip()
        return ""

    def _explained(self, plan: ModelPlan, error: HoldfastError) -> str:
        with self.database.reading() as tx:
            missing = next((g.relation for g in plan.inputs if tx.reflect(g.relation.name) is None), None)
        if missing:
            remedy = (
                ""
                if missing.is_external
                else ": build it first"
                if self.graph.model(missing.key)
                else ": load it first"
            )
            return f"there is no table {missing.name} yet{remedy}"
        return error.message

    def _note_failure(self, model: Model, failed: Built) -> None:
        place: dict[str, Any] = {"model": model.name, "partition_key": failed.key}
        with self.database.transaction() as tx:
            tx.run("model_state_failed", **place, error=failed.error, run_id=self.run_id)
            stage_rows(tx, failed.stage_lines(model.target, self.run_id))

    def _try(self, work: Callable[[], T], what: str) -> T:
        return keep_trying(work, what=what, retry_for_s=self.retry_for_s, is_stopping=self.is_stopping)
