"""The worker loop where another worker moves between two of its looks at the ledger."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.engine.claims import Claim, Claimant
from holdfast.engine.loading import prepare
from holdfast.engine.owed import Owed
from holdfast.engine.place import this_process
from holdfast.engine.readahead import ReadAhead
from holdfast.engine.runs import recorded_run
from holdfast.engine.worker import Worker
from holdfast.ports.clock import SystemClock

NUMBERS = {"name": "numbers", "table": "numbers", "source": "numbers.csv", "primary_key": "n"}
OWED = Owed("numbers", first=1, last=1)
CONTRACT = contract_from({**NUMBERS, "columns": [{"name": "n", "type": "int"}]})


def worker(project: holdfast.Project, run_id: str) -> Worker:
    claimant = Claimant(project.database, uuid.uuid4().hex, run_id, this_process(), lease_s=60)
    claimant.join()
    return Worker(project.database, project.source, project.pages, SystemClock(), claimant, OWED, lambda: False, 10.0)


def test_a_load_whose_last_chunk_was_written_between_two_looks_is_closed(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One worker saw the last chunk in another's hand, so it closed nothing; before its next look the chunk was done.

    That other worker may be gone by then: who looked has to look again, or the load stays open until somebody comes.
    """
    (tmp_path / "numbers.csv").write_text("n\n1\n2\n")
    settings = holdfast.Settings(url=sqlite_url, project_dir=str(tmp_path))
    with holdfast.open_project(settings) as project, recorded_run(project.database, "numbers", "load") as run:
        prepare(project.database, project.source, CONTRACT, CONTRACT.source, run_id=run.id, max_rejects=None)
        other, looking = worker(project, run.id), worker(project, run.id)
        claim = other.claimant.claim(OWED)
        assert claim
        in_hand: list[Claim] = [claim]
        look = Worker._busy

        def look_then_the_other_writes(self: Worker) -> set[int]:
            found = look(self)
            if in_hand:
                other._do(in_hand.pop(), ReadAhead(other._read))
            return found

        monkeypatch.setattr(Worker, "_busy", look_then_the_other_writes)
        looking.run()
        with project.database.reading() as tx:
            assert tx.query("SELECT status FROM ops_load") == [{"status": "done"}]
            assert tx.query("SELECT n FROM numbers ORDER BY n") == [{"n": 1}, {"n": 2}]
