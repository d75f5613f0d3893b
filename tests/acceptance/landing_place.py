"""A directory of small files and a database whose table a test looks at as closely as `\\d+` would."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.wiring import LoadResult

Rows = list[tuple[int, int]]
DESCRIBED = """
WITH t AS (SELECT CAST(%(table)s AS regclass) AS oid)
SELECT 'table', c.relkind::text, r.rolname, c.reloptions::text, c.relpersistence::text, c.relrowsecurity::text,
       obj_description(c.oid, 'pg_class')
FROM t JOIN pg_class AS c USING (oid) JOIN pg_roles AS r ON r.oid = c.relowner
UNION ALL
SELECT 'column', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       a.attgenerated::text || a.attidentity::text, pg_get_expr(d.adbin, d.adrelid),
       col_description(a.attrelid, a.attnum)
FROM t JOIN pg_attribute AS a ON a.attrelid = t.oid
LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conname, pg_get_constraintdef(k.oid), convalidated::text, NULL, NULL,
       obj_description(k.oid, 'pg_constraint')
FROM t JOIN pg_constraint AS k ON t.oid IN (k.conrelid, k.confrelid)
UNION ALL
SELECT 'index', i.relname, pg_get_indexdef(i.oid), x.indisprimary::text, x.indisclustered::text, x.indisreplident::text,
       obj_description(i.oid, 'pg_class')
FROM t JOIN pg_index AS x ON x.indrelid = t.oid JOIN pg_class AS i ON i.oid = x.indexrelid
UNION ALL
SELECT 'grant', COALESCE(r.rolname, 'PUBLIC'), a.privilege_type, a.is_grantable::text, g.column_name,
       a.grantor::regrole::text, NULL
FROM t JOIN pg_class AS c USING (oid)
CROSS JOIN LATERAL (
    SELECT '' AS column_name, COALESCE(c.relacl, acldefault('r', c.relowner)) AS acl
    UNION ALL
    SELECT attname, attacl FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL
) AS g
CROSS JOIN LATERAL aclexplode(g.acl) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee
UNION ALL
SELECT 'depends', pg_describe_object(d.classid, d.objid, 0), NULL, NULL, NULL, NULL, NULL
FROM t JOIN pg_depend AS d ON d.refobjid = t.oid
WHERE d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                    'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass)
UNION ALL
SELECT 'inherits', inhrelid::regclass::text, inhparent::regclass::text, NULL, NULL, NULL, NULL
FROM t JOIN pg_inherits AS h ON t.oid IN (h.inhrelid, h.inhparent)
ORDER BY 1, 2, 3, 4, 5
"""
"""What `\\d+` shows of a table, and then some."""


@dataclass
class Place:
    """A directory with files, and a PostgreSQL or SQLite database that a contract's table is in."""

    directory: Path
    url: str
    table: str = "items"
    quoted: str = "items"
    landing_rows_min: int | None = None  # 0: any first load lands

    def write(self, rows: Rows, name: str = "a.csv") -> None:
        text = "".join(f"{key},{value}\n" for key, value in rows)
        (self.directory / name).write_text("key,value\n" + text)

    def load(self, **more: Any) -> LoadResult:
        top = {
            "name": "items",
            "table": self.table,
            "source": "*.csv",
            "primary_key": "key",
            "columns": [{"name": "key", "type": "int"}, {"name": "value", "type": "int"}],
            "format": {"chunk_bytes": 64},
        }
        with holdfast.open_project(self._settings()) as project:
            return project.load(contract_from({**top, **more}), [])

    def _settings(self) -> holdfast.Settings:
        return holdfast.Settings(url=self.url, project_dir=str(self.directory), landing_rows_min=self.landing_rows_min)

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def query(self, statement: str, binds: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(statement.encode(), binds).fetchall()

    def described(self) -> list[tuple[Any, ...]]:
        return self.query(DESCRIBED, {"table": self.quoted})

    def oid(self) -> int:
        oid: int = self.query("SELECT CAST(CAST(%(table)s AS regclass) AS oid)", {"table": self.quoted})[0][0]
        return oid

    def rows(self) -> Rows:
        return [(key, value) for key, value in self.query(f"SELECT key, value FROM {self.quoted} ORDER BY key")]

    def landing_tables(self) -> list[tuple[Any, ...]]:
        return self.query("SELECT relname FROM pg_class WHERE relname LIKE 'holdfast_landing%'")
