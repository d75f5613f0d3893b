"""Joins explanations to an open project: what `holdfast explain` and `holdfast changes` call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.engine.drifting import remembered
from holdfast.quality.changes import Asked, ChangeReport, report_changes
from holdfast.quality.explain_key import conditions_of, subject_of
from holdfast.quality.explain_row import NoRow, RowStory, SeveralRows, explain_row
from holdfast.quality.explain_source import Delivery, deliveries_of

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.wiring import Project


def explain_dataset(project: Project, contract: Contract, given: Sequence[str]) -> RowStory | SeveralRows | NoRow:
    """The story of a dataset's row. Raises UsageError for conditions that make no sense."""
    return explain_row(project.database, project.source, contract, conditions_of(subject_of(contract), given))


def changes_in(
    project: Project, contract: Contract, asked: Asked, *, rows_most: int
) -> tuple[ChangeReport, dict[int, Delivery]]:
    """What values changed, and where the first `rows_most` of them came from, by origin. Raises UsageError."""
    with project.database.reading() as tx:
        contract = remembered(tx, contract)
        report = report_changes(tx, contract, asked, rows_most=rows_most)
    origins = [row["origin"] for row in report.rows]
    return report, deliveries_of(project.database, project.source, contract.name, origins)
