"""What another process does between two steps of a command: a plan, a publish and a replay see it and end right."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.adapters.sources.files import LocalFile, LocalFiles
from holdfast.interfaces.config import load_project
from tests.acceptance.frozen import frozen, thaw
from tests.acceptance.items_project import COLUMNS, HEADER, ItemsProject, as_rows, items

OLD, NEW = items(1, 8), items(1, 8, "changed")


class FilesAtAMoment(LocalFiles):
    """Files of which the first one opened is opened after `before` ran: the plan has read the ledger by then."""

    def __init__(self, root: Path, before: Callable[[], None]) -> None:
        super().__init__(root)
        self.waiting = [before]

    def open(self, uri: str) -> LocalFile:
        while self.waiting:
            self.waiting.pop()()
        return super().open(uri)


@pytest.mark.also_on("mysql")
@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_a_chunk_written_while_its_file_is_planned_anew(shared_url: str, tmp_path: Path, disposition: str) -> None:
    """The plan took the old version's chunk for unwritten; it is made again, and the chunk's rows are accounted for."""
    project = ItemsProject(tmp_path / "project", shared_url, disposition)
    project.write(HEADER + OLD)
    contract = load_project(shared_url, start=project.directory).contract("items")
    with frozen(project, "load", "items", at="chunk.ready:1") as worker:
        project.write(HEADER + NEW)

        def let_it_commit() -> None:
            assert thaw(worker) == 0, worker.stderr
            assert project.rows() == as_rows(OLD)

        settings = holdfast.Settings(url=shared_url, project_dir=str(project.directory))
        with holdfast.open_project(settings) as opened:
            opened.source = FilesAtAMoment(project.directory, let_it_commit)
            result = opened.load(contract, [])
            assert not opened.source.waiting
    assert result.error is None
    assert project.rows() == as_rows(NEW)
    project.check_balance()


def replacing(url: str, directory: Path) -> ItemsProject:
    """A replaced table with one row rejected, since mended in the contract; and a new version of its file."""
    columns = {**COLUMNS, "name": "string(40); pattern = '[a-z]+ [0-9]+'"}
    project = ItemsProject(directory, url, "replace", top="primary_key = ['id']", columns=columns)
    project.write(HEADER + OLD + "9,ITEM,9.00\n")
    assert project.load()["rejected"] == 1
    project.columns = dict(COLUMNS)
    project.write_contract()
    project.write(HEADER + NEW)
    return project


def waits_for_a_lock(project: ItemsProject) -> bool:
    """On PostgreSQL. On SQLite there is one writer, so that nothing of this kind could come between."""
    return bool(
        project.query(
            "SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


def test_a_replay_into_a_chunk_that_is_being_replaced_waits_and_writes_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    project = replacing(postgres_url, tmp_path / "project")
    with (
        frozen(project, "load", "items", at="publish.removed:1") as publishing,
        project.start("rejects", "replay", "items", "--json") as replay,
    ):
        replay.wait_until(lambda: waits_for_a_lock(project), deadline_s=30, what="the replay to wait for the publish")
        assert thaw(publishing) == 0, publishing.stderr
        assert replay.wait(deadline_s=60) == 0, replay.stderr
        told = json.loads(replay.stdout)
    assert (told["offered"], told["replayed"], told["skipped"]) == (1, 0, 1)
    assert project.rows() == as_rows(NEW)
    project.check_balance()


def test_a_publish_takes_out_what_a_replay_is_writing(postgres_url: str, tmp_path: Path) -> None:
    """It waits for the replay, and only then looks at what there is to take out."""
    project = replacing(postgres_url, tmp_path / "project")
    with (
        frozen(project, "rejects", "replay", "items", "--json", at="merge.inserted:1") as replay,
        project.start("load", "items") as publishing,
    ):
        publishing.wait_until(lambda: waits_for_a_lock(project), deadline_s=30, what="the publish to wait")
        assert thaw(replay) == 0, replay.stderr
        assert json.loads(replay.stdout)["inserted"] == 1
        assert publishing.wait(deadline_s=60) == 0, publishing.stderr
    assert project.rows() == as_rows(NEW)
    project.check_balance()


@pytest.mark.also_on("mysql")
def test_a_reject_of_a_load_not_yet_published_waits_for_it(database_url: str, tmp_path: Path) -> None:
    """Written before, the row would be seen before its load; replayed afterwards, it is there once."""
    project = ItemsProject(tmp_path / "project", database_url, "append", top="publish = 'load'")
    project.write(HEADER + items(1, 8) + "9,item,bad\n")
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.begun:1=kill")
    assert code == -signal.SIGKILL, err
    exported = project.directory / "rejects.csv"
    project.run("rejects", "export", "items", "-o", str(exported))
    exported.write_text(exported.read_text().replace(",9,item,bad,", ",9,item,9.00,"))
    before = project.told("rejects", "replay", "items", str(exported))
    assert (before["replayed"], before["skipped"]) == (0, 1)
    assert project.rows() == []
    project.load()
    assert project.rows() == as_rows(items(1, 8))
    for replayed in (1, 0):
        assert project.told("rejects", "replay", "items", str(exported))["replayed"] == replayed
        assert project.rows() == as_rows(items(1, 8) + "9,item,9.00\n")
    project.check_balance()


def test_a_load_told_to_stop_before_any_work_is_finished_by_the_next(database_url: str, tmp_path: Path) -> None:
    """Its plan is in the ledger and its file is known; nothing of it counts as done for that."""
    project = ItemsProject(tmp_path / "project", database_url)
    project.write(HEADER + items(1, 40))
    with frozen(project, "load", "items", "--json", at="plan.committed:1") as load:
        load.signal(signal.SIGTERM)
        assert thaw(load) == 128 + signal.SIGTERM, load.stderr
        assert json.loads(load.stdout)["status"] == "interrupted"
    assert {state for _, state in project.chunks()} == {"ready"}
    told = project.load()
    assert (told["read"], told["files"]["known"]) == (40, 1)
    assert project.rows() == as_rows(items(1, 40))
    project.check_balance()


@pytest.mark.parametrize(("bad", "exit_code"), [("", 0), ("41,item,bad\n", 3)], ids=["finished", "stopped"])
def test_a_load_that_another_process_ended_before_any_work(
    shared_url: str, tmp_path: Path, bad: str, exit_code: int
) -> None:
    """With nothing left to work on, the exit code is that of what became of the load."""
    project = ItemsProject(tmp_path / "project", shared_url, top="max_rejects = 0")
    project.write(HEADER + items(1, 40) + bad)
    with frozen(project, "load", "items", "--json", at="plan.committed:1") as load:
        code, _, err = project.run("work", "items")
        assert code == exit_code, err
        assert thaw(load) == exit_code, load.stderr
        told = json.loads(load.stdout)
    assert told["datasets"][0]["read"] == 0, "the worker did it"
    assert ("error" in told) == (exit_code != 0)
    if bad:
        assert told["error"]["code"] == "RejectBudgetExceeded"
        assert "1 rows rejected with chunk" in told["error"]["message"]
