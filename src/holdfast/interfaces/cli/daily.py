"""run: the daily job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from holdfast.domain.errors import HoldfastError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, opened
from holdfast.interfaces.cli.options import Db, Json

if TYPE_CHECKING:
    from holdfast.interfaces.config import Project
    from holdfast.quality.results import CheckResult
    from holdfast.wiring_run import Day, Job, Rates, Step

commands = typer.Typer()


@commands.command()
def run(db: Db = None, as_json: Json = False) -> None:
    """Load every dataset, fetch the rates they lack, build the models, check, prune: the daily job."""
    from holdfast.interfaces.config import load_project
    from holdfast.wiring_run import run_day

    project = load_project(db)
    job = _job(project)
    with opened(project) as holdfast:
        day = run_day(holdfast, job, (lambda _step: None) if as_json else _show)
    if as_json:
        output.terminal_object(_terminal(day))
    else:
        failed = sum(bool(step.error) for step in day.steps)
        end = f"{output.counted(len(day.steps), 'step')}, {failed:,} failed"
        output.line(f"run  {end} · {day.duration_s:.1f} s · run {day.run_id}")
    if day.error:
        raise typer.Exit(day.error.exit_code)


def _job(project: Project) -> Job:
    from holdfast.wiring_run import Job

    return Job(
        datasets=project.dataset_names(),
        contract=lambda name: contract_of(project, name),
        table=project.table_named,
        rates=_rates(project),
        rates_table=project.fx.table,
        models_dir=project.directory / "models",
        keep_days=project.ledger.keep_days,
    )


def _rates(project: Project) -> Rates | None:
    """None: nothing is said about rates in holdfast.toml."""
    if not (project.fx.provider or project.fx.coverage):
        return None
    from holdfast.fx.coverage import Usage
    from holdfast.fx.gaps import GapPolicy
    from holdfast.interfaces.fx_config import fx_settings
    from holdfast.wiring_run import Rates

    covered = [(project.contract(one.dataset).table, one.date, one.currency) for one in project.fx.coverage]
    return Rates(
        settings=fx_settings(project),
        currencies=project.fx.currencies,
        usages=[Usage(*place) for place in covered],
        policy=GapPolicy(project.fx.gap_days_max),
    )


def _show(step: Step) -> None:
    """What the step's own command would print, and the error that kept it from its end."""
    _shown(step)
    if step.skipped:
        output.line(f"{step.name}  left out: {output.visible(step.skipped)}")
    if step.error:
        output.print_error(step.error.message, step.error.hint)


def _shown(step: Step) -> None:
    from holdfast.interfaces.cli.build import show_model
    from holdfast.interfaces.cli.fx import print_fetched
    from holdfast.interfaces.cli.load import print_result
    from holdfast.interfaces.cli.ops import told

    result: Any = step.result
    if result is None:
        return
    match step.name:
        case "load":
            print_result(result)
        case "fx":
            print_fetched(result)
        case "build":
            for report in result.models:
                show_model(report)
        case "check":
            _show_checks(result[1])
        case "prune" if result:
            output.line(told(result))


def _show_checks(results: list[CheckResult]) -> None:
    """How many passed, and those that did not."""
    from holdfast.interfaces.cli.check import print_results

    others = [result for result in results if result.status not in ("passed", "skipped")]
    output.line(f"check  {output.counted(len(results), 'check')}, {len(others):,} of them found something")
    print_results(others)


def _terminal(day: Day) -> dict[str, Any]:
    known = {"run_id": day.run_id, "duration_s": round(day.duration_s, 3), "steps": [_step(step) for step in day.steps]}
    return output.failed(day.error, **known) if day.error else {"status": "done", "exit_code": 0, **known}


def _step(step: Step) -> dict[str, Any]:
    told: dict[str, Any] = {
        "step": step.name,
        "of": step.of or None,
        "status": "done",
        "exit_code": 0,
        "run_id": step.result[0] if isinstance(step.result, tuple) else getattr(step.result, "run_id", None),
        "duration_s": round(step.duration_s, 3),
        "skipped": step.skipped or None,
    }
    return {**told, **_failed(step.error)} if step.error else told


def _failed(error: HoldfastError) -> dict[str, Any]:
    return output.failed(error)
