"""Fixtures every test may use: a fresh database on each engine, and the PostgreSQL they live on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from holdfast.adapters.databases import connect
from holdfast.ports.database import Database
from tests.support import mysql_server
from tests.support.mysql_databases import MysqlDatabases
from tests.support.postgres_databases import PostgresDatabases
from tests.support.postgres_server import PostgresServer

settings.register_profile("ci", derandomize=True)  # there, a failure must be the change's; elsewhere, look further
if os.environ.get("CI"):
    settings.load_profile("ci")

MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 8 << 30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES_MIN:
    os.environ["TMPDIR"] = str(MEMORY)  # tests kill processes, not machines: none has to wait for a disk
    tempfile.tempdir = None

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each new process of a test compiles all of Holdfast again

ENGINES = ("sqlite", "postgres", "duckdb")
SHARED = ("sqlite", "postgres")  # several processes at a time may have such a database open
URLS = {"mysql": "mysql_ready_url"}  # where it is not ENGINE_url
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "also_on(engine): a test that runs on this engine too, beside the usual ones")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Who asks for a database runs on every usual engine and on those it is marked for; the contract suite on all."""
    more = {name for mark in metafunc.definition.iter_markers("also_on") for name in mark.args}
    if metafunc.definition.path.parent.name == "contract":
        more.add("mysql")
    for fixture, usual in (("database_url", ENGINES), ("shared_url", SHARED)):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, (*usual, *sorted(more - {*usual})), indirect=True)


LONG = ("test_memory.py", "test_main_job.py", "test_random_kills.py", "test_bench.py", "test_demo.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones first, so that no process of the run has one left when the others are done."""
    if _left_out():
        out = {item for item in items if _needs_mysql(item)}
        config.hook.pytest_deselected(items=list(out))
        items[:] = [item for item in items if item not in out]
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The one named by HOLDFAST_TEST_POSTGRES, else a local one, else a private one. None of them: the tests fail."""
    given = os.environ.get("HOLDFAST_TEST_POSTGRES")
    if given:
        yield given
    elif _answers(LOCAL_POSTGRES):
        yield LOCAL_POSTGRES
    else:
        with PostgresServer() as server:
            yield server.url


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres_databases(postgres_server_url: str) -> Iterator[PostgresDatabases]:
    databases = PostgresDatabases(postgres_server_url)
    yield databases
    databases.close()


@pytest.fixture
def postgres_url(postgres_databases: PostgresDatabases) -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    with postgres_databases.one() as url:
        yield url


@pytest.fixture(scope="session")
def mysql_server_url() -> Iterator[str]:
    """The one named by HOLDFAST_TEST_MYSQL, else a local one, else a private one. None of them: the tests fail."""
    given = os.environ.get(mysql_server.GIVEN)
    if given:
        yield given
    elif mysql_server.answers(mysql_server.LOCAL):
        yield mysql_server.LOCAL
    else:
        with mysql_server.MysqlServer() as server:
            yield server.url


@pytest.fixture
def mysql_url(mysql_server_url: str) -> Iterator[str]:
    """A fresh MariaDB or MySQL database, dropped afterwards."""
    with mysql_server.fresh_database(mysql_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def mysql_databases(mysql_server_url: str) -> Iterator[MysqlDatabases]:
    databases = MysqlDatabases(mysql_server_url)
    yield databases
    databases.close()


@pytest.fixture
def mysql_ready_url(mysql_databases: MysqlDatabases) -> Iterator[str]:
    """A MariaDB or MySQL database of this test's own that has an empty ledger already."""
    with mysql_databases.one() as url:
        yield url


def _left_out() -> bool:
    """Where MariaDB can be had in no way its tests are left out, and the run says so; a run that must have it fails."""
    return not os.environ.get("HOLDFAST_REQUIRE_BACKENDS") and not mysql_server.is_there()


def _needs_mysql(item: pytest.Item) -> bool:
    given = getattr(getattr(item, "callspec", None), "params", {})
    return "mysql" in given.values() or any(name.startswith("mysql_") for name in getattr(item, "fixturenames", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _left_out():
        terminalreporter.write_line(
            "NOT TESTED: MariaDB and MySQL. Install mariadb-server, or name a server in HOLDFAST_TEST_MYSQL",
            yellow=True,
        )


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/holdfast.db"


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}/holdfast.duckdb"


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine, on MariaDB with a ledger."""
    url: str = request.getfixturevalue(URLS.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
def shared_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine that several processes may have open at a time."""
    url: str = request.getfixturevalue(URLS.get(request.param, f"{request.param}_url"))
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = connect(database_url)
    yield opened
    opened.close()
