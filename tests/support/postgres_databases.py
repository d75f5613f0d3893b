"""Fresh PostgreSQL databases for tests, without making and dropping one for each: that is many files and a checkpoint.

A database that a test is done with is emptied and given to the next one. What it looks like then is compared with a
new one: where anything is left that emptying does not reach (an extension, a setting, a publication), it is dropped.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from psycopg import sql

EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
SET lock_timeout = '10s';
DO $$
DECLARE schema name;
BEGIN
    FOR schema IN SELECT nspname FROM pg_namespace WHERE nspname = 'public' OR oid >= 16384 AND nspname !~ '^pg_' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', schema);
    END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
LEFT = """
SELECT 'relation' AS what FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace
UNION ALL SELECT 'schema' FROM pg_namespace WHERE oid >= 16384 AND nspname <> 'public' AND nspname !~ '^pg_'
UNION ALL SELECT 'function' FROM pg_proc WHERE oid >= 16384
UNION ALL SELECT 'type' FROM pg_type WHERE oid >= 16384
UNION ALL SELECT 'extension' FROM pg_extension WHERE oid >= 16384
UNION ALL SELECT 'publication' FROM pg_publication
UNION ALL SELECT 'event trigger' FROM pg_event_trigger
UNION ALL SELECT 'privilege' FROM pg_default_acl
UNION ALL SELECT 'large object' FROM pg_largeobject_metadata
UNION ALL SELECT 'setting' FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE d.datname = current_database() AND s.setconfig <> ARRAY['synchronous_commit=off']
UNION ALL SELECT 'access' FROM pg_database WHERE datname = current_database() AND datacl IS NOT NULL
UNION ALL SELECT 'transaction' FROM pg_prepared_xacts WHERE database = current_database()
"""


class PostgresDatabases:
    """The databases of one test process on one server. All of them are dropped at the end."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._free: list[str] = []

    @contextmanager
    def one(self) -> Iterator[str]:
        """The url of an empty database that nobody else has."""
        name = self._free.pop() if self._free else self._create()
        yield self._url(name)
        if self._is_empty_again(name):
            self._free.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        while self._free:
            self._drop(self._free.pop())

    def _url(self, name: str) -> str:
        return sa.make_url(self._server_url).set(database=name).render_as_string(hide_password=False)

    def _create(self) -> str:
        name = f"holdfast_test_{uuid.uuid4().hex}"
        self._administer("CREATE DATABASE {}", name)
        self._administer("ALTER DATABASE {} SET synchronous_commit = off", name)  # no test loses the server's machine
        return name

    def _drop(self, name: str) -> None:
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _is_empty_again(self, name: str) -> bool:
        try:
            with psycopg.connect(self._url(name), autocommit=True) as connection:
                connection.execute(EMPTY)
                return connection.execute(LEFT).fetchone() is None
        except psycopg.Error:
            return False

    def _administer(self, statement: str, name: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
