"""Joins reconciliation to an open project: a recorded run that can be stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.engine.runs import recorded_run
from holdfast.engine.stages import recorded_stage
from holdfast.engine.stopping import stop_on_signals

if TYPE_CHECKING:
    from holdfast.quality.reconcile import Question
    from holdfast.quality.reconcile_report import Proof
    from holdfast.wiring import Project


@dataclass(frozen=True, slots=True)
class Verified:
    run_id: str
    duration_s: float
    proof: Proof


def verify(project: Project, question: Question) -> Verified:
    """Raises UsageError, TargetMismatch, Interrupted and the database's errors; that it differs is no error here."""
    from holdfast.quality.reconcile import verify as prove

    began = time.monotonic()
    with (
        stop_on_signals(project.settings.grace_s) as stop,
        recorded_run(project.database, question.dataset, "verify") as run,
    ):
        with recorded_stage(run, "verify", question.dataset) as stage:
            proof = prove(project.database, project.source, question, stop.raise_if_asked)
            if proof.error:
                stage.fail(proof.error.message)
        run.error = proof.error
    return Verified(run.id, time.monotonic() - began, proof)
