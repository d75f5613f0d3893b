"""plan, load, work: what a load would do, doing it, and helping with what is planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import HoldfastError, UsageError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, opened, sources_of
from holdfast.interfaces.cli.options import Dataset, Db, Json, OptionalDataset

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.engine.planner import Plan, PlannedFile
    from holdfast.quality.results import CheckResult
    from holdfast.wiring import LoadResult, Project

commands = typer.Typer()
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE...]", help="Files or patterns; the contract's own if left out.", show_default=False
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=256, help="Workers: processes, on DuckDB threads.", show_default=False),
]
Grace = Annotated[
    float | None,
    typer.Option("--grace", min=0, metavar="SECONDS", help="Time to finish the chunk in hand when told to stop."),
]


@commands.command()
def plan(dataset: Dataset, source: Sources = None, db: Db = None, as_json: Json = False) -> None:
    """What a load would do. Writes nothing."""
    from holdfast.engine.drifting import sentences
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    contract = contract_of(project, dataset)
    with opened(project, upgrade=False) as holdfast:
        made = holdfast.plan(contract, sources_of(contract, source or []))
        waiting = holdfast.chunks_waiting(dataset)
    files = [_planned_file(file) for file in made.files]
    new_chunks = sum(file["new_chunks"] for file in files)
    if as_json:
        output.terminal_object(
            {
                "status": "done",
                "exit_code": 0,
                "dataset": dataset,
                "table": contract.table,
                "files": files,
                "chunks": {"new": new_chunks, "waiting": waiting},
                "rows_about": made.rows_about,
                "ways": _ways(made),
                "drift": sentences(made.noted),
            }
        )
        return
    _print_plan(made, files, new_chunks, waiting)


def _planned_file(file: PlannedFile) -> dict[str, Any]:
    if file.extraction:
        what = file.extraction
    elif file.known:
        what = f"known as {file.known.uri} version {file.known.version}"
    elif file.same_as:
        what = f"same bytes as {file.same_as}"
    elif file.replaces:
        kept = len(file.cut.kept) if file.cut else 0
        what = f"version {file.replaces.version + 1}, {output.counted(kept, 'chunk')} kept"
    else:
        what = "new"
    return {
        "uri": file.stamp.uri,
        "what": what,
        "size_bytes": file.stamp.size_bytes,
        "new_chunks": file.new_chunks,
        "content_hash": file.content_hash,
    }


def _ways(made: Plan) -> list[str]:
    if made.kind.lands:
        return ["landing"]
    return ["direct", "merge"] if made.contract.primary_key else ["direct"]


def _print_plan(made: Plan, files: list[dict[str, Any]], new_chunks: int, waiting: int) -> None:
    from holdfast.engine.drifting import sentences

    name = made.contract.name
    todo = f"{output.counted(new_chunks, 'new chunk')}, about {output.number(made.rows_about)} rows"
    if made.contract.web:
        todo = "one extraction"
    elif not new_chunks:
        todo = "nothing new"
    left = f", {output.counted(waiting, 'chunk')} waiting from before" if waiting else ""
    sources = "pages" if made.contract.web else output.counted(len(files), "file")
    output.line(f"{name}  {sources} · {todo}{left} · into {made.contract.table}")
    if made.contract.web:
        output.table(["address", "what"], [(f["uri"], f["what"]) for f in files])
    else:
        output.table(
            ["file", "size", "new chunks", "what"],
            [(f["uri"], output.size(f["size_bytes"]), f["new_chunks"], f["what"]) for f in files],
        )
    if new_chunks:
        becomes = "as a whole, when the last chunk is in" if made.kind.lands else "chunk by chunk"
        ways = " or ".join(_ways(made))
        meets = " (where a key is met twice)" if len(_ways(made)) > 1 else ""
        output.line(f"way: {ways}{meets} · visible {becomes}")
    for sentence in sentences(made.noted):
        output.line(f"  drift: {output.visible(sentence)}")


@commands.command()
def load(
    dataset: Dataset,
    source: Sources = None,
    workers: Workers = None,
    executor: Annotated[str, typer.Option("--executor", help="Where workers run: local.")] = "local",
    max_rejects: Annotated[
        str | None, typer.Option("--max-rejects", metavar="N|P%", help="More rejects stop the load.")
    ] = None,
    run_key: Annotated[
        str | None, typer.Option("--run-key", metavar="K", help="Do nothing if a run with this key is done.")
    ] = None,
    grace: Grace = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Load files into the dataset's table; go on where an earlier load stopped."""
    from holdfast.domain.contract import parse_budget
    from holdfast.interfaces.cli.progress import progress_bar
    from holdfast.interfaces.config import load_project

    if executor != "local":
        raise UsageError(f"executor {executor!r} is not installed; expected: local", hint="leave --executor out")
    if max_rejects is not None:
        parse_budget(max_rejects)
    project = load_project(db)
    contract = contract_of(project, dataset)
    with opened(project, workers=workers, grace_s=grace) as holdfast, progress_bar(dataset) as on_progress:
        result = holdfast.load(
            contract,
            sources_of(contract, source or []),
            max_rejects=max_rejects,
            run_key=run_key,
            on_progress=on_progress,
        )
        checks, trouble = _checked(holdfast, contract, result)
    _end([result], as_json, checks, trouble)


def _checked(
    holdfast: Project, contract: Contract, result: LoadResult
) -> tuple[list[CheckResult], HoldfastError | None]:
    """The dataset's checks, where its contract wants them after a load that came to its end; or why there are none."""
    if result.error or not contract.checks_after_load:
        return [], None
    from holdfast.wiring_checks import check_contracts

    try:
        return check_contracts(holdfast, [contract])[1], None
    except HoldfastError as error:  # what was loaded is told all the same
        return [], error


@commands.command()
def work(dataset: OptionalDataset = None, grace: Grace = None, db: Db = None, as_json: Json = False) -> None:
    """Be one more worker on what is planned, here or on another machine."""
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    with opened(project, workers=1, grace_s=grace) as holdfast:
        results = holdfast.work([dataset] if dataset else [])
    if not results and not as_json:
        output.line("nothing to do: nothing is planned")
    _end(results, as_json)


def _end(
    results: list[LoadResult],
    as_json: bool,
    checks: Sequence[CheckResult] = (),
    trouble: HoldfastError | None = None,
) -> None:
    """Print what became of every row and what checks found, and leave with the first error's exit code."""
    from holdfast.interfaces.cli.check import described, print_results

    error = next((r.error for r in results if r.error), trouble)
    if checks:
        from holdfast.quality.results import verdict

        error = verdict(checks)
    if as_json:
        told = _terminal(results, error)
        output.terminal_object({**told, "checks": described(checks)} if checks else told)
    else:
        for result in results:
            print_result(result)
        print_results(checks)
    if error:
        output.print_error(error.message, error.hint)
        raise typer.Exit(error.exit_code)


def _terminal(results: list[LoadResult], error: HoldfastError | None) -> dict[str, Any]:
    told = {
        "run_id": results[0].run_id if results else None,
        "duration_s": round(sum(result.duration_s for result in results), 3),
        "datasets": [_dataset(result) for result in results],
    }
    return output.failed(error, **told) if error else {"status": "done", "exit_code": 0, **told}


def _dataset(result: LoadResult) -> dict[str, Any]:
    report = result.report
    return {
        "dataset": report.dataset,
        "table": report.table,
        "read": report.counts.read,
        "inserted": report.counts.inserted,
        "updated": report.counts.updated,
        "unchanged": report.counts.unchanged,
        "superseded": report.counts.superseded,
        "rejected": report.counts.rejected,
        "removed": report.removed,
        "files": {"loaded": report.files_loaded, "known": report.files_known},
        "chunks": {"done": report.chunks_done, "total": report.chunks_total, "failed": report.chunks_failed},
        "ways": report.ways,
        "rows_per_s": _rows_per_s(result),
        "table_rows": report.table_rows,
        "warnings": report.warnings,
    }


def _rows_per_s(result: LoadResult) -> int:
    worked_s = 0.0 if result.done_before else result.duration_s
    return round(result.report.counts.read / worked_s) if worked_s else 0


def print_result(result: LoadResult) -> None:
    report, counts = result.report, result.report.counts
    if result.done_before:
        output.line(f"{report.dataset}  nothing to do: run {result.run_id} did what this run key names")
    elif not counts.read and not report.removed and not report.files_loaded and not result.error:
        known = output.counted(report.files_known, "file")
        output.line(f"{report.dataset}  nothing to do: {known} known · {result.duration_s:.1f} s · run {result.run_id}")
    else:
        fates = " · ".join(
            f"{output.number(getattr(counts, fate))} {fate}"
            for fate in ("read", "inserted", "updated", "unchanged", "superseded", "rejected")
            if fate != "superseded" or counts.superseded
        )
        if report.removed:
            fates += f" · {output.number(report.removed)} of replaced files removed"
        speed = f"{output.number(_rows_per_s(result))} rows/s"
        output.line(f"{report.dataset}  {fates} · {result.duration_s:.1f} s · {speed} · run {result.run_id}")
    if report.chunks_done < report.chunks_total:
        output.line(f"  {output.number(report.chunks_done)} of {output.counted(report.chunks_total, 'chunk')} done")
    if counts.rejected:
        output.line(f"  rejected rows are kept: holdfast rejects list {report.dataset}")
    for warning in report.warnings:
        output.line(f"  warning: {warning}")
