"""explain: one row's story, from the line of the file it came from to every change it went through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from holdfast.domain.errors import HoldfastError, RowNotFound, UsageError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, opened
from holdfast.interfaces.cli.options import Db, Json

if TYPE_CHECKING:
    from holdfast.quality.explain_row import NoRow, SeveralRows
    from holdfast.quality.explain_told import Told

commands = typer.Typer()


@commands.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="The name of a contract in contracts/.")],
    given: Annotated[
        list[str], typer.Argument(metavar="COLUMN=VALUE...", help="Which row: its key, or any columns of it.")
    ],
    db: Db = None,
    as_json: Json = False,
) -> None:
    """This row: file, line, raw text, every change it went through."""
    from holdfast.interfaces.cli.explain_text import print_row
    from holdfast.interfaces.config import load_project
    from holdfast.quality.explain_row import NoRow, SeveralRows
    from holdfast.quality.explain_told import none_told, row_told, several_told
    from holdfast.wiring_explain import explain_dataset

    project = load_project(db)
    contract = contract_of(project, name)
    with opened(project, upgrade=False) as holdfast:
        story = explain_dataset(holdfast, contract, given)
    if isinstance(story, SeveralRows):
        _end(_several(name, given, story), several_told(story), as_json)
    if isinstance(story, NoRow):
        _end(_none(name, contract.table, given, story), none_told(story), as_json)
    elif as_json:
        output.terminal_object({"status": "done", "exit_code": 0, **row_told(story)})
    else:
        print_row(row_told(story))


def _end(error: HoldfastError, told: Told, as_json: bool) -> NoReturn:
    """What is known all the same, then the error."""
    from holdfast.interfaces.cli.explain_text import print_history, print_rejects

    if as_json:
        output.terminal_object(output.failed(error, **told))
    elif "rows" in told:
        output.table(list(told["rows"][0]), [list(row.values()) for row in told["rows"]])
    else:
        if told["history"]["total"]:
            print_history(told["history"])
        print_rejects(told["rejects"])
    output.print_error(error.message, error.hint)
    raise typer.Exit(error.exit_code)


def _several(name: str, given: list[str], story: SeveralRows) -> UsageError:
    count = f"more than {len(story.keys)}" if story.more else str(len(story.keys))
    first = " ".join(f"{column}={value}" for column, value in story.keys[0].items())
    return UsageError(
        f"{count} rows of {name} have {' and '.join(given)}; one can be explained at a time",
        hint=f"add conditions, as in: holdfast explain {name} {first}",
    )


def _none(name: str, table: str, given: list[str], story: NoRow) -> RowNotFound:
    """What may have become of it, the likeliest first."""
    if not story.has_table:
        return RowNotFound(
            f"there is no table {table} yet, so no row with {' and '.join(given)}", hint=f"holdfast load {name}"
        )
    message, hint = f"no row of {name} has {' and '.join(given)}", f"holdfast verify {name}"
    if story.rejects.total:
        message += f"; {output.counted(story.rejects.total, 'rejected record')} of that key: it broke the contract"
        hint = f"holdfast rejects list {name}"
    if story.history.total:
        message += "; there was one whose values were changed: it was removed since"
    if story.chunks_waiting:
        waiting = output.counted(story.chunks_waiting, "chunk")
        message += f"; {waiting} planned and not loaded yet may have it"
        hint = hint if story.rejects.total else f"holdfast load {name}"
    return RowNotFound(message, hint=hint)
