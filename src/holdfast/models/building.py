"""One partition, built in one transaction: lock it, look again, stage what it shall be, bring the table to it.

A kill at any point leaves the partition as it was. What its inputs were is read before the inputs, under the lock; two
builders of one partition take turns, and the second finds nothing left to do.
"""

from __future__ import annotations

import json
import time
from typing import Any

from holdfast.engine.faults import reach
from holdfast.engine.journal import journal_of
from holdfast.engine.stages import stage_rows
from holdfast.models.built import Built
from holdfast.models.content import write_partition
from holdfast.models.fingerprint import fingerprint_now
from holdfast.models.graph import Graph
from holdfast.models.model import Model
from holdfast.models.planning import Dirty, ModelPlan
from holdfast.ports.database import Database, Transaction
from holdfast.touches import Touched, add_touches


def build_partition(database: Database, graph: Graph, plan: ModelPlan, dirty: Dirty, run_id: str, reason: str) -> Built:
    """Build it. Raises PartitionRefused, or the database's errors; then nothing of it was changed."""
    built, model = Built(dirty.key, "built", reason), plan.model
    place: dict[str, Any] = {"model": model.name, "partition_key": dirty.key}
    with database.transaction() as tx:
        tx.run("model_state_add", **place)
        tx.run("model_state_running", **place, run_id=run_id, reason=reason)
    reach("build.begun")
    with database.transaction() as tx:
        state = tx.run("model_state_lock", **place).rows[0]
        tx.run("model_utc")
        reach("build.locked")
        now = fingerprint_now(tx, plan.inputs, plan.sql_hash, dirty.key)
        if state["fingerprint"] == now:
            tx.run("model_state_current", **place)
            built.status = "current"
        else:
            write_partition(database, tx, graph, plan, built)
            if built.changed:
                touched = Touched(inserted=built.inserted, updated=built.updated, removed=built.removed)
                add_touches(tx, model.name, run_id, {dirty.key: touched})
            built.fingerprint = now
            _save(tx, place, built, now, plan.sql_hash, run_id)
            stage_rows(tx, built.stage_lines(model.target, run_id))
            reach("build.finished")
        written = time.monotonic()
    _note_commit(built, model, run_id, (written, time.monotonic()))
    reach("build.committed")
    return built


def _note_commit(built: Built, model: Model, run_id: str, span: tuple[float, float]) -> None:
    """How long the COMMIT took is known after it: the run's journal writes it when it writes next."""
    built.spans["commit"] = span
    journal = journal_of(run_id)
    if journal and built.status == "built":
        journal.add_stage(built.line(model.target, run_id, "build.commit", span))


def _save(tx: Transaction, place: dict[str, Any], built: Built, now: str, sql_hash: str, run_id: str) -> None:
    tx.run(
        "model_state_done",
        **place,
        fingerprint=now,
        sql_hash=sql_hash,
        row_count=built.rows,
        rows_changed=built.changed,
        run_id=run_id,
        stages=json.dumps(built.stages),
    )
