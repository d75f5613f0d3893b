"""`holdfast contract`: propose a contract for a file, and check the contracts there are."""

from __future__ import annotations

import typer

from holdfast.interfaces.cli import options, output
from holdfast.interfaces.config import load_project

commands = typer.Typer(help="Propose and check contracts.", no_args_is_help=True)


@commands.command()
def check(dataset: options.OptionalDataset = None, as_json: options.Json = False) -> None:
    """Is the contract sound, does it fit the source and the existing table?"""
    project = load_project()
    names = [dataset] if dataset else project.dataset_names()
    for name in names:
        project.contract(name)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "datasets": names})
    else:
        output.line(f"{output.counted(len(names), 'contract')}: sound")


@commands.command()
def infer() -> None:
    """Propose a contract for a file, as TOML on stdout."""
