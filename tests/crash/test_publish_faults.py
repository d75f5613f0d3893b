"""A publish that is frozen, loses its connection or its COMMIT's answer, or meets an error that passes."""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg
import pytest

from tests.crash.deliveries import deliver
from tests.support.processes import Started
from tests.support.proxy import Proxy

SILENT = {"HOLDFAST_LOAD__LEASE_S": "900", "HOLDFAST_LOAD__HEARTBEAT_S": "300"}
PASSING = (
    "publish.removed=lost,publish.compared=serialization,publish.chunk_accounted:2=deadlock,publish.committed=lost"
)
WAITING = "CREATE FUNCTION waiting(n bigint) RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS "
HELD = 4711


def wait_until_frozen(load: Started) -> None:
    load.wait_until(
        lambda: Path(f"/proc/{load.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T",
        deadline_s=60,
        what="the publish to freeze",
    )


def end_backends(admin: psycopg.Connection, having: str = "true") -> int:
    """Terminate the other backends of this database; returns how many there were."""
    ended = admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {having}".encode()
    )
    return len(ended.fetchall())


@pytest.mark.also_on("mysql")
@pytest.mark.parametrize(("way", "point"), [("first", "publish.begun"), ("compared", "publish.rows_written")])
def test_a_frozen_publish_lets_readers_read_and_writers_wait(
    shared_url: str, tmp_path: Path, way: str, point: str
) -> None:
    """A second load waits for the dataset; thawed, the first one publishes, and the second one has nothing to do."""
    delivery = deliver(tmp_path / "project", shared_url, way)
    with delivery.project.start("load", "usage", HOLDFAST_FAULT=f"{point}=stop") as frozen:
        wait_until_frozen(frozen)
        with delivery.project.start("load", "usage", "--json") as second:
            assert delivery.seen() == delivery.before
            frozen.thaw()
            assert frozen.wait(deadline_s=60) == 0, frozen.stderr
            assert second.wait(deadline_s=60) == 0, second.stderr
    delivery.check()


def test_a_publish_that_wakes_up_without_its_connection(postgres_url: str, tmp_path: Path) -> None:
    """The server gave its locks away and another load published; it finds that out and is content."""
    delivery = deliver(tmp_path / "project", postgres_url, "first")
    with delivery.project.start("load", "usage", HOLDFAST_FAULT="publish.rows_written=stop") as frozen:
        wait_until_frozen(frozen)
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            assert end_backends(admin) > 0
        assert delivery.seen() == []
        delivery.project.load()
        delivery.check()
        frozen.thaw()
        assert frozen.wait(deadline_s=60) == 0, frozen.stderr
    delivery.check()


def test_the_backend_is_terminated_while_it_builds_an_index(postgres_url: str, tmp_path: Path) -> None:
    """Twice; the third time it may go on. The index waits for a lock that this test holds."""
    delivery = deliver(tmp_path / "project", postgres_url, "swapped")
    code, _, err = delivery.project.run("load", "usage", HOLDFAST_FAULT="publish.begun=kill")  # now there is a table
    assert code == -signal.SIGKILL, err
    waits = "wait_event = 'advisory'"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        body = f"'BEGIN PERFORM pg_advisory_xact_lock_shared({HELD}); RETURN n; END'"
        admin.execute((WAITING + body).encode())
        admin.execute("CREATE INDEX by_waiting ON usage_data (waiting(bill_id))")
        admin.execute("SELECT pg_advisory_lock(%s)", [HELD])
        with delivery.project.start("load", "usage") as load:
            for _ in range(2):
                load.wait_until(lambda: end_backends(admin, waits), deadline_s=60, what="an index being built")
                assert delivery.seen() == delivery.before
            admin.execute("SELECT pg_advisory_unlock(%s)", [HELD])
            assert load.wait(deadline_s=60) == 0, load.stderr
        assert admin.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'by_waiting'").fetchall() == [(1,)]
    delivery.check()


@pytest.mark.parametrize(("way", "happened"), [("first", True), ("compared", True), ("compared", False)])
def test_the_answer_to_a_publishs_commit_is_lost(postgres_url: str, tmp_path: Path, way: str, happened: bool) -> None:
    """Frozen before its COMMIT, so that the proxy cuts that one. The ledger says whether there is anything to do."""
    delivery = deliver(tmp_path / "project", postgres_url, way)
    target = psycopg.conninfo.conninfo_to_dict(postgres_url)
    with Proxy(int(target["port"] or 5432)) as proxy:
        through = f"postgresql://{target.get('user')}@127.0.0.1:{proxy.port}/{target['dbname']}"
        env = {**SILENT, "HOLDFAST_DB": through, "HOLDFAST_FAULT": "publish.finished=stop"}
        with delivery.project.start("load", "usage", "--json", **env) as load:
            wait_until_frozen(load)
            if happened:
                proxy.cut_answer_to(b"COMMIT")
            else:
                proxy.cut_before(b"COMMIT")
            load.thaw()
            assert load.wait(deadline_s=60) == 0, load.stderr
        assert proxy.cut_made.is_set()
    delivery.check()


@pytest.mark.parametrize("way", ["first", "compared"])
def test_errors_that_pass_are_tried_again(database_url: str, tmp_path: Path, way: str) -> None:
    delivery = deliver(tmp_path / "project", database_url, way)
    code, out, err = delivery.project.run("load", "usage", HOLDFAST_FAULT=PASSING)
    assert code == 0, f"exit {code}\n{out}\n{err}"
    assert err.count("injected by a test") == PASSING.count("=") - (way == "first"), err
    delivery.check()


def test_what_landed_is_published_beside_a_chunk_that_kills_its_workers(database_url: str, tmp_path: Path) -> None:
    """It landed for speed alone, so one bad chunk hides no other; tried again, the chunk goes by itself."""
    delivery = deliver(tmp_path / "project", database_url, "compared")
    for _ in range(3):
        code, _, err = delivery.project.run("load", "usage", HOLDFAST_FAULT="commit.fenced=kill")
        assert code == -signal.SIGKILL, err
    code, out, err = delivery.project.run("load", "usage", "--json")
    assert code == 1, f"exit {code}\n{out}\n{err}"
    assert "died 3 times" in err
    chunk = delivery.project.ops("chunk")
    ways = f"SELECT state, way, COUNT(*) AS n FROM {chunk} WHERE load_number = 2 GROUP BY state, way ORDER BY n"
    failed, landed = delivery.project.query(ways)
    assert (failed["state"], failed["n"], landed["state"], landed["way"]) == ("failed", 1, "done", "landing")
    assert not delivery.tables("holdfast_landing%")
    seen = delivery.seen()
    assert seen not in (delivery.before, delivery.after)
    assert set(seen) <= {*delivery.before, *delivery.after}
    told = delivery.project.load()
    assert told["ways"] == {"direct": 0, "merge": 1, "landing": 0}
    delivery.check()
