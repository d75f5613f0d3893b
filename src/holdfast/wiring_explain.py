"""Joins explanations to an open project: what `holdfast explain` and `holdfast changes` call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.quality.explain_key import conditions_of
from holdfast.quality.explain_row import NoRow, RowStory, SeveralRows, explain_row

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.wiring import Project


def explain_dataset(project: Project, contract: Contract, given: Sequence[str]) -> RowStory | SeveralRows | NoRow:
    """The story of a dataset's row. Raises UsageError for conditions that make no sense."""
    return explain_row(project.database, project.source, contract, conditions_of(contract, given))
