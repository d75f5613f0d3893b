"""What each engine calls its list of tables."""

from __future__ import annotations

_CATALOGUES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "mysql": "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = SCHEMA()",
    "duckdb": "SELECT table_name AS name FROM duckdb_tables() WHERE true",
    "postgresql": "SELECT relname AS name FROM pg_class WHERE relkind = 'r'",
}
_NAMES = {"sqlite": "name", "postgresql": "relname"}


def tables_like(url: str, pattern: str) -> str:
    """A SELECT of the `name` of each table whose name is LIKE this."""
    engine = url.partition(":")[0]
    return f"{_CATALOGUES[engine]} AND {_NAMES.get(engine, 'table_name')} LIKE '{pattern}'"
