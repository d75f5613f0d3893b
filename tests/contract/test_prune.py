"""What is old goes out of the ledger, and nothing that anybody reckons with changes by it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.engine import prune as pruning
from holdfast.engine.journal import add_log
from holdfast.engine.migrate import upgrade
from holdfast.engine.prune import Pruned, prune
from holdfast.engine.runs import recorded_run
from holdfast.engine.stages import recorded_stage
from holdfast.observe.ledger_log import send_to
from holdfast.observe.log import setup_by_default
from holdfast.ports.database import Database, Row
from holdfast.quality.changes import pruned_before
from holdfast.touches import Touched, add_touches

COLUMNS = {"touch": "touched_at", "log": "logged_at", "stage": "start_time", "change": "changed_at"}


def ops(ledger: Database) -> str:
    return "ops." if "ops." in ledger.statement("run_get") else "ops_"


def aged(ledger: Database, table: str, days: int) -> None:
    with ledger.transaction() as tx:
        then = datetime.now(UTC) - timedelta(days=days)
        tx.execute(f"UPDATE {ops(ledger)}{table} SET {COLUMNS[table]} = :then", {"then": then})


def rows(ledger: Database, table: str, what: str = "*") -> list[Row]:
    with ledger.reading() as tx:
        return tx.query(f"SELECT {what} FROM {ops(ledger)}{table}")


def fingerprints(ledger: Database) -> list[tuple[object, ...]]:
    what = (
        "relation, partition_key, SUM(touches) AS touches, SUM(hash) AS hash, SUM(rows_inserted) AS i,"
        " SUM(rows_updated) AS u, SUM(rows_removed) AS r"
    )
    with ledger.reading() as tx:
        found = tx.query(f"SELECT {what} FROM {ops(ledger)}touch GROUP BY relation, partition_key")
    sums = ("touches", "hash", "i", "u", "r")
    return sorted((row["relation"], row["partition_key"], *(int(row[name]) for name in sums)) for row in found)


@pytest.fixture
def ledger(database: Database) -> Database:
    """Forty old touches of three partitions, one of them waiting to be published; three young ones; an old run."""
    upgrade(database)
    setup_by_default()
    send_to(add_log)
    with recorded_run(database, "usage", "load") as run:
        for number in range(13):
            with database.transaction() as tx:
                touched = {"2024-06": Touched(number, 1, 2), "2024-07": Touched(1)}
                add_touches(tx, "Usage_Data", run.id, touched, dataset="usage", chunk=number)
                add_touches(tx, "usage_data#3", run.id, {"2024-06": Touched(1)})
        with recorded_stage(run, "work"):
            pass
    for table in ("touch", "log", "stage"):
        aged(database, table, 30)
    with database.transaction() as tx:
        add_touches(tx, "usage_data", run.id, {key: Touched(1) for key in ("2024-06", "2024-07", "2024-08")})
        for origin in range(5):
            tx.execute(
                f"INSERT INTO {ops(database)}change (dataset, origin, column_name, row_key, old_value, new_value,"
                " old_origin, partition_key, old_partition, run_id, changed_at)"
                " VALUES ('usage', :origin, 'c', '{}', '1', '2', 0, '', '', 'r', :then)",
                {"origin": origin, "then": datetime.now(UTC) - timedelta(days=30 if origin < 3 else 0)},
            )
    return database


def test_old_lines_go_and_fingerprints_stay(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SLICE_ROWS", 2)
    monkeypatch.setattr(pruning, "PARTITIONS_AT_ONCE", 1)
    before = fingerprints(ledger)
    would = prune(ledger, 20, dry_run=True)
    assert would.rows == {"change": 3, "check_result": 0, "log": 1, "stage": 1}
    assert (would.touches, would.touches_kept) == (26, 2)
    assert len(rows(ledger, "touch")) == 42
    assert prune(ledger, 20) == replace(would, dry_run=False)
    assert fingerprints(ledger) == before
    assert len(rows(ledger, "touch")) == 2 + 3 + 13
    assert (len(rows(ledger, "change")), [row["stage"] for row in rows(ledger, "stage")]) == (2, ["prune.history"])
    assert not prune(ledger, 20)
    (summed,) = [row for row in rows(ledger, "touch") if row["partition_key"] == "2024-06" and int(row["touches"]) > 1]
    assert (summed["dataset"], summed["chunk"], int(summed["touches"])) == ("usage", None, 13)


def test_that_history_went_is_never_forgotten(ledger: Database) -> None:
    """Else what is left of it would be taken for all there was."""

    def told() -> str:
        with ledger.reading() as tx:
            return pruned_before(tx)[:16]

    assert told() == ""
    prune(ledger, 20)
    then = told()
    assert then == (datetime.now(UTC) - timedelta(days=20)).isoformat(" ")[:16]
    aged(ledger, "stage", 50)
    prune(ledger, 40)
    assert told() == then, "nothing more of it went, and the stage that tells it is old"
    aged(ledger, "change", 50)
    prune(ledger, 10)
    assert told() > then


def test_nothing_young_goes(ledger: Database) -> None:
    assert prune(ledger, 40) == Pruned(40, rows={"change": 0, "check_result": 0, "log": 0, "stage": 0})


def test_two_at_once_count_nothing_twice(ledger: Database) -> None:
    """Beside a load that adds touches all the while."""
    before = fingerprints(ledger)
    done: list[Pruned] = []
    threads = [threading.Thread(target=lambda: done.append(prune(ledger, 20))) for _ in range(2)]
    for thread in threads:
        thread.start()
    with ledger.transaction() as tx:
        add_touches(tx, "other", "r", {"": Touched(1)})
    for thread in threads:
        thread.join()
    assert sum(one.touches for one in done) == 26
    assert [row for row in fingerprints(ledger) if row[0] != "other"] == before
