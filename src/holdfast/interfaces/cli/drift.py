"""drift: how deliveries differed from their contracts, and what was done about it."""

from __future__ import annotations

from typing import Annotated

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json, OptionalDataset

commands = typer.Typer()
_COLUMNS = ("seen_at", "dataset", "kind", "column", "field", "confidence", "action", "file", "run")


@commands.command()
def drift(
    dataset: OptionalDataset = None,
    most: Annotated[int, typer.Option("--most", min=1, help="Differences to show at most.")] = 50,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """How files differed from their contracts: columns added, missing, renamed, of another type; newest first."""
    from holdfast.engine.drifting import history
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        rows = history(holdfast.database, dataset, most)
    shown = [{**row, "column": row["column_name"], "file": row["uri"], "run": row["run_id"]} for row in rows]
    if as_json:
        rows = [{key: row[key] for key in (*_COLUMNS, "detail")} for row in shown]
        output.terminal_object({"status": "done", "exit_code": 0, "drift": rows})
        return
    if not rows:
        output.line("no file has differed from its contract" + (f" ({dataset})" if dataset else ""))
        return
    output.table(_COLUMNS, [[output.visible(str(row[name])) for name in _COLUMNS] for row in shown])
    for detail in dict.fromkeys(row["detail"] for row in shown):
        output.line(f"  {output.visible(detail)}")
