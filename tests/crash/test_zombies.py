"""Workers that stop breathing: frozen past their lease, poisoned, or asked to stop."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.support.usage_project import UsageProject

SHORT_LEASE = {"HOLDFAST_LOAD__LEASE_S": "1.5", "HOLDFAST_LOAD__HEARTBEAT_S": "0.7"}


def chunk_states(project: UsageProject) -> list[tuple[int, str, int]]:
    rows = project.query(f"SELECT number, state, epoch FROM {project.ops('chunk')} ORDER BY number")
    return [(row["number"], row["state"], row["epoch"]) for row in rows]


@pytest.mark.also_on("mysql")
def test_a_frozen_workers_commit_is_refused(shared_url: str, tmp_path: Path) -> None:
    """The lease lets another worker take the chunk; the epoch refuses the first one when it wakes."""
    project = UsageProject(tmp_path / "project", shared_url, env=SHORT_LEASE)
    with project.start("load", "usage", "--json", HOLDFAST_FAULT="chunk.ready:2=stop") as frozen:
        frozen.wait_until(
            lambda: "T" in Path(f"/proc/{frozen.pid}/stat").read_text().rpartition(")")[2].split()[0],
            deadline_s=30,
            what="the worker to freeze with a chunk in its hand",
        )
        held = [number for number, state, _ in chunk_states(project) if state == "claimed"]
        project.load()
        project.check_accounts()
        before = project.contents()
        frozen.thaw()
        assert frozen.wait(deadline_s=60) == 0, frozen.stderr
    assert len(held) == 1
    assert {n: e for n, _, e in chunk_states(project)}[held[0]] == 2, "claimed again, once"
    assert project.contents() == before
    project.check_accounts()


def test_a_chunk_that_kills_its_workers_is_put_aside(database_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", database_url)
    for _ in range(3):
        code, _, err = project.run("load", "usage", HOLDFAST_FAULT="commit.fenced:1=kill")
        assert code == -signal.SIGKILL, err
    code, out, err = project.run("load", "usage", "--json")
    told = json.loads(out)
    assert code == 1
    assert told["error"]["code"] == "ChunkFailed"
    assert "died 3 times" in err
    states = [state for _, state, _ in chunk_states(project)]
    assert states.count("failed") == 1
    assert states.count("done") == len(states) - 1, "the others went on"
    project.load()
    project.check_accounts()


def test_a_dead_workers_chunk_is_taken_over_at_once(database_url: str, tmp_path: Path) -> None:
    """On the same machine a dead process is seen; nobody waits for a lease of ten minutes."""
    lease = {"HOLDFAST_LOAD__LEASE_S": "600"}
    project = UsageProject(tmp_path / "project", database_url, env=lease)
    code, _, err = project.run("load", "usage", HOLDFAST_FAULT="parse.done:2=kill")
    assert code == -signal.SIGKILL, err
    project.load()  # would pass its deadline if it waited
    project.check_accounts()


def test_told_to_stop_it_finishes_the_chunk_in_hand(shared_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", shared_url, rows=12_000, chunk_bytes=8_192)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        with project.start("load", "usage", "--json") as load:
            load.wait_until(lambda: _is_working(project), deadline_s=60, what="a chunk in hand")
            load.signal(number)
            assert load.wait(deadline_s=60) == code, load.stderr
            told = json.loads(load.stdout)
        assert told["status"] == "interrupted"
        assert "goes on" in told["error"]["hint"]
        assert not [s for _, s, _ in chunk_states(project) if s == "claimed"], "the claim was given back"
    runs = project.query(f"SELECT status, exit_code FROM {project.ops('run')} ORDER BY started_at")
    assert [(run["status"], run["exit_code"]) for run in runs] == [("interrupted", 143), ("interrupted", 130)]
    project.load()
    project.check_accounts()


def _some_done(project: UsageProject) -> bool:
    try:
        return any(state == "done" for _, state, _ in chunk_states(project))
    except Exception:
        return False  # no ledger yet


def _is_working(project: UsageProject) -> bool:
    try:
        return any(state == "claimed" for _, state, _ in chunk_states(project))
    except Exception:
        return False  # no ledger yet


def test_without_grace_the_chunk_in_hand_is_rolled_back(shared_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", shared_url, rows=12_000, chunk_bytes=8_192)
    with project.start("load", "usage", "--grace", "0") as load:
        load.wait_until(lambda: _some_done(project), deadline_s=60, what="a first chunk")
        load.signal(signal.SIGTERM)
        assert load.wait(deadline_s=30) == 143, load.stderr
    project.load()
    project.check_accounts()


@pytest.mark.also_on("mysql")
def test_two_loads_started_at_once_on_an_empty_database(shared_url: str, tmp_path: Path) -> None:
    """No ledger, no table, no agreement but the database's: both end well, and there is one of everything."""
    project = UsageProject(tmp_path / "project", shared_url)
    with project.start("load", "usage", "--json") as one, project.start("load", "usage", "--json") as two:
        codes = [one.wait(deadline_s=120), two.wait(deadline_s=120)]
        assert codes == [0, 0], f"{one.stderr}\n{two.stderr}"
        read = [json.loads(load.stdout)["datasets"][0]["read"] for load in (one, two)]
    assert sum(read) == project.truth["rows"], "each row was read by one of them"
    assert project.query(f"SELECT COUNT(*) AS n FROM {project.ops('file')}") == [{"n": 1}]
    project.check_accounts()


def test_bare_workers_share_a_file_with_a_load(shared_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", shared_url, rows=15_000, chunk_bytes=8_192)
    with project.start("load", "usage", "--json") as load:
        load.wait_until(lambda: _some_done(project), deadline_s=60, what="a first chunk")
        code, out, err = project.run("work", "--json")
        assert code == 0, err
        assert load.wait(deadline_s=120) == 0, load.stderr
        shares = [json.loads(out)["datasets"], json.loads(load.stdout)["datasets"]]
    assert sum(dataset["read"] for share in shares for dataset in share) == project.truth["rows"]
    project.check_accounts()
