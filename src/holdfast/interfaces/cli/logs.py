"""logs: what runs logged, from the ledger: whoever asks need not be on the machine that ran them."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json

commands = typer.Typer()
_COLUMNS = {"time": "logged_at", "level": "level", "dataset": "pipeline_name", "run": "run_id", "message": "message"}


@commands.command()
def logs(
    run: Annotated[str | None, typer.Option("--run", help="One run's id.", show_default=False)] = None,
    level: Annotated[str, typer.Option("--level", help="At least: info | warning | error | critical")] = "info",
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="One dataset's or model's.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Lines to show at most: the latest.")] = 100,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """What runs logged, oldest first; on whatever machine they ran."""
    from holdfast.engine.log_lines import latest_lines
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        rows = latest_lines(holdfast.database, run_id=run, level=level.lower(), dataset=dataset, most=most)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "logs": rows})
        return
    if not rows:
        output.line("no such lines")
        return
    shown = [[str(row[name])[:23] if name == "logged_at" else row[name] for name in _COLUMNS.values()] for row in rows]
    for cells, row in zip(shown, rows, strict=True):
        found = " ".join(f"{key}={value}" for key, value in row["metadata"].items())
        cells[-1] = output.visible(f"{row['message']}  {found}".rstrip())
    output.table(list(_COLUMNS), shown)
