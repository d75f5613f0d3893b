"""Joins models to an open project: what `holdfast build` calls, and whoever needs the graph of what is made of what."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.domain.contract import Contract
from holdfast.domain.errors import ConfigError, HoldfastError, PartitionsFailed, UsageError
from holdfast.domain.types import Kind
from holdfast.engine.runs import recorded_run
from holdfast.engine.stopping import stop_on_signals
from holdfast.models.build import FAILED, SKIPPED, Builder, ModelReport, Prospect, Selection, plan_build
from holdfast.models.graph import Graph, Relation, make_graph, refuse_shared_tables
from holdfast.models.model import Model, read_models
from holdfast.models.partitions import WHOLE, Days, Grain, days_of, key_of
from holdfast.wiring import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a person asked to have built, as given. At most one of `year`/`month` and `partition`."""

    models: Sequence[str] = ()
    year: int | None = None
    month: str | None = None
    partition: str | None = None
    reset: bool = False

    @property
    def days(self) -> Days | None:
        """Raises UsageError for what is no day, month or year."""
        if self.partition is not None:
            if self.year is not None or self.month is not None:
                raise UsageError("--partition does not go with --year and --month; nothing was built", hint="keep one")
            if self.partition == WHOLE:  # an empty variable of a script is no wish to build all
                raise UsageError("--partition is empty; nothing was built", hint="name a day, a month or a year")
            return days_of(self.partition)
        if self.month is not None:
            return days_of(self._month_key(self.month))
        return None if self.year is None else days_of(f"{self.year:04}")

    def _month_key(self, month: str) -> str:
        if self.year is not None and re.fullmatch(r"\d\d?", month, re.ASCII):
            return f"{self.year:04}-{month:0>2}"
        if self.year is None and re.fullmatch(r"\d{4}-\d\d", month, re.ASCII):
            return month
        raise UsageError(
            f"--month {month!r}{f' --year {self.year}' if self.year else ''}: expected --month 2024-06,"
            " or --year 2024 --month 6; nothing was built"
        )


@dataclass(slots=True)
class BuildResult:
    """A build's end. `error` says what kept it from being whole, if anything."""

    run_id: str
    duration_s: float
    models: list[ModelReport] = field(default_factory=list)
    error: HoldfastError | None = None


def graph_of(
    project: Project,
    contracts: Sequence[Contract],
    rates_table: str | None,
    models_dir: Path,
    *,
    without: Iterable[str] = (),
) -> Graph:
    """The project's models and what they read, but for those made of tables `without` a sound contract.

    Raises ModelError for the first file that is not sound.
    """
    models = read_models(models_dir)
    if models and importlib.util.find_spec("sqlglot") is None:
        raise ConfigError(
            "models need SQLGlot, which is not installed; nothing was built", hint="pip install 'holdfast[models]'"
        )
    dialect = project.database.traits.sql_dialect
    left_out = _made_of(without, models, dialect)
    tables = [_relation(contract) for contract in contracts]
    if rates_table and rates_table.casefold() not in {table.key for table in tables}:
        tables.append(Relation(rates_table, "rate_date", Kind.DATE, Grain.DAY))
    refuse_shared_tables(models, tables, has_schemas=project.database.traits.has_schemas)
    graph = make_graph([model for model in models if model.name not in left_out], tables, dialect)
    for model in graph.models:
        check_model(project, graph, model)
    return graph


def _made_of(tables: Iterable[str], models: Sequence[Model], dialect: str) -> set[str]:
    """The names of models that are made of one of these tables, near or far."""
    from holdfast.models.query import relation_of, tables_of

    stale = {table.casefold() for table in tables}
    if not stale:
        return stale
    reads = {model.name: {relation_of(table) for table in tables_of(model.select(dialect))} for model in models}
    while found := {name for name, read in reads.items() if read & stale} - stale:
        stale |= found
    return stale


def check_model(project: Project, graph: Graph, model: Model) -> None:
    """Raises ModelError where the SELECT lacks columns or the engine cannot be told it, or cannot hold the table."""
    from datetime import date

    from holdfast.domain.errors import ModelError
    from holdfast.models.query import model_sql

    model_sql(project.database, graph, model, key_of(date(2024, 1, 1), model.grain) if model.grain else WHOLE)
    problems = [text for text in project.database.problem_with(model.definition) if "E_PRECISION" not in text]
    if problems:
        raise ModelError(f"{model.path}: {'; '.join(problems)}; nothing was built", hint="change columns in the head")


def plan(project: Project, graph: Graph, ask: Ask) -> list[Prospect]:
    """What a build would do now. Writes nothing."""
    return plan_build(project.database, graph, _selection(graph, ask))


def build(
    project: Project, graph: Graph, ask: Ask, *, on_model: Callable[[ModelReport], None] = lambda _report: None
) -> BuildResult:
    """Build what is out of date. What stops it half-way, and partitions that failed, are in the result."""
    began, selection = time.monotonic(), _selection(graph, ask)
    chosen = selection.models
    label = chosen[0].target[:63] if len(chosen) == 1 else "-"
    with (
        stop_on_signals(project.settings.grace_s) as stop,
        recorded_run(project.database, label, "build") as run,
    ):
        result = BuildResult(run.id, 0.0)
        builder = Builder(
            project.database,
            graph,
            run.id,
            retry_for_s=project.settings.retry_for_s,
            is_stopping=lambda: bool(stop),
            on_model=on_model,
        )
        try:
            builder.build(selection)
            result.error = stop.interrupted() if stop else _verdict(builder.reports)
        except HoldfastError as error:
            result.error = error
        result.models, run.error = builder.reports, result.error
    result.duration_s = time.monotonic() - began
    return result


def _verdict(reports: Sequence[ModelReport]) -> HoldfastError | None:
    failed = [(report.model, one) for report in reports for one in report.of(FAILED)]
    skipped = sum(len(report.of(SKIPPED)) for report in reports)
    if not failed and not skipped:
        return None
    model, first = failed[0]
    more = f" (and {len(failed) - 1:,} more)" if len(failed) > 1 else ""
    behind = f"; what is made of them ({skipped:,}) was left as it was" if skipped else ""
    return PartitionsFailed(
        f"{model} {first.key or '(all of it)'}{more} could not be built: {first.error}{behind}; all else is built",
        hint=f"correct it and run again; see: holdfast build {model} --dry-run",
    )


def _selection(graph: Graph, ask: Ask) -> Selection:
    if not graph.models:
        raise ConfigError("there are no models; nothing was built", hint="write one in models/; see docs/models.md")
    return Selection(graph.chosen(list(ask.models)), ask.days, ask.reset)


def _relation(contract: Contract) -> Relation:
    part = contract.partition
    if part is None:
        return Relation(contract.table)
    return Relation(contract.table, part.column, contract.column(part.column).type.kind, Grain(part.grain))
