"""What runs did and said, read by the names and columns that people query, on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import structlog

from holdfast.domain.errors import DatabaseUnavailable, HoldfastError, UsageError
from holdfast.engine import journal
from holdfast.engine.log_lines import latest_lines
from holdfast.engine.migrate import upgrade
from holdfast.engine.place import this_process
from holdfast.engine.runs import Run, recorded_run
from holdfast.engine.stages import finished_stage, recorded_stage, stage_rows
from holdfast.engine.sweeping import sweep
from holdfast.observe import ledger_log, log
from holdfast.ports.database import Database, Row

CHECKPOINT = [
    "id", "pipeline_name", "run_id", "stage", "checkpoint_key", "checkpoint_value", "status", "start_time", "end_time",
    "duration_ms", "metadata", "updated_at",
]  # fmt: skip
LOGS = [
    "id", "timestamp", "level", "message", "logger", "pipeline_name", "run_id", "module", "function", "line",
    "metadata",
]  # fmt: skip
lines = structlog.get_logger("holdfast.test")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    log.setup()
    ledger_log.send_to(journal.add_log)
    yield
    structlog.reset_defaults()


@pytest.fixture
def ledger(database: Database) -> Database:
    upgrade(database)
    return database


def view(ledger: Database, name: str) -> list[Row]:
    ops = "ops." if "ops." in ledger.statement("run_get") else "ops_"
    with ledger.reading() as tx:
        return tx.query(f"SELECT * FROM {ops}{name} ORDER BY id")


def failing_run(ledger: Database) -> Run:
    with suppress(UsageError), recorded_run(ledger, "usage", "load") as run:
        with recorded_stage(run, "plan", "a.csv", files=2) as stage:
            stage.set_value(7)
        with recorded_stage(run.id, "publish") as stage:
            stage.forget()
        lines.warning("a \x00 NUL and https://me:hunter2@example.org", rows=3)
        lines.debug("not for the ledger")
        with recorded_stage(run, "work"):
            raise UsageError("no such thing")
    return run


def test_the_views_say_what_a_run_did(ledger: Database) -> None:
    """Its stages; and what it logged, without secrets, with the place it was logged at."""
    run = failing_run(ledger)
    found = view(ledger, "pipeline_checkpoint")
    assert all(list(row) == CHECKPOINT for row in found)
    by_stage = {row["stage"]: row for row in found}
    assert {stage: row["status"] for stage, row in by_stage.items()} == {
        "plan": "completed", "work": "failed", "run": "failed",
    }  # fmt: skip
    plan, work = by_stage["plan"], by_stage["work"]
    assert (plan["pipeline_name"], plan["run_id"], plan["checkpoint_key"]) == ("usage", run.id, "a.csv")
    assert (plan["checkpoint_value"], plan["metadata"]) == ("7", '{"files": 2}')
    assert "no such thing" in work["metadata"]
    for row in found:
        assert row["start_time"] <= row["end_time"]
        assert 0 <= row["duration_ms"] < 60_000
    found = view(ledger, "pipeline_logs")
    assert all(list(row) == LOGS for row in found)
    warning, end = found
    assert warning["message"] == r"a \x00 NUL and https://me:***@example.org"
    assert (warning["level"], warning["logger"], warning["metadata"]) == ("warning", "holdfast.test", '{"rows": 3}')
    assert (warning["module"], warning["function"], warning["run_id"]) == ("test_ops_views", "failing_run", run.id)
    assert warning["line"] > 0
    assert (end["level"], end["message"]) == ("error", "run ended")
    assert [row["message"] for row in latest_lines(ledger, level="error")] == ["run ended"]
    assert latest_lines(ledger, run_id=run.id, most=1)[0]["metadata"]["exit_code"] == 2
    with pytest.raises(UsageError, match="no run"):
        latest_lines(ledger, run_id="nonesuch")


def test_a_stage_within_a_transaction_shares_its_fate(ledger: Database) -> None:
    with recorded_run(ledger, "usage", "build") as run:
        with suppress(ZeroDivisionError), ledger.transaction() as tx:
            stage_rows(tx, [finished_stage(run, "partition", "2024-06", began=0.0)])
            _ = 1 / 0
        with ledger.transaction() as tx:
            stage_rows(tx, [finished_stage(run, "partition", "2024-07", began=0.0, pipeline="gold.x", value="h")])
    (row,) = [row for row in view(ledger, "pipeline_checkpoint") if row["stage"] == "partition"]
    assert (row["checkpoint_key"], row["pipeline_name"], row["status"]) == ("2024-07", "gold.x", "completed")


def test_a_failed_partition_has_no_end_of_the_build_before(ledger: Database) -> None:
    """Else it would have ended before it began, and the logs of its failure would be none of its own."""
    ops = "ops." if "ops." in ledger.statement("run_get") else "ops_"
    built, failed = (datetime(2024, 6, day, tzinfo=UTC) for day in (1, 2))
    with ledger.transaction() as tx:
        tx.execute(
            f"INSERT INTO {ops}model_partition"
            ' (model, partition_key, status, "rows", rows_changed, first_built_at, started_at, built_at, run_id, error)'
            " VALUES ('gold.x', '2024-06', 'failed', 3, 3, :built, :failed, :built, 'r', 'no')",
            {"built": built, "failed": failed},
        )
    (row,) = view(ledger, "pipeline_checkpoint")
    assert (row["status"], row["end_time"], row["duration_ms"]) == ("failed", None, None)
    assert row["updated_at"] == row["start_time"]


def test_a_dead_run_is_swept_with_the_stage_it_was_in(ledger: Database) -> None:
    """One whose process lives is left alone, and so is one of another machine that was heard of today."""
    me = this_process()
    places = {"dead": (me.place, "1"), "alive": (me.place, me.start), "elsewhere": ("another", "1")}
    with ledger.transaction() as tx:
        for name, (place, start) in places.items():
            tx.run("run_start", run_id=name, dataset="usage", command="load", run_key=None, host=me.host, pid=me.pid,
                   place=place, process_start=start)  # fmt: skip
            tx.run("worker_join", worker=name, run_id=name, place=place, pid=me.pid, process_start=start, lease_s=60)
        stage_rows(tx, [journal.StageLine(pipeline_name="usage", run_id="dead", stage="work")])
    assert sweep(ledger, writes=False) == (1, 1)
    assert sweep(ledger) == (1, 1)
    assert sweep(ledger) == (0, 0)
    found = {(row["run_id"], row["stage"]): row for row in view(ledger, "pipeline_checkpoint")}
    assert found["dead", "run"]["status"] == found["dead", "work"]["status"] == "interrupted"
    assert found["dead", "run"]["end_time"] is not None
    assert found["alive", "run"]["status"] == found["elsewhere", "run"]["status"] == "running"
    table = "ops.run" if "ops." in ledger.statement("run_get") else "ops_run"
    with ledger.transaction() as tx:
        tx.run("worker_leave", worker="elsewhere")
        tx.execute(
            f"UPDATE {table} SET started_at = :then WHERE id = 'elsewhere'", {"then": datetime(2024, 1, 1, tzinfo=UTC)}
        )
    assert sweep(ledger) == (1, 0)


def test_lines_wait_while_the_database_is_away_and_those_without_room_are_counted(
    ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LINES_MAX", 3)
    kept = journal.Journal(ledger, "r", "usage")
    stage = journal.StageLine(pipeline_name="usage", run_id="r", stage="work")
    kept.add_stage(stage)
    for number in range(5):
        kept.add_log({
            "level": "info", "message": f"line {number}", "logger": "", "pipeline_name": "usage", "run_id": "r",
            "module": "", "function_name": "", "line_number": 0, "metadata": "{}",
        })  # fmt: skip
    with monkeypatch.context() as away:
        away.setattr(type(ledger), "transaction", _unavailable)
        kept.flush()
    kept.flush()
    assert [row["status"] for row in view(ledger, "pipeline_checkpoint")] == ["running"]
    assert [row["message"] for row in view(ledger, "pipeline_logs")] == [
        "line 0", "line 1", "line 2", "2 lines were dropped: there was no room for them",
    ]  # fmt: skip
    stage.status, stage.ended = "completed", stage.began + 1.5
    kept.add_stage(stage)
    kept.close()
    kept.flush()
    (row,) = view(ledger, "pipeline_checkpoint")
    assert (row["status"], row["duration_ms"]) == ("completed", 1500)


def _unavailable(*_: object, **__: object) -> HoldfastError:
    raise DatabaseUnavailable("away")
