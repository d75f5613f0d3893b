"""db upgrade: migrate the ledger."""

from __future__ import annotations

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json

commands = typer.Typer(help="The ledger in the database.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """The ledger in the database."""


@commands.command()
def upgrade(db: Db = None, as_json: Json = False) -> None:
    """Bring the ledger to this version; safe to run at any time."""
    from holdfast.engine.migrate import LATEST
    from holdfast.engine.migrate import upgrade as bring_up_to_date
    from holdfast.interfaces.config import load_project

    with opened(load_project(db), upgrade=False) as holdfast:
        before = bring_up_to_date(holdfast.database)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "found": before.found, "version": LATEST})
    elif before.is_current:
        output.line(f"the ledger is current (version {LATEST})")
    else:
        output.line(f"the ledger went from version {before.found} to {LATEST}")
