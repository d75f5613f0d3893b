"""explain: one row's story, from the line of the file it came from to every change it went through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from holdfast.domain.errors import HoldfastError, RowNotFound, UsageError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, neither, opened
from holdfast.interfaces.cli.options import Db, Json

if TYPE_CHECKING:
    from holdfast.interfaces import config
    from holdfast.models.graph import Graph
    from holdfast.quality.explain_model import NoCell
    from holdfast.quality.explain_row import NoRow, SeveralRows
    from holdfast.quality.explain_told import Told
    from holdfast.wiring import Project

commands = typer.Typer()


@commands.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="A contract in contracts/, or a model's target.")],
    given: Annotated[
        list[str], typer.Argument(metavar="COLUMN=VALUE...", help="Which row: its key, or any columns of it.")
    ],
    db: Db = None,
    as_json: Json = False,
) -> None:
    """This row: file, line, raw text, every change it went through; of a model's row, what it is made of."""
    from holdfast.interfaces.config import load_project

    project = load_project(db)
    explained = _dataset if name in project.dataset_names() else _model
    explained(project, name, given, as_json)


def _dataset(project: config.Project, name: str, given: list[str], as_json: bool) -> None:
    from holdfast.interfaces.cli.explain_model_text import print_cells
    from holdfast.interfaces.cli.explain_text import print_row
    from holdfast.quality.explain_model_told import cells_told
    from holdfast.quality.explain_row import NoRow, SeveralRows
    from holdfast.quality.explain_told import none_told, row_told, several_told
    from holdfast.wiring_explain import explain_dataset

    contract = contract_of(project, name)
    with opened(project, upgrade=False) as holdfast:
        explained = explain_dataset(holdfast, contract, given, lambda: _graph(project, holdfast))
    story = explained.story
    if isinstance(story, SeveralRows):
        _end(_several(name, given, story), several_told(story), as_json)
    if isinstance(story, NoRow):
        _end(_none(name, contract.table, given, story), none_told(story), as_json)
    told = {**row_told(story), "models": cells_told(explained.cells), "models_trouble": explained.trouble}
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, **told})
        return
    print_row(told)
    print_cells(told["models"], told["models_trouble"])


def _model(project: config.Project, name: str, given: list[str], as_json: bool) -> None:
    from holdfast.interfaces.cli.explain_model_text import print_cell
    from holdfast.quality.explain_model import NoCell
    from holdfast.quality.explain_model_told import cell_told
    from holdfast.quality.explain_row import SeveralRows
    from holdfast.quality.explain_told import several_told
    from holdfast.wiring_explain import explain_model

    with opened(project, upgrade=False) as holdfast:
        graph = _graph(project, holdfast)
        if graph.model(name) is None:
            raise neither(project, graph, name)
        story = explain_model(holdfast, graph, name, given)
    if isinstance(story, SeveralRows):
        _end(_several(name, given, story), several_told(story), as_json)
    if isinstance(story, NoCell):
        _end(_no_cell(name, given, story), {"partition": story.partition, "is_built": story.is_built}, as_json)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, **cell_told(story)})
    else:
        print_cell(cell_told(story))


def _graph(project: config.Project, holdfast: Project) -> Graph:
    from holdfast.wiring_models import graph_of

    return graph_of(holdfast, project.contracts(), project.fx.table, project.directory / "models")


def _end(error: HoldfastError, told: Told, as_json: bool) -> NoReturn:
    """What is known all the same, then the error."""
    from holdfast.interfaces.cli.explain_text import print_history, print_rejects

    if as_json:
        output.terminal_object(output.failed(error, **told))
    elif "rows" in told:
        output.table(list(told["rows"][0]), [list(row.values()) for row in told["rows"]])
    elif "rejects" in told:
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
    if story.otherwise:
        has = " and ".join(f"{column}={value or ''}" for column, value in story.otherwise.items())
        return RowNotFound(f"{message}; the row with that key has {has}", hint="ask by the key alone")
    if any(reject["status"] == "replayed" for reject in story.rejects.first):
        message += "; a rejected record of that key was replayed: a row of it was loaded, and is gone"
    elif story.rejects.total:
        message += f"; {output.counted(story.rejects.total, 'rejected record')} of that key: it broke the contract"
        hint = f"holdfast rejects list {name}"
    if story.history.total:
        message += "; there was one whose values were changed: it was removed since"
    if story.chunks_waiting:
        waiting = output.counted(story.chunks_waiting, "chunk")
        message += f"; {waiting} planned and not loaded yet may have it"
        hint = hint if story.rejects.total else f"holdfast load {name}"
    return RowNotFound(message, hint=hint)


def _no_cell(name: str, given: list[str], story: NoCell) -> RowNotFound:
    message = f"no row of {name} has {' and '.join(given)}"
    if story.partition is None:
        return RowNotFound(f"{message}; nothing like it is built", hint=f"holdfast build {name}")
    where = f"partition {story.partition}" if story.partition else "the model"
    state = "is built and as its inputs are" if story.is_built else "would not have it either if it were built now"
    return RowNotFound(f"{message}: {where} {state}", hint=f"see its rows: holdfast explain {name} COLUMN=VALUE")
