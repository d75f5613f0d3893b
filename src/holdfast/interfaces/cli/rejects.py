"""rejects list, show, export, replay: what was refused and why, and loading it again once it is mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.domain.errors import SourceError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, opened
from holdfast.interfaces.cli.options import Dataset, Db, Json

commands = typer.Typer(help="Rows that broke the contract: list, show, export, replay.", no_args_is_help=True)
Status = Annotated[str, typer.Option("--status", help="open, replayed or dropped.")]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "reasons": json.loads(row["reasons"])}


@commands.command("list")
def list_(
    dataset: Dataset,
    code: Annotated[str | None, typer.Option("--code", help="Only this reason code.", show_default=False)] = None,
    status: Status = "open",
    most: Annotated[int, typer.Option("--most", min=1, help="Rejects to show at most.")] = 20,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Rejects by reason code, and the first of them with their places."""
    from holdfast.engine.reports import reject_codes, rejects_page
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        codes = reject_codes(holdfast.database, dataset, status)
        rows = [_told(row) for row in rejects_page(holdfast.database, dataset, status, code, most)]
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "dataset": dataset, "codes": codes, "rejects": rows})
        return
    total = sum(row["rejects"] for row in codes)
    output.line(f"{dataset}  {output.counted(total, f'{status} reject')}")
    output.table(["code", "rejects", "means"], [(r["code"], r["rejects"], _meaning(r["code"])) for r in codes])
    if rows:
        output.line()
        output.table(["_origin", "file", "line", "byte", "why"], [_place(row) for row in rows])
        output.line(f"one in full: holdfast rejects show {dataset} ORIGIN · all: holdfast rejects export {dataset}")


def _meaning(code: str) -> str:
    from holdfast.domain.reject import REASON_CODES

    return REASON_CODES.get(code, "")


def _place(row: dict[str, Any]) -> tuple[str, str, int, int, str]:
    why = "; ".join(
        f"{reason['code']}{' ' + reason['column'] if reason['column'] else ''}: {reason['message']}"
        for reason in row["reasons"]
    )
    uri = f"{row['uri']} page {row['page']}" if row["page"] else row["uri"]
    return str(row["origin"]), uri, row["line"], row["byte_offset"], why


@commands.command()
def show(
    dataset: Dataset,
    origin: Annotated[int, typer.Argument(metavar="ORIGIN", help="The reject's _origin, as listed.")],
    db: Db = None,
    as_json: Json = False,
) -> None:
    """One reject in full: file, line, byte offset, every reason, raw text."""
    from holdfast.engine.reports import get_reject
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        row = _told(get_reject(holdfast.database, dataset, origin))
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "dataset": dataset, "reject": row})
        return
    page = f" page {output.number(row['page'])}," if row["page"] else ""
    output.line(
        f"{row['uri']} (version {row['version']}),{page} line {output.number(row['line'])},"
        f" byte {output.number(row['byte_offset'])}, {output.counted(row['byte_length'], 'byte')}"
    )
    for reason in row["reasons"]:
        place = f" in column {reason['column']}" if reason["column"] else ""
        value = f" (the file has {reason['value']!r})" if reason["value"] else ""
        output.line(f"  {reason['code']}{place}: {reason['message']}{value}")
    output.line(f"  raw: {output.visible(row['raw'])}")
    output.line(f"  {row['status']} · rejected at {row['rejected_at']} by run {row['run_id']}")


@commands.command()
def export(
    dataset: Dataset,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there rather than to stdout.", show_default=False)
    ] = None,
    db: Db = None,
) -> None:
    """Open rejects as a CSV to mend: correct the columns' values, then replay the file."""
    from holdfast.engine.replay import export as exported
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    with opened(project, upgrade=False) as holdfast:
        lines = exported(holdfast.database, contract_of(project, dataset))
        if out is None:
            sys.stdout.writelines(lines)
            return
        try:
            with out.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as error:
            raise SourceError(f"cannot write {out}: {error.strerror}", hint="choose another --output") from error


@commands.command()
def replay(
    dataset: Dataset,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A mended export; without it, the rows as they are.", show_default=False),
    ] = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Load mended rejects at their own place in the order of rows."""
    from dataclasses import asdict

    from holdfast.interfaces.config import load_project

    project = load_project(db)
    contract = contract_of(project, dataset)
    with opened(project) as holdfast:
        run_id, report = holdfast.replay(contract, file)
    left = report.still_rejected
    if as_json:
        told = {**asdict(report), "replayed": report.replayed}
        output.terminal_object({"status": "done", "exit_code": 0, "run_id": run_id, "dataset": dataset, **told})
        return
    output.line(
        f"{dataset}  {output.number(report.replayed)} replayed ({output.number(report.inserted)} inserted ·"
        f" {output.number(report.updated)} updated · {output.number(report.unchanged)} unchanged ·"
        f" {output.number(report.superseded)} superseded) · {output.number(left)} still rejected ·"
        f" {output.number(report.skipped)} skipped, not open · run {run_id}"
    )
