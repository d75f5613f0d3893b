"""What PostgreSQL does to its clients: ends them, restarts, swallows the answer to COMMIT, breaks deadlocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres_server import PostgresServer
from tests.support.processes import Started
from tests.support.proxy import Proxy
from tests.support.usage_project import UsageProject

ROWS = 40_000


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own: it is going to be treated badly."""
    with PostgresServer() as private:
        yield private


def project_on(url: str, directory: Path, rows: int = ROWS) -> UsageProject:
    return UsageProject(directory / "project", url, rows=rows, chunk_bytes=16_384)


def wait_for_progress(load: Started, project: UsageProject, chunks: int) -> None:
    def enough() -> bool:
        try:
            done = project.query("SELECT COUNT(*) AS n FROM ops.chunk WHERE state = 'done'")
        except Exception:
            return False
        return bool(done[0]["n"] >= chunks)

    load.wait_until(enough, deadline_s=60, what=f"{chunks} chunks done")


def test_backends_are_terminated_mid_load(server: PostgresServer, tmp_path: Path) -> None:
    project = project_on(server.url, tmp_path)
    with project.start("load", "usage", "--json", "--workers", "2") as load:
        for chunks in (5, 15, 30):
            wait_for_progress(load, project, chunks)
            with psycopg.connect(server.url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
        assert load.wait(deadline_s=120) == 0, load.stderr
    project.check_accounts()


def test_the_server_crashes_and_comes_back(server: PostgresServer, tmp_path: Path) -> None:
    project = project_on(server.url, tmp_path)
    with project.start("load", "usage", "--json") as load:
        wait_for_progress(load, project, 5)
        server.restart_at_once()
        wait_for_progress(load, project, 15)
        server.restart_at_once()
        assert load.wait(deadline_s=120) == 0, load.stderr
    project.check_accounts()


@pytest.mark.parametrize("nth", [3, 10])
@pytest.mark.parametrize("happened", [True, False])
def test_the_answer_to_commit_is_lost(happened: bool, nth: int, postgres_url: str, tmp_path: Path) -> None:
    """Cut before COMMIT arrives, or after it was done: the ledger says which, and the load goes on by itself."""
    target = psycopg.conninfo.conninfo_to_dict(postgres_url)
    with Proxy(int(target["port"] or 5432)) as proxy:
        url = f"postgresql://{target.get('user')}@127.0.0.1:{proxy.port}/{target['dbname']}"
        project = project_on(url, tmp_path, rows=12_000)
        with project.start("load", "usage", "--json") as load:
            wait_for_progress(load, UsageProjectView(project, postgres_url), nth // 3)
            if happened:
                proxy.cut_answer_to(b"COMMIT")
            else:
                proxy.cut_before(b"COMMIT")
            assert load.wait(deadline_s=120) == 0, load.stderr
        assert proxy.cut_made.is_set(), "the load ended before the cut"
        project.url = postgres_url
        project.check_accounts()


class UsageProjectView:
    """The same project seen without the proxy, so that looking does not trip its cuts."""

    def __init__(self, project: UsageProject, url: str) -> None:
        self._project, self._url = project, url

    def query(self, sql: str) -> list[dict[str, object]]:
        through, self._project.url = self._project.url, self._url
        try:
            return self._project.query(sql)
        finally:
            self._project.url = through


@pytest.mark.parametrize("error", ["deadlock", "serialization", "lost"])
def test_errors_that_pass_are_tried_again(error: str, database_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", database_url)
    fault = f"commit.rows_written:2={error},claim.made:3={error},claim.committed:4={error},commit.finished:4={error}"
    project.load(HOLDFAST_FAULT=fault)
    project.check_accounts()
