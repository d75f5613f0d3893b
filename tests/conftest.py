"""Fixtures every test may use: a fresh database on each engine, and the PostgreSQL they live on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from holdfast.adapters.databases import connect
from holdfast.ports.database import Database
from tests.support.postgres_databases import PostgresDatabases
from tests.support.postgres_server import PostgresServer

settings.register_profile("ci", derandomize=True)  # there, a failure must be the change's; elsewhere, look further
if os.environ.get("CI"):
    settings.load_profile("ci")

ENGINES = ("sqlite", "postgres")
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"


LONG = ("test_memory.py", "test_main_job.py", "test_random_kills.py", "test_bench.py", "test_demo.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first, so that no process of the run has one left when the others are done."""
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


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/holdfast.db"


@pytest.fixture
def duckdb_url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path}/holdfast.duckdb"


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = connect(database_url)
    yield opened
    opened.close()
