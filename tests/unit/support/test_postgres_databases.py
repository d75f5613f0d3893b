"""A database that was used before looks like a new one, or is not used again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.postgres_databases import PostgresDatabases

EMPTIED = (
    'CREATE TABLE t (n int); CREATE SCHEMA "My Data"; CREATE TABLE "My Data".t (n serial); CREATE TEMP TABLE z (n int)'
)
KEPT = "CREATE TABLE t (n int); CREATE PUBLICATION everything FOR ALL TABLES"


@pytest.fixture
def databases(postgres_server_url: str) -> Iterator[PostgresDatabases]:
    made = PostgresDatabases(postgres_server_url)
    yield made
    made.close()


def test_it_is_emptied_or_dropped(databases: PostgresDatabases) -> None:
    with databases.one() as first:
        left_open = psycopg.connect(first)
        left_open.execute(EMPTIED)
        left_open.commit()
        left_open.execute("LOCK TABLE t")
    left_open.close()
    with databases.one() as second, databases.one() as third:
        assert second == first != third
        with psycopg.connect(second) as connection:
            assert connection.execute("SELECT to_regclass('t'), to_regnamespace('\"My Data\"')").fetchone() == (
                None,
                None,
            )
            connection.execute(KEPT)
    with databases.one() as one, databases.one() as other:
        assert second not in (one, other)
        assert third in (one, other)
