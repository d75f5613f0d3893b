"""ops prune: taking out of the ledger what is old."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json

if TYPE_CHECKING:
    from holdfast.engine.prune import Pruned

commands = typer.Typer(help="Care of the ledger.", no_args_is_help=True)
_THINGS = {"change": "replaced value", "log": "log line", "stage": "stage", "check_result": "check result"}


@commands.callback()
def _group() -> None:
    """Care of the ledger."""


@commands.command()
def prune(
    older_than: Annotated[
        int | None,
        typer.Option("--older-than", min=1, metavar="DAYS", help="Else keep_days under [ledger].", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; write nothing.")] = False,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Take out old history of values, logs, stages and check results; put old touches together; tell dead runs."""
    from holdfast.interfaces.config import load_project
    from holdfast.wiring_run import pruned

    project = load_project(db)
    days = older_than or project.ledger.keep_days
    with opened(project, upgrade=not dry_run) as holdfast:
        found = pruned(holdfast, days, dry_run=dry_run)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, **asdict(found)})
        return
    output.line(told(found))


def told(found: Pruned) -> str:
    """`ops  older than 400 days: 12 log lines removed · ...`"""
    parts = [output.counted(count, _THINGS[table]) for table, count in found.rows.items() if count]
    said = [f"{', '.join(parts)} {'would go' if found.dry_run else 'removed'}"] if parts else []
    if found.touches > found.touches_kept:
        said.append(f"{output.number(found.touches)} touches become {output.number(found.touches_kept)}")
    if found.runs or found.workers:
        dead = f"{output.counted(found.runs, 'run')} and {output.counted(found.workers, 'worker')}"
        said.append(f"{dead} of dead processes {'would be told' if found.dry_run else 'told'} as such")
    return f"ops  older than {found.days:g} days: " + (" · ".join(said) if said else "nothing to do")
