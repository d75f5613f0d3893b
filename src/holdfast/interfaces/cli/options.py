"""The options several commands share, so that they are spelled and explained once."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
Db = Annotated[
    str | None,
    typer.Option("--db", metavar="URL", help="The database; else HOLDFAST_DB, else holdfast.toml.", show_default=False),
]
Dataset = Annotated[str, typer.Argument(metavar="DATASET", help="The name of a contract in contracts/.")]
DatasetOrModel = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATASET]",
        help="A contract in contracts/, or a model's target; all if left out.",
        show_default=False,
    ),
]
OptionalDataset = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATASET]", help="The name of a contract in contracts/; all if left out.", show_default=False
    ),
]
