"""Joins checks to a project: what `holdfast check` and the end of a load call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from holdfast.engine.recovery import keep_trying
from holdfast.engine.runs import recorded_run
from holdfast.engine.stages import recorded_stage
from holdfast.quality.checks import check_table
from holdfast.quality.results import CheckResult, verdict
from holdfast.quality.subject import Subject, of_contract

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.wiring import Project


def check_contracts(
    project: Project, contracts: Sequence[Contract], *, full: bool = False
) -> tuple[str, list[CheckResult]]:
    """Check datasets, one after another, as one run; returns the run's id and every result."""
    return check_subjects(project, [of_contract(contract) for contract in contracts], full=full)


def check_subjects(
    project: Project, subjects: Sequence[Subject], *, full: bool = False
) -> tuple[str, list[CheckResult]]:
    name = subjects[0].name[:63] if len(subjects) == 1 else "-"
    results: list[CheckResult] = []
    with recorded_run(project.database, name, "check") as run:
        for subject in subjects:
            already = len(results)
            with recorded_stage(run, "check", subject.name) as stage:
                results += keep_trying(
                    lambda subject=subject, already=already: check_table(  # type: ignore[misc]
                        project.database, subject, run.id, full=full, already=already
                    ),
                    what=f"checking {subject.name}",
                    retry_for_s=project.settings.retry_for_s,
                )
                stage.metadata["checks"] = len(results) - already
                if error := verdict(results[already:]):
                    stage.fail(error.message)
        run.error = verdict(results)
    return run.id, results
