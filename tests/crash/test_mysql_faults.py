"""What MariaDB does to its clients: ends their connections, dies and comes back, swallows the answer to COMMIT."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.crash.deliveries import deliver
from tests.crash.test_publish_faults import SILENT, wait_until_frozen
from tests.support.mysql_server import MysqlServer, administrate, fresh_database
from tests.support.processes import Started
from tests.support.proxy import Proxy
from tests.support.usage_project import UsageProject


def wait_for_progress(load: Started, project: UsageProject, chunks: int) -> None:
    load.wait_until(lambda: project.chunks_done() >= chunks, deadline_s=60, what=f"{chunks} chunks done")


def end_connections(url: str) -> int:
    """Kill whoever is connected to this database; returns how many there were."""
    with administrate(url) as admin, admin.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [sa.make_url(url).database])
        found = [row[0] for row in cursor.fetchall()]
        for connection in found:
            cursor.execute(f"KILL CONNECTION {connection}")
    return len(found)


def through(proxy: Proxy, url: str) -> str:
    return sa.make_url(url).set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)


def lose_commit(proxy: Proxy, *, happened: bool) -> None:
    if happened:
        proxy.cut_answer_to(b"COMMIT")
    else:
        proxy.cut_before(b"COMMIT")


@pytest.fixture
def mysql_of_ours() -> Iterator[MysqlServer]:
    """A server of this test's own: it is going to be treated badly."""
    with MysqlServer() as private:
        yield private


def test_connections_are_killed_and_the_server_crashes_mid_load(mysql_of_ours: MysqlServer, tmp_path: Path) -> None:
    with fresh_database(mysql_of_ours.url) as url:
        project = UsageProject(tmp_path / "project", url, rows=25_000, chunk_bytes=16_384)
        with project.start("load", "usage", "--json", "--workers", "2") as load:
            for chunks in (5, 15):
                wait_for_progress(load, project, chunks)
                assert end_connections(url) > 0
            wait_for_progress(load, project, 25)
            mysql_of_ours.kill()
            mysql_of_ours.start()
            assert load.wait(deadline_s=120) == 0, load.stderr
        project.check_accounts()


def test_the_answer_to_commit_is_lost(mysql_url: str, tmp_path: Path) -> None:
    """Cut before COMMIT arrives, or after it was done, again and again: the ledger says which, and the load goes on."""
    project = UsageProject(tmp_path / "project", mysql_url, rows=20_000, chunk_bytes=16_384)
    with (
        Proxy(sa.make_url(mysql_url).port or 3306) as proxy,
        project.start("load", "usage", "--json", HOLDFAST_DB=through(proxy, mysql_url)) as load,
    ):
        for turn in range(8):
            wait_for_progress(load, project, 1 + 3 * turn)
            lose_commit(proxy, happened=turn % 2 == 0)
            load.wait_until(proxy.cut_made.is_set, deadline_s=60, what="a COMMIT to be cut")
        assert load.wait(deadline_s=120) == 0, load.stderr
    project.check_accounts()


@pytest.mark.parametrize(("way", "happened"), [("first", True), ("compared", False)])
def test_the_answer_to_a_publishs_commit_is_lost(mysql_url: str, tmp_path: Path, way: str, happened: bool) -> None:
    """Frozen before its COMMIT, so that the proxy cuts that one. The ledger says whether there is anything to do."""
    delivery = deliver(tmp_path / "project", mysql_url, way)
    with Proxy(sa.make_url(mysql_url).port or 3306) as proxy:
        env = {**SILENT, "HOLDFAST_DB": through(proxy, mysql_url), "HOLDFAST_FAULT": "publish.finished=stop"}
        with delivery.project.start("load", "usage", "--json", **env) as load:
            wait_until_frozen(load)
            lose_commit(proxy, happened=happened)
            load.thaw()
            assert load.wait(deadline_s=60) == 0, load.stderr
        assert proxy.cut_made.is_set()
    delivery.check()


def test_a_publish_that_wakes_up_without_its_connection(mysql_url: str, tmp_path: Path) -> None:
    """The server gave its locks away and another load published; it finds that out and is content."""
    delivery = deliver(tmp_path / "project", mysql_url, "first")
    with delivery.project.start("load", "usage", HOLDFAST_FAULT="publish.rows_written=stop") as frozen:
        wait_until_frozen(frozen)
        assert end_connections(mysql_url) > 0
        assert delivery.seen() == []
        delivery.project.load()
        delivery.check()
        frozen.thaw()
        assert frozen.wait(deadline_s=60) == 0, frozen.stderr
    delivery.check()
