"""check: what was declared of the data, what every dataset must keep, and what was found before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import UsageError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, neither, opened
from holdfast.interfaces.cli.options import DatasetOrModel, Db, Json

if TYPE_CHECKING:
    from holdfast import wiring
    from holdfast.interfaces.config import Project
    from holdfast.quality.results import CheckResult
    from holdfast.quality.subject import Subject

commands = typer.Typer()
_MARKS = {"passed": "ok", "warned": "WARN", "failed": "FAILED", "error": "ERROR", "skipped": "skipped"}
_HISTORY = ("checked_at", "check_name", "severity", "status", "failing", "found", "run_id")


@commands.command()
def check(
    dataset: DatasetOrModel = None,
    show_sql: Annotated[
        bool, typer.Option("--show-sql", help="Print every check's statement, and ask none of them.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Look at every row again, also where nothing was touched.")
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="What was found before, newest first.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Results of the history to show at most.")] = 50,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Check the data, as contracts declare it and as every dataset must be. Exit 3 where a check fails."""
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    if history:
        _history(project, dataset, most, as_json)
        return
    if not project.dataset_names():
        raise UsageError(
            f"there is no contract in {project.contracts_directory}",
            hint="make one with: holdfast contract infer FILE > contracts/NAME.toml",
        )
    if show_sql:
        _show_sql(project, dataset, as_json)
    else:
        _check(project, dataset, full, as_json)


def _subjects(project: Project, holdfast: wiring.Project, name: str | None) -> list[Subject]:
    """The dataset or model of this name; all of them if there is none."""
    from holdfast import wiring_models
    from holdfast.quality.subject import of_contract, of_model

    models = project.directory / "models"
    if name in project.dataset_names() or (name and not models.is_dir()):
        return [of_contract(contract_of(project, name))]
    datasets = [] if name else [of_contract(contract_of(project, each)) for each in project.dataset_names()]
    if not models.is_dir():
        return datasets
    graph = wiring_models.graph_of(holdfast, project.contracts(), project.fx.table, models)
    try:
        chosen = graph.chosen([name] if name else [])
    except UsageError as error:
        raise neither(project, graph, name or "") from error
    return datasets + [of_model(model, graph) for model in chosen]


def _check(project: Project, name: str | None, full: bool, as_json: bool) -> None:
    from holdfast.quality.results import verdict
    from holdfast.wiring_checks import check_subjects

    with opened(project) as holdfast:
        run_id, results = check_subjects(holdfast, _subjects(project, holdfast, name), full=full)
    error = verdict(results)
    if as_json:
        told = {"run_id": run_id, "checks": described(results)}
        done = {"status": "done", "exit_code": 0, **told}
        output.terminal_object(output.failed(error, **told) if error else done)
    else:
        print_results(results)
    if error:
        output.print_error(error.message, error.hint)
        raise typer.Exit(error.exit_code)


def print_results(results: Sequence[CheckResult]) -> None:
    """A line a dataset and a line a check; of what fails, what was expected and a few rows' keys."""
    for dataset in dict.fromkeys(result.dataset for result in results):
        mine = [result for result in results if result.dataset == dataset]
        counts = {word: sum(r.status == word for r in mine) for word in _MARKS}
        output.line(f"{dataset}  " + " · ".join(f"{n} {word}" for word, n in counts.items() if n))
        for result in mine:
            _print_result(result)


def _print_result(result: CheckResult) -> None:
    finding = result.finding
    how = f"{result.duration_ms:,} ms"
    if result.stands:
        how = "nothing was touched since"
    elif result.partitions_read is not None:
        how = f"{output.counted(result.partitions_read, 'partition')} read, {how}"
    mark = _MARKS[result.status]
    output.line(f"  {mark:<7}  {output.visible(result.name)}  {output.visible(_said(result))} · {how}")
    if result.status in ("failed", "warned"):
        for row in finding.sample:
            output.line("           " + " ".join(f"{k}={output.visible(str(v))}" for k, v in row.items()))


def _said(result: CheckResult) -> str:
    if result.status in ("passed", "skipped"):
        return result.finding.found
    return f"{result.finding.expected}, found {result.finding.found}"


def described(results: Sequence[CheckResult]) -> list[dict[str, Any]]:
    """The results as `--json` tells them."""
    return [
        {
            "dataset": result.dataset,
            "check": result.name,
            "kind": result.kind,
            "severity": result.severity,
            "status": result.status,
            "failing": result.finding.failing,
            "expected": result.finding.expected,
            "found": result.finding.found,
            "sample": [dict(row) for row in result.finding.sample],
            "sql_hash": result.sql_hash,
            "partitions_read": result.partitions_read,
            "stands": result.stands,
            "duration_ms": result.duration_ms,
        }
        for result in results
    ]


def _show_sql(project: Project, name: str | None, as_json: bool) -> None:
    from holdfast.quality.checks import statements

    with opened(project, upgrade=False) as holdfast:
        subjects = _subjects(project, holdfast, name)
        found = [one for subject in subjects for one in statements(holdfast.database, subject)]
        first, shown = holdfast.database.traits.shell_first, [one.query.shown(holdfast.database) for one in found]
    if as_json:
        told = [
            {"dataset": s.dataset, "check": s.check.title, "sql": s.query.sql, "binds": dict(s.query.binds)}
            for s in found
        ]
        output.terminal_object({"status": "done", "exit_code": 0, "statements": told})
        return
    if first:
        output.line(f"{first}\n")
    for one, sql in zip(found, shown, strict=True):
        output.line(f"-- {one.dataset}: {output.visible(one.check.title)} ({one.check.severity})")
        output.line(f"{sql}\n")


def _history(project: Project, dataset: str | None, most: int, as_json: bool) -> None:
    from holdfast.quality.results import history

    if dataset is None:
        raise UsageError("--history is of one dataset", hint="holdfast check DATASET --history")
    with opened(project) as holdfast:
        rows = history(holdfast.database, dataset, most)
        if not rows:  # it may be a model's name without its schema, or that of nothing
            rows = history(holdfast.database, _subjects(project, holdfast, dataset)[0].name, most)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "results": rows})
        return
    if not rows:
        output.line(f"{dataset} was not checked yet: holdfast check {dataset}")
        return
    output.table(_HISTORY, [[row[name] for name in _HISTORY] for row in rows])
