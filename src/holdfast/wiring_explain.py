"""Joins explanations to an open project: what `holdfast explain` and `holdfast changes` call."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.domain.errors import HoldfastError
from holdfast.domain.types import Kind
from holdfast.engine.drifting import remembered
from holdfast.quality.changes import Asked, ChangeReport, report_changes
from holdfast.quality.explain_cells import ModelCells, cells_of, subject_of_model
from holdfast.quality.explain_key import conditions_of, subject_of
from holdfast.quality.explain_model import CellStory, NoCell, explain_cell
from holdfast.quality.explain_row import NoRow, RowStory, SeveralRows, explain_row
from holdfast.quality.explain_source import Delivery, deliveries_of

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.models.graph import Graph
    from holdfast.models.model import Model
    from holdfast.wiring import Project


@dataclass(frozen=True, slots=True)
class Explained:
    """A dataset's row, and the cells of models it is in. `trouble`: why these could not be found."""

    story: RowStory | SeveralRows | NoRow
    cells: list[ModelCells]
    trouble: str = ""


def explain_dataset(
    project: Project, contract: Contract, given: Sequence[str], graph: Callable[[], Graph] | None = None
) -> Explained:
    """The story of a dataset's row. Raises UsageError for conditions that make no sense.

    `graph` gives the project's models; what is wrong with them does not keep the row from being explained.
    """
    story = explain_row(project.database, project.source, contract, conditions_of(subject_of(contract), given))
    if not isinstance(story, RowStory) or graph is None:
        return Explained(story, [])
    key = {name: story.row[name] for name in subject_of(contract).order}
    try:
        return Explained(story, cells_of(project.database, graph(), contract.table, key, story.partition))
    except HoldfastError as error:
        return Explained(story, [], error.message)


def explain_model(project: Project, graph: Graph, name: str, given: Sequence[str]) -> CellStory | SeveralRows | NoCell:
    """The story of a model's row. Raises UsageError for conditions that make no sense, ModelError."""
    (model,) = graph.chosen([name])
    return explain_cell(project.database, graph, model, conditions_of(subject_of_model(model), _days(model, given)))


def _days(model: Model, given: Sequence[str]) -> list[str]:
    """`month=2024-06` where the model keeps a month as its first day."""
    part = model.head.partition
    if part is None or model.head.columns[part.column].kind is not Kind.DATE:
        return list(given)
    first_day = re.compile(rf"({re.escape(part.column)}=\d{{4}})(-\d{{2}})?", re.IGNORECASE)
    found = [(text, first_day.fullmatch(text)) for text in given]
    return [f"{told[1]}{told[2] or '-01'}-01" if told else text for text, told in found]


def changes_in(
    project: Project, contract: Contract, asked: Asked, *, rows_most: int
) -> tuple[ChangeReport, dict[int, Delivery]]:
    """What values changed, and where the first `rows_most` of them came from, by origin. Raises UsageError."""
    with project.database.reading() as tx:
        contract = remembered(tx, contract)
    report = report_changes(project.database, contract, asked, rows_most=rows_most)
    origins = [row["origin"] for row in report.rows]
    return report, deliveries_of(project.database, project.source, contract.name, origins)
