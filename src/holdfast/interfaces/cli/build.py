"""build: bring the tables that are made of others up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json
from holdfast.observe.log import mask

if TYPE_CHECKING:
    from holdfast.models.build import ModelReport, Prospect, Wanted
    from holdfast.models.built import Built
    from holdfast.wiring_models import BuildResult

commands = typer.Typer()
SHOWN_MAX = 20


@commands.command()
def build(
    model: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL...]", help="Targets or file names; all if left out.", show_default=False),
    ] = None,
    year: Annotated[
        int | None, typer.Option("--year", min=1, max=9999, help="Only partitions with a day of it.")
    ] = None,
    month: Annotated[
        str | None, typer.Option("--month", help="Only partitions with a day of it: 2024-06, or 6 with --year.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option("--partition", metavar="KEY", help="Only this day, month or year.")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="Drop what is built of the selection and build it anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which partitions would be built, and why; build nothing.")
    ] = False,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Build the models: exactly the partitions whose inputs or SQL changed."""
    from holdfast import wiring_models
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    ask = wiring_models.Ask(models=model or [], year=year, month=month, partition=partition, reset=reset)
    ask.days  # noqa: B018 - a mistake in it is told before anything is opened
    with opened(project) as holdfast:
        graph = wiring_models.graph_of(holdfast, project.contracts(), project.fx.table, project.directory / "models")
        if dry_run:
            _show_plan(wiring_models.plan(holdfast, graph, ask), as_json=as_json)
            return
        shown = (lambda _report: None) if as_json else show_model
        result = wiring_models.build(holdfast, graph, ask, on_model=shown)
    if as_json:
        output.terminal_object(_as_object(result))
    if result.error:
        output.print_error(result.error.message, result.error.hint)
        raise typer.Exit(result.error.exit_code)


def _show_plan(found: list[Prospect], *, as_json: bool) -> None:
    if as_json:
        models = [
            {
                "model": one.model.target,
                "would_build": _reasons(one.wanted),
                "may_follow": _reasons(one.following),
                "current": one.current,
            }
            for one in found
        ]
        output.terminal_object({"status": "done", "exit_code": 0, "dry_run": True, "models": models})
        return
    for one in found:
        follow = f" · {len(one.following):,} may follow" if one.following else ""
        told = f"{output.counted(len(one.wanted), 'partition')} to build{follow} · {one.current:,} up to date"
        output.line(f"{one.model.target}  {told}")
        _show_wanted(one.wanted)
        _show_wanted(one.following)


def _show_wanted(wanted: list[Wanted]) -> None:
    for one in wanted[:SHOWN_MAX]:
        output.line(f"  {one.key or 'all of it'}  {output.visible(one.reason)}")
    if len(wanted) > SHOWN_MAX:
        output.line(f"  and {len(wanted) - SHOWN_MAX:,} more; --json shows all")


def _reasons(wanted: list[Wanted]) -> list[dict[str, str]]:
    return [{"partition": one.key, "reason": one.reason} for one in wanted]


def show_model(report: ModelReport) -> None:
    built = report.of("built")
    parts = [f"{len(built):,} of {len(report.built) + report.current:,} partitions built"]
    for name, word in (("inserted", "new"), ("updated", "changed"), ("removed", "gone")):
        parts.append(f"{output.counted(sum(getattr(one, name) for one in built), 'row')} {word}")
    parts += [f"{len(found):,} {status}" for status in ("failed", "skipped") if (found := report.of(status))]
    output.line(f"{report.model}  {' · '.join(parts)} · {sum(one.duration_s for one in built):.1f} s")
    for one in [*report.of("failed"), *report.of("skipped")][:SHOWN_MAX]:
        output.line(f"  {one.status} {one.key or 'all of it'}: {output.visible(one.error)}")
    for other in report.stale_upstream:
        output.line(f"  {other}, which it is made of, is out of date and was not chosen")


def _as_object(result: BuildResult) -> dict[str, Any]:
    known = {
        "run_id": result.run_id,
        "duration_s": round(result.duration_s, 3),
        "models": [_model_object(report) for report in result.models],
    }
    if result.error:
        return output.failed(result.error, **known)
    return {"status": "done", "exit_code": 0, **known}


def _model_object(report: ModelReport) -> dict[str, Any]:
    built = report.of("built")
    return {
        "model": report.model,
        "built": len(built),
        "current": report.current + len(report.of("current")),
        "failed": len(report.of("failed")),
        "skipped": len(report.of("skipped")),
        "inserted": sum(one.inserted for one in built),
        "updated": sum(one.updated for one in built),
        "removed": sum(one.removed for one in built),
        "stale_upstream": report.stale_upstream,
        "partitions": [_partition_object(one) for one in report.built],
    }


def _partition_object(one: Built) -> dict[str, Any]:
    found = {
        "partition": one.key,
        "status": one.status,
        "reason": one.reason,
        "rows": one.rows,
        "inserted": one.inserted,
        "updated": one.updated,
        "removed": one.removed,
        "stages": one.stages,
    }
    return {**found, "error": mask(one.error)} if one.error else found
