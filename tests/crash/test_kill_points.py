"""SIGKILL at every named point of a load: the next load ends in the very table of a load that was never killed.

The points within a publish are those of test_publish_kills.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.engine.faults import POINTS
from tests.support.usage_project import Contents, UsageProject

pytestmark = pytest.mark.also_on("mysql")
PUBLISHING = {point for point in POINTS if point.startswith("publish.")} - {"publish.finished", "publish.committed"}
FIRST_TIME = {"plan.registered", "plan.committed", "direct.copied", "publish.finished", "publish.committed"}
FETCHING = {point for point in POINTS if point.startswith(("fx.", "build."))}  # no load passes them
PAGES = {"page.asked", "page.answered", "commit.page_added"}  # see test_page_kills.py
CHUNKWISE = [point for point in POINTS if point not in PUBLISHING | FETCHING | PAGES | {"landing.copied"}]
BETWEEN = ["parse.begun", "parse.read", "parse.done", "chunk.ready"]  # no transaction is open, on any engine
WRITING = [point for point in CHUNKWISE if point.startswith(("commit.", "merge.", "direct."))]
LANDING = ["plan.registered", "claim.committed", "landing.copied", "commit.finished", "commit.committed"]
Calm = Callable[[str], Contents]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Calm:
    """Contents of the table after one undisturbed load by one worker, by the way of publishing."""
    made: dict[str, Contents] = {}

    def contents(publish: str) -> Contents:
        if publish not in made:
            directory = tmp_path_factory.mktemp("calm")
            project = UsageProject(directory / "project", f"sqlite:///{directory}/calm.db", publish=publish)
            project.load()
            project.check_accounts()
            made[publish] = _values(project.contents())
        return made[publish]

    return contents


def _values(contents: Contents) -> Contents:
    """Rows as every engine prints them: 0.5, 0.50 and 1 or 1.00 are the same money."""
    return sorted((*row[:4], f"{float(row[4]):.2f}", f"{float(row[5]):.2f}", row[6]) for row in contents)


def kill_and_finish(project: UsageProject, point: str, calm_contents: Contents, *arguments: str) -> None:
    nth = 1 if point in FIRST_TIME or point.startswith(("merge.", "publish.")) else 2
    code, out, err = project.run("load", "usage", *arguments, HOLDFAST_FAULT=f"{point}:{nth}=kill")
    if not arguments or project.is_one_process:
        assert code == -signal.SIGKILL, f"{point} was never reached\n{out}\n{err}"
    else:
        assert code in (0, 1), f"exit {code}\n{out}\n{err}"
        assert project.workers_left(), f"no worker was killed at {point}\n{err}"
    project.load_until_done()
    project.check_accounts()
    assert _values(project.contents()) == calm_contents


@pytest.mark.parametrize("point", WRITING)
def test_killed_at(point: str, database_url: str, tmp_path: Path, calm: Calm) -> None:
    project = UsageProject(tmp_path / "project", database_url)
    kill_and_finish(project, point, calm("auto"))


@pytest.mark.parametrize("point", [point for point in CHUNKWISE if point not in (*WRITING, *BETWEEN)])
def test_killed_while_planning_claiming_or_closing(point: str, postgres_url: str, tmp_path: Path, calm: Calm) -> None:
    project = UsageProject(tmp_path / "project", postgres_url)
    kill_and_finish(project, point, calm("auto"))


@pytest.mark.parametrize("point", BETWEEN)
def test_killed_between_transactions(point: str, sqlite_url: str, tmp_path: Path, calm: Calm) -> None:
    project = UsageProject(tmp_path / "project", sqlite_url)
    kill_and_finish(project, point, calm("auto"))


@pytest.mark.parametrize("point", LANDING)
def test_killed_while_the_load_becomes_visible_as_a_whole(
    point: str, database_url: str, tmp_path: Path, calm: Calm
) -> None:
    project = UsageProject(tmp_path / "project", database_url, publish="load")
    kill_and_finish(project, point, calm("load"))


@pytest.mark.parametrize("point", ["commit.rows_written", "commit.committed"])
def test_four_workers_each_killed_at(point: str, database_url: str, tmp_path: Path, calm: Calm) -> None:
    project = UsageProject(tmp_path / "project", database_url)
    kill_and_finish(project, point, calm("auto"), "--workers", "4")


def test_a_kill_costs_at_most_the_chunk_in_hand(database_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", database_url)
    code, _, err = project.run("load", "usage", HOLDFAST_FAULT="commit.finished:3=kill")
    assert code == -signal.SIGKILL, err
    project.load()
    again = project.query(f"SELECT COUNT(*) AS n FROM {project.ops('chunk')} WHERE attempts > 1")
    assert again == [{"n": 1}]
