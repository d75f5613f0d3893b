"""Databases that are away, closed, full or read-only: said plainly, without a secret, and nothing half done."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items
from tests.support.postgres_server import PostgresServer
from tests.support.processes import clean_environment

SECRET = "pa55-w0rd/ä"
GOOD = HEADER + items(1, 20)


@pytest.fixture(scope="module")
def guarded_url() -> Iterator[str]:
    """A server that asks for a password, and its right one."""
    with PostgresServer() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE ROLE loader LOGIN PASSWORD 'right'")
            connection.execute("CREATE DATABASE guarded OWNER loader")
            hba = Path(connection.execute("SHOW hba_file").fetchall()[0][0])
            hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
            connection.execute("SELECT pg_reload_conf()")
        yield server.url.replace("postgres@", "loader:right@").replace("/postgres", "/guarded")


def with_password(url: str, password: str) -> str:
    return sa.make_url(url).set(password=password).render_as_string(hide_password=False)


def test_a_wrong_password(guarded_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", with_password(guarded_url, SECRET))
    project.write(GOOD)
    for command in (("load", "items"), ("plan", "items"), ("status",)):
        error = project.refused(*command)
        assert error["code"] == "AuthenticationFailed"
        assert "loader:***@127.0.0.1" in error["message"]
        assert "check user and password" in error["hint"]
    code, out, err = project.run("doctor", "--json", "--db", project.url)
    assert code == 2
    assert "loader:***@" in out
    assert SECRET not in out + err + str(error)
    project.url = guarded_url
    assert project.load()["inserted"] == 20
    assert "loader:right" not in project.run("doctor")[1]


def test_a_database_that_is_away(tmp_path: Path) -> None:
    """Nobody listens: try again later (75), and the address without its password."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    project = ItemsProject(tmp_path / "project", with_password(f"postgresql://me@127.0.0.1:{port}/bills", SECRET))
    project.write(GOOD)
    error = project.refused("load", "items", exit_code=75)
    assert error["code"] == "DatabaseUnavailable"
    assert f"postgresql://me:***@127.0.0.1:{port}/bills" in error["message"]
    assert SECRET not in str(error)
    assert "is the server running" in error["hint"]


def test_a_database_that_does_not_exist(postgres_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", sa.make_url(postgres_url).set(database="absent").render_as_string())
    project.write(GOOD)
    error = project.refused("load", "items")
    assert 'database "absent" does not exist' in error["message"]
    assert "createdb" in error["hint"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"oracle://me:{SECRET}@host/x", "there is no engine for 'oracle'; expected one of sqlite"),
        (f"postgres me:{SECRET}", "the database URL (without ://) is malformed"),
        ("sqlite:////no/such/place/x.db", "the directory '/no/such/place' does not exist; nothing was created"),
    ],
)
def test_a_url_that_leads_nowhere(tmp_path: Path, url: str, said: str) -> None:
    project = ItemsProject(tmp_path / "project", url)
    project.write(GOOD)
    error = project.refused("load", "items")
    assert said in error["message"]
    assert SECRET not in str(error)


def test_a_file_that_is_no_database(sqlite_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url)
    project.write(GOOD)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    file.write_text("these are notes, and somebody wants to keep them\n" * 40)
    error = project.refused("load", "items", exit_code=1)
    assert "file is not a database" in error["message"]
    assert file.read_text().startswith("these are notes")


def test_a_read_only_database(sqlite_url: str, tmp_path: Path) -> None:
    """Looking is fine; loading is refused. The mode is in the URL: no permission would stop root."""
    project = ItemsProject(tmp_path / "project", sqlite_url)
    project.write(GOOD)
    project.load()
    project.write(GOOD + items(21, 40))
    read_only = sqlite_url.replace("sqlite:///", "sqlite:///file:") + "?mode=ro&uri=true"
    error = project.refused("load", "items", "--db", read_only)
    assert error["code"] == "AccessDenied"
    assert "readonly" in error["message"]
    assert project.rows() == as_rows(items(1, 20))


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A shell whose mounts are its own and end with it; no privilege is needed where user namespaces are allowed."""
    own_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *own_root, "--propagation", "private", "sh", "-c"]


def shell(command: list[str], script: str, project: ItemsProject) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | {"HOLDFAST_DB": project.url}
    return subprocess.run(
        [*command, script],
        cwd=project.directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_a_disk_that_is_full(tmp_path: Path, small_disk: list[str]) -> None:
    """Exit 1, whole chunks only; with room again the load goes on where it stopped and ends right."""
    disk = tmp_path / "disk"
    disk.mkdir()
    project = ItemsProject(tmp_path / "project", f"sqlite:///{disk}/items.db", form="chunk_bytes = 20000")
    project.write(HEADER + items(1, 9_000))
    holdfast = shlex.quote(str(Path(sys.executable).with_name("holdfast")))
    done = shell(
        small_disk,
        f"mount -t tmpfs -o size=600k tmpfs {disk}\n"
        f"{holdfast} load items; echo exit $?\n"
        f"mount -o remount,size=20m {disk}\n"
        f"{holdfast} status\n"
        f"{holdfast} load items; echo exit $?\n"
        f"cp {disk}/items.db {tmp_path}/kept.db\n",
        project,
    )
    first, second = [line for line in done.stdout.splitlines() if line.startswith("exit ")]
    assert (first, second) == ("exit 1", "exit 0"), done.stdout + done.stderr
    assert "database or disk is full" in done.stderr
    assert "hint: free space on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    project.url = f"sqlite:///{tmp_path}/kept.db"
    assert project.rows() == as_rows(items(1, 9_000))
    project.check_balance()


def test_a_read_only_disk(tmp_path: Path, small_disk: list[str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    project = ItemsProject(tmp_path / "project", f"sqlite:///{disk}/items.db")
    project.write(GOOD)
    holdfast = shlex.quote(str(Path(sys.executable).with_name("holdfast")))
    done = shell(
        small_disk,
        f"mount -t tmpfs -o ro tmpfs {disk}\n{holdfast} load items; echo exit $?\n",
        project,
    )
    assert done.stdout.splitlines()[-1] == "exit 2", done.stdout + done.stderr
    assert f"sqlite:///{disk}/items.db: unable to open database file" in done.stderr
    assert "hint: make the file and its directory readable and writable for this user" in done.stderr
