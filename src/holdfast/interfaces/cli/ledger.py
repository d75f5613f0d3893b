"""status, runs, chunks, doctor: what the ledger says, and whether a load could begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import HoldfastError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Dataset, Db, Json, OptionalDataset

if TYPE_CHECKING:
    from holdfast.engine.reports import Finding
    from holdfast.ports.database import Row

commands = typer.Typer()
Most = Annotated[int, typer.Option("--most", min=1, help="Rows to show at most.")]


@commands.command()
def status(dataset: OptionalDataset = None, db: Db = None, as_json: Json = False) -> None:
    """How every dataset stands: chunks, rows by fate, rejects; and the sources that are called."""
    from holdfast.engine.reports import dataset_status, source_statistics
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        rows = dataset_status(holdfast.database, dataset)
        sources = source_statistics(holdfast.database) if dataset is None else []
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "datasets": rows, "sources": sources})
        return
    if not rows:
        output.line("nothing loaded yet" if dataset is None else f"{dataset}: nothing loaded yet")
    for row in rows:
        _print_status(row)
    for source in sources:
        _print_source(source)


def _print_status(row: Row) -> None:
    states = [f"{output.number(row[s])} {s}" for s in ("ready", "claimed", "landed", "failed") if row[s]]
    chunks = f"{output.number(row['done'])} of {output.counted(row['chunks'], 'chunk')} done"
    output.line(
        f"{row['dataset']}  into {row['table_name']} · {output.counted(row['files'], 'file')} · {chunks}"
        + (f" ({', '.join(states)})" if states else "")
    )
    fates = ("read", "inserted", "updated", "unchanged", "superseded", "rejected")
    output.line("  " + " · ".join(f"{output.number(row[f'rows_{fate}'])} {fate}" for fate in fates))
    if row["rejects_open"]:
        output.line(f"  {output.counted(row['rejects_open'], 'open reject')}: holdfast rejects list {row['dataset']}")
    for load in row["stopped"]:
        output.line(f"  load {load['number']} is stopped: {load['error']}")


def _print_source(row: Row) -> None:
    failures = ", ".join(f"{output.number(n)} {kind}" for kind, n in row["failures"].items() if n)
    output.line(
        f"source {row['source']}  {output.counted(row['calls'], 'call')} · {output.number(row['retries'])} retried · "
        f"waited {row['waited_s']:,.1f} s for its limit" + (f" · failed: {failures}" if failures else "")
    )
    if row["breaker"] != "closed":
        output.line(f"  its breaker is {row['breaker']}: too many calls failed in a row")


@commands.command()
def runs(
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run's id.", show_default=False)] = None,
    most: Most = 20,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """The latest runs, or one run."""
    from holdfast.engine.reports import recent_runs
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        rows = recent_runs(holdfast.database, run, most)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "runs": rows})
        return
    columns = ("id", "dataset", "command", "status", "exit_code", "started_at", "ended_at", "host", "pid")
    output.table(columns, [[_text(row[name]) for name in columns] for row in rows])
    for row in rows:
        if row["error"]:
            output.line(f"{row['id']}: {output.visible(row['error'])}")


@commands.command()
def chunks(
    dataset: Dataset,
    state: Annotated[
        str | None, typer.Option("--state", help="ready, claimed, landed, done, failed or dropped.", show_default=False)
    ] = None,
    chunk: Annotated[int | None, typer.Option("--chunk", help="One chunk's number.", show_default=False)] = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """The chunks of a dataset: spans, states, counts."""
    from holdfast.engine.reports import list_chunks
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        rows = list_chunks(holdfast.database, dataset, state=state, number=chunk)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "dataset": dataset, "chunks": rows})
        return
    shown = {
        "chunk": "number", "file": "uri", "version": "version",
        "from byte": "span_start", "to byte": "span_end", "state": "state",
        "way": "way", "tries": "attempts", "read": "rows_read", "inserted": "rows_inserted", "updated": "rows_updated",
        "unchanged": "rows_unchanged", "superseded": "rows_superseded", "rejected": "rows_rejected",
    }  # fmt: skip
    # a chunk's number is a name, to be given to --chunk: no thousands separators
    for row in rows:
        if row["place"]:
            row |= {"span_start": f"page {row['ordinal'] + 1}", "span_end": ""}
    output.table(list(shown), [[str(row["number"]), *(row[n] for n in list(shown.values())[1:])] for row in rows])
    for row in rows:
        if row["error"]:
            output.line(f"chunk {row['number']}: {output.visible(row['error'])}")
    if not rows:
        output.line(f"{dataset}: no such chunks")


@commands.command()
def doctor(db: Db = None, as_json: Json = False) -> None:
    """Can I connect, what may I do, is the ledger current, are contracts and sources there."""
    from holdfast.engine.reports import examine
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    with opened(project, upgrade=False) as holdfast:
        findings = examine(holdfast.database, project.url_shown)
    findings += _project_findings(project)
    failed = [finding for finding in findings if not finding.good]
    if as_json:
        output.terminal_object(
            {
                "status": "failed" if failed else "done",
                "exit_code": 2 if failed else 0,
                "findings": [{"what": f.what, "good": f.good, "found": f.found, "hint": f.hint} for f in findings],
            }
        )
    else:
        for finding in findings:
            output.line(f"{'ok ' if finding.good else 'BAD'}  {finding.what}: {finding.found}")
            if finding.hint:
                output.line(f"     {finding.hint}")
    if failed:
        raise typer.Exit(2)


def _project_findings(project: Any) -> list[Finding]:
    from holdfast.engine.reports import Finding

    findings = []
    for name in project.dataset_names():
        try:
            contract = project.contract(name)
        except HoldfastError as error:
            findings.append(Finding(f"contract {name}", good=False, found=error.message, hint=error.hint))
        else:
            columns = output.counted(len(contract.columns), "column")
            findings.append(Finding(f"contract {name}", good=True, found=f"{columns} into {contract.table}"))
    return findings


def _text(value: object) -> str:
    return "-" if value is None else str(value)
