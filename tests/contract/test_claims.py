"""Claims and the fence on every engine: who has a chunk, who may commit it, and what a dead worker leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from holdfast.domain.errors import ClaimLost, ConstraintViolation
from holdfast.engine.claims import Claimant, fence
from holdfast.engine.migrate import LATEST, MIGRATIONS, upgrade
from holdfast.engine.owed import Owed
from holdfast.engine.place import Process, this_process
from holdfast.ports.database import Database

CHUNKS = (100, 200, 300)
OWED = Owed("d", first=1, last=1)
HERE = this_process()
ELSEWHERE = Process(host="elsewhere", place="another machine", pid=1, start="0")


def claimant(database: Database, worker: str, *, process: Process = HERE, lease_s: float = 60.0) -> Claimant:
    made = Claimant(database, worker, f"run-{worker}", process, lease_s)
    made.join()
    return made


@pytest.fixture
def planned(database: Database) -> Database:
    """A ledger with one open load of three ready chunks."""
    upgrade(database)
    with database.transaction() as tx:
        tx.run("dataset_add", dataset="d", table_name="t", next_chunk=400)
        tx.run("load_add", dataset="d", number=1, kind="chunk", rejects_max=None, contract="{}", run_id="r")
        tx.run_many(
            "chunk_add",
            [
                {
                    **{"dataset": "d", "number": number, "load_number": 1, "file_number": 1, "ordinal": ordinal},
                    **{"span_start": 0, "span_end": 1, "span_hash": "x", "first_line": 1, "lines": 1, "place": None},
                }
                for ordinal, number in enumerate(CHUNKS)
            ],
        )
    return database


def test_two_migrations_at_once_make_one_ledger(database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: upgrade(database).found, range(2)))
    assert set(found) <= {0, LATEST}
    with database.reading() as tx:
        assert [row["version"] for row in tx.run("migrations_applied").rows] == list(MIGRATIONS)


def test_chunks_are_claimed_oldest_first_and_by_one_worker_each(planned: Database) -> None:
    workers = [claimant(planned, f"w{number}") for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        claims = list(pool.map(lambda worker: worker.claim(OWED), workers))
    assert sorted(claim.number for claim in claims if claim) == list(CHUNKS)
    assert claimant(planned, "late").claim(OWED) is None


def test_chunks_of_later_loads_are_left_to_those_who_owe_them(planned: Database) -> None:
    assert claimant(planned, "w").claim(replace(OWED, last=0)) is None


def test_a_claim_whose_answer_was_lost_is_found_again_by_its_worker(planned: Database) -> None:
    worker = claimant(planned, "w")
    first = worker.claim(OWED)
    assert first
    assert worker.claim(OWED) == replace(first, epoch=2), "a worker has one chunk in hand: this is it"


def test_the_lease_frees_a_chunk_and_the_epoch_keeps_its_old_worker_out(planned: Database) -> None:
    """The lease, not the worker's goodbye, frees a chunk."""
    zombie = claimant(planned, "zombie", process=ELSEWHERE, lease_s=0.0)
    held = zombie.claim(OWED)
    taken = claimant(planned, "heir").claim(OWED)
    assert held
    assert taken == replace(held, epoch=held.epoch + 1)
    with pytest.raises(ClaimLost, match="epoch 2"), planned.transaction() as tx:
        fence(tx, held)
    with planned.transaction() as tx:
        fence(tx, taken)


def test_a_beat_keeps_a_claim(planned: Database) -> None:
    worker = claimant(planned, "w", process=ELSEWHERE, lease_s=0.0)
    held = worker.claim(OWED)
    replace(worker, lease_s=60.0).beat()
    other = claimant(planned, "other").claim(OWED)
    assert held
    assert other
    assert other.number != held.number


def test_a_dead_process_of_this_machine_is_seen_at_once(planned: Database) -> None:
    gone = replace(HERE, start="another process had this id")
    held = claimant(planned, "gone", process=gone, lease_s=600.0).claim(OWED)
    heir = claimant(planned, "heir")
    assert heir.expire_dead() == 1
    taken = heir.claim(OWED)
    assert held
    assert taken
    assert taken.number == held.number


def test_a_chunk_is_put_aside_after_three_dead_workers(planned: Database) -> None:
    numbers = []
    for attempt in range(4):
        claim = claimant(planned, f"w{attempt}", process=ELSEWHERE, lease_s=0.0).claim(OWED)
        numbers.append(claim.number if claim else None)
    assert numbers == [100, 100, 100, 200]
    with planned.reading() as tx:
        assert [row["number"] for row in tx.run("chunks_failed", dataset="d", load_max=1).rows] == [100]


def test_a_released_chunk_is_ready_and_counts_no_crash(planned: Database) -> None:
    worker = claimant(planned, "w")
    held = worker.claim(OWED)
    assert held
    worker.release(held)
    again = claimant(planned, "other").claim(OWED)
    assert again == replace(held, epoch=2)
    with planned.reading() as tx:
        row = tx.query(f"SELECT state, crashes FROM {_table(planned)} WHERE number = {held.number}")
    assert row == [{"state": "claimed", "crashes": 0}]


def test_the_ledger_refuses_rows_without_a_fate(planned: Database) -> None:
    """P3 is a CHECK: no code, ours or a person's, can write counts that do not add up."""
    with pytest.raises(ConstraintViolation), planned.transaction() as tx:
        tx.execute(f"UPDATE {_table(planned)} SET state = 'done', rows_read = 2, rows_inserted = 1 WHERE number = 100")


def _table(database: Database) -> str:
    return database.statement("next_ready_chunk").partition("FROM ")[2].partition(" ")[0]
