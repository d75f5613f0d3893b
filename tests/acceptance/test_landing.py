"""Loads that land: what a person made of the table is still there, and what did not change is not written."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.domain.errors import UniqueViolation
from holdfast.engine.replay import Mended, open_rejects, replay
from tests.acceptance.frozen import frozen, thaw
from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items
from tests.acceptance.landing_place import Place, Rows

pytestmark = pytest.mark.also_on("mysql")
LANDS = {"HOLDFAST_LOAD__LANDING_ROWS_MIN": "0"}
ROWS: Rows = [(n, n % 7) for n in range(1, 41)]


@pytest.fixture
def place(postgres_url: str, tmp_path: Path) -> Place:
    return Place(tmp_path, postgres_url, landing_rows_min=0)


@pytest.fixture
def reader(postgres_url: str) -> Iterator[str]:
    """A role of this test's own. Roles belong to the whole server."""
    name = f"holdfast_reader_{uuid.uuid4().hex}"
    statements: tuple[LiteralString, ...] = ("DROP OWNED BY {}", "DROP ROLE {}")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        yield name
        for statement in statements:
            admin.execute(sql.SQL(statement).format(sql.Identifier(name)))


TABLE = """
CREATE TABLE items (
    key int, value int, _origin bigint NOT NULL DEFAULT -1, note text DEFAULT 'none',
    CONSTRAINT "The Key" PRIMARY KEY (key)
)
"""
PERSONS_TABLE = """
CREATE TABLE "My Data"."The It""ems" (
    key int,
    value int CONSTRAINT "value is: small" CHECK (value < 1000),
    _origin bigint NOT NULL DEFAULT -1,
    note text DEFAULT 'it''s: none',
    owner int DEFAULT 1 CONSTRAINT owned REFERENCES owners DEFERRABLE INITIALLY DEFERRED,
    doubled int GENERATED ALWAYS AS (value * 2) STORED,
    CONSTRAINT "The Key" PRIMARY KEY (key),
    CONSTRAINT twice UNIQUE (key, _origin) DEFERRABLE
)
"""


def test_all_a_person_made_of_an_empty_table_is_there_after_the_swap(place: Place, reader: str) -> None:
    place.table, place.quoted = 'My Data.The It"ems', '"My Data"."The It""ems"'
    place.execute(
        'CREATE SCHEMA "My Data"',
        "CREATE TABLE owners (id int PRIMARY KEY)",
        "INSERT INTO owners VALUES (1)",
        PERSONS_TABLE,
        f"CREATE INDEX plain ON {place.quoted} (value)",
        f'CREATE UNIQUE INDEX "Unique One" ON {place.quoted} (key, value) INCLUDE (note)',
        f"CREATE INDEX partial ON {place.quoted} (value DESC NULLS LAST) WHERE value > 5 AND note <> 'a: b'",
        f"CREATE INDEX expression ON {place.quoted} USING hash ((value + 1))",
        f"COMMENT ON TABLE {place.quoted} IS 'a person''s: table'",
        f"COMMENT ON COLUMN {place.quoted}.value IS 'how much'",
        f"COMMENT ON CONSTRAINT \"The Key\" ON {place.quoted} IS 'which'",
        f"COMMENT ON CONSTRAINT owned ON {place.quoted} IS 'whose'",
        f"COMMENT ON CONSTRAINT \"value is: small\" ON {place.quoted} IS 'why'",
        "COMMENT ON INDEX \"My Data\".partial IS 'for the report'",
        f"GRANT SELECT, INSERT ON {place.quoted} TO {reader} WITH GRANT OPTION",
        f"GRANT UPDATE (value) ON {place.quoted} TO {reader}",
        f"GRANT SELECT (key) ON {place.quoted} TO PUBLIC",
        f"REVOKE TRUNCATE ON {place.quoted} FROM CURRENT_USER",
        f'ALTER DEFAULT PRIVILEGES IN SCHEMA "My Data" GRANT ALL ON TABLES TO {reader}',
        'ALTER DEFAULT PRIVILEGES IN SCHEMA "My Data" GRANT DELETE ON TABLES TO PUBLIC',
    )
    before, oid = place.described(), place.oid()
    place.write([*ROWS, (1, 99)])
    result = place.load(publish="auto")
    assert result.error is None
    assert place.described() == before
    assert place.oid() != oid, "the landing table took the table's place"
    assert place.rows() == [(1, 99), *ROWS[1:]]
    assert place.query(f"SELECT DISTINCT doubled - 2 * value, note, owner FROM {place.quoted}") == [
        (0, "it's: none", 1)
    ]
    assert not place.landing_tables()


OBSTACLES = {
    "view": ["CREATE VIEW v AS SELECT key FROM items"],
    "materialized view": ["CREATE MATERIALIZED VIEW v AS SELECT key FROM items"],
    "foreign key of another table": ["CREATE TABLE other (key int REFERENCES items)"],
    "trigger": [
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER noting BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION noted()",
    ],
    "row security": ["ALTER TABLE items ENABLE ROW LEVEL SECURITY"],
    "policy": ["CREATE POLICY positive ON items USING (key > 0)"],
    "publication": ["CREATE PUBLICATION telling FOR TABLE items"],
    "publication of all tables": ["CREATE PUBLICATION telling FOR ALL TABLES"],
    "publication of its schema": ["CREATE PUBLICATION telling FOR TABLES IN SCHEMA public"],
    "child": ["CREATE TABLE child () INHERITS (items)"],
    "parent": ["CREATE TABLE parent (key int)", "ALTER TABLE items INHERIT parent"],
    "serial": ["ALTER TABLE items ADD COLUMN number serial"],
    "identity": ["ALTER TABLE items ADD COLUMN number int GENERATED ALWAYS AS IDENTITY"],
    "storage options": ["ALTER TABLE items SET (fillfactor = 70)"],
    "storage options of long values": ["ALTER TABLE items SET (toast.autovacuum_enabled = false)"],
    "search path that leads to another schema first": ["CREATE SCHEMA AUTHORIZATION CURRENT_USER"],
    "index options": ["CREATE INDEX roomy ON items (value) WITH (fillfactor = 70)"],
    "clustered": ['CLUSTER items USING "The Key"'],
    "replica identity": ["ALTER TABLE items REPLICA IDENTITY FULL"],
    "unlogged": ["ALTER TABLE items SET UNLOGGED"],
    "statistics": ["CREATE STATISTICS together ON key, value FROM items"],
    "statistics target": ["ALTER TABLE items ALTER value SET STATISTICS 7"],
    "rule": ["CREATE RULE kept AS ON DELETE TO items WHERE OLD.key < 0 DO INSTEAD NOTHING"],
    "function of its rows": ["CREATE FUNCTION of_row(items) RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    "function of many of its rows": ["CREATE FUNCTION of_rows(items[]) RETURNS int LANGUAGE sql AS 'SELECT 1'"],
    "domain over its rows": ["CREATE DOMAIN item AS items"],
}


@pytest.mark.parametrize("statements", OBSTACLES.values(), ids=OBSTACLES)
def test_a_table_with_something_hanging_on_it_is_filled(place: Place, statements: list[str]) -> None:
    place.execute(TABLE, *statements)
    check_filled(place)


def test_a_table_of_another_owner_is_filled(place: Place, reader: str) -> None:
    place.execute(TABLE, f"ALTER TABLE items OWNER TO {reader}")
    check_filled(place)


def test_a_table_with_rights_passed_on_is_filled(place: Place, reader: str) -> None:
    """Granted anew they would be its owner's, who could not take them back from the one alone."""
    passed_on = [f"SET ROLE {reader}", "GRANT SELECT ON items TO PUBLIC"]
    place.execute(TABLE, f"GRANT SELECT ON items TO {reader} WITH GRANT OPTION", *passed_on)
    check_filled(place)


def test_a_reader_who_stays_is_not_waited_for(place: Place) -> None:
    """Who comes after him would have to wait as well. He is sent away in the end: who waits would swap."""
    place.execute(TABLE)
    with psycopg.connect(place.url) as forgotten:
        forgotten.execute("SET idle_in_transaction_session_timeout = '30s'")
        forgotten.execute("SELECT COUNT(*) FROM items")
        check_filled(place)


def test_who_may_not_make_tables_loads_chunk_by_chunk(postgres_url: str, tmp_path: Path, reader: str) -> None:
    admin = Place(tmp_path, postgres_url)
    database = postgres_url.rpartition("/")[2]
    rights = [f"GRANT SELECT, INSERT, UPDATE ON items TO {reader}", f"GRANT CREATE ON DATABASE {database} TO {reader}"]
    admin.execute(TABLE, "REVOKE CREATE ON SCHEMA public FROM PUBLIC", *rights)
    admin.write(ROWS)
    place = Place(tmp_path, f"{postgres_url}?options=-crole%3D{reader}", landing_rows_min=0)
    assert place.load(publish="auto").error is None
    second, third = ([(key, value + more) for key, value in ROWS] for more in (1, 2))
    place.write(second, "b.csv")
    report = place.load(publish="auto").report
    assert (report.counts.updated, report.ways["landing"]) == (len(ROWS), 0)
    admin.execute(f"GRANT CREATE ON SCHEMA public TO {reader}")
    place.write(third, "c.csv")
    assert place.load(publish="auto").report.ways["landing"] > 0
    assert admin.rows() == third


def check_filled(place: Place) -> None:
    before, oid = place.described(), place.oid()
    place.write([*ROWS, (1, 99)])
    result = place.load(publish="auto")
    assert result.error is None
    assert result.report.ways["landing"] == result.report.chunks_total
    assert place.oid() == oid
    assert place.described() == before
    assert place.rows() == [(1, 99), *ROWS[1:]]
    assert not place.landing_tables()


def test_a_table_changed_while_the_load_was_under_way_keeps_the_change(postgres_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", postgres_url, env=LANDS)
    project.write(HEADER + items(1, 30))
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.begun=kill")
    assert code == -signal.SIGKILL, err
    project.execute("ALTER TABLE items ADD COLUMN note text DEFAULT 'new'", "COMMENT ON COLUMN items.name IS 'late'")
    project.load()
    assert project.rows() == as_rows(items(1, 30))
    assert project.query("SELECT DISTINCT note, col_description('items'::regclass, 2) AS told FROM items") == [
        {"note": "new", "told": "late"}
    ]


def test_readers_of_a_replaced_table_see_the_old_rows_to_the_end(postgres_url: str, tmp_path: Path) -> None:
    """Even one who took a snapshot while the new rows landed, and opens the table only after the publish."""
    project = ItemsProject(tmp_path / "project", postgres_url, "replace")
    project.write(HEADER + items(1, 30))
    project.load()
    project.write(HEADER + items(20, 50, "changed"))
    with psycopg.connect(postgres_url) as reader, frozen(project, "load", "items", at="publish.begun") as publishing:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        (oid,) = reader.execute("SELECT oid FROM pg_class WHERE relname = 'items'").fetchone() or (None,)
        assert thaw(publishing) == 0, publishing.stderr
        assert reader.execute("SELECT MIN(id), MAX(id) FROM items").fetchall() == [(1, 30)]
    assert project.rows() == as_rows(items(20, 50, "changed"))
    assert project.query("SELECT oid FROM pg_class WHERE relname = 'items'") == [{"oid": oid}]
    project.check_balance()


def versions(place: Place) -> dict[int, tuple[Any, ...]]:
    """By key, which version of the row is there: it is another one as soon as anything of the row is written."""
    if place.url.startswith("postgres"):
        return {key: version for key, *version in place.query("SELECT key, xmin::text, ctid::text FROM items")}
    database = holdfast.connect(place.url)
    try:
        with database.reading() as tx:
            found = tx.query('SELECT "key", _origin, seen FROM items')
            return {row["key"]: (row["_origin"], row["seen"]) for row in found}
    finally:
        database.close()


def test_what_did_not_change_is_not_written(database_url: str, tmp_path: Path) -> None:
    """The same rows under another name and in another order: none; with one in twenty changed: those."""
    place = Place(tmp_path, database_url)
    place.write(ROWS)
    place.load(processed_at="seen")
    before = versions(place)
    place.write(ROWS[::-1], "b.csv")
    again = place.load(processed_at="seen").report
    assert (again.counts.unchanged, again.ways["landing"] > 0) == (len(ROWS), True)
    assert versions(place) == before
    changed = {key: value + (key % 20 == 0) for key, value in ROWS}
    place.write(list(changed.items()), "c.csv")
    assert place.load(processed_at="seen").report.counts.updated == 2
    after = versions(place)
    assert {key for key in after if after[key] != before[key]} == {20, 40}


def test_chunk_by_chunk_equal_rows_advance(database_url: str, tmp_path: Path) -> None:
    place = Place(tmp_path, database_url)
    place.write(ROWS)
    place.load(processed_at="seen", publish="chunk")
    before = versions(place)
    place.write(ROWS[::-1], "b.csv")
    assert place.load(processed_at="seen", publish="chunk").report.counts.unchanged == len(ROWS)
    after = versions(place)
    assert all(after[key] != before[key] for key in before)


@pytest.mark.parametrize("publish", ["chunk", "auto"])
def test_a_correction_does_not_win_over_what_stands_after_it_in_its_file(
    database_url: str, tmp_path: Path, publish: str
) -> None:
    """Key 1 stands twice in b.csv, at the end as a.csv had it. Where it stands first it is corrected; the end wins."""
    place = Place(tmp_path, database_url)
    place.write([(key, key * 10) for key in range(1, 10)])
    place.load(publish=publish)
    early = [(key, key * 10) for key in range(2, 10)]
    late = [(key, key * 10) for key in range(9, 0, -1)]
    place.write([*early, *late], "b.csv")
    assert place.load(publish=publish).report.chunks_total > 1
    place.write([(1, 99), *early[1:], *late], "b.csv")
    place.load(publish=publish)
    database = holdfast.connect(database_url)
    try:
        with database.reading() as tx:
            assert tx.query('SELECT value FROM items WHERE "key" = 1') == [{"value": 10}]
    finally:
        database.close()


@pytest.mark.parametrize(("publish", "fate", "value"), [("chunk", "superseded", 10), ("auto", "updated", 11)])
def test_a_mended_reject_and_an_equal_row_that_came_after_it(
    database_url: str, tmp_path: Path, publish: str, fate: str, value: int
) -> None:
    """Chunk by chunk the later row wins. A comparison left the earlier one as it was, so mending it is a correction."""
    place = Place(tmp_path, database_url)
    place.write([(1, 10), (2, 20)])
    place.load(publish=publish)
    (tmp_path / "b.csv").write_text("key,value\n1,bad\n2,20\n")
    place.load(publish=publish)
    place.write([(1, 10), (2, 20), (3, 30)], "c.csv")
    place.load(publish=publish)
    contract = contract_from(
        {
            "name": "items",
            "table": "items",
            "primary_key": "key",
            "columns": [{"name": "key", "type": "int"}, {"name": "value", "type": "int"}],
        }
    )
    database = holdfast.connect(database_url)
    try:
        (reject,) = open_rejects(database, "items")
        report = replay(database, contract, [Mended(reject["origin"], ["1", "11"])], "run")
        assert (report.replayed, getattr(report, fate)) == (1, 1)
        with database.reading() as tx:
            assert tx.query('SELECT value FROM items WHERE "key" = 1') == [{"value": value}]
    finally:
        database.close()


@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_landed_rows_of_a_file_that_was_changed_since_are_not_published(
    database_url: str, tmp_path: Path, disposition: str
) -> None:
    project = ItemsProject(tmp_path / "project", database_url, disposition, top='publish = "load"')
    project.write(HEADER + items(1, 30))
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.begun=kill")
    assert code == -signal.SIGKILL, err
    project.write(HEADER + items(101, 130))
    project.load()
    assert project.rows() == as_rows(items(101, 130))
    project.check_balance()


@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_rows_that_another_unique_index_refuses(place: Place, disposition: str) -> None:
    """The error names the table, not an index that was being built; without that index the same load goes on."""
    key = "key" if disposition == "merge" else "_origin"
    place.execute(
        f"CREATE TABLE items (key int, value int, _origin bigint NOT NULL DEFAULT -1, PRIMARY KEY ({key}))",
        "CREATE UNIQUE INDEX one_value ON items (value)",
    )
    place.write(ROWS)
    more = {"write_disposition": disposition, "publish": "load", "primary_key": "key" if key == "key" else []}
    error = place.load(**more).error
    assert isinstance(error, UniqueViolation)
    assert "a unique index of items, other than its key" in error.message
    assert place.rows() == []
    place.execute("DROP INDEX one_value")
    assert place.load(**more).error is None
    assert place.rows() == ROWS


@pytest.mark.parametrize("kind", ["table", "view"])
def test_what_comes_to_hang_on_the_table_while_its_keys_are_built(
    postgres_url: str, tmp_path: Path, reader: str, kind: str
) -> None:
    """A right takes no lock, and a view one that readers take: neither waits for the publish."""
    project = ItemsProject(tmp_path / "project", postgres_url, env=LANDS)
    project.write(HEADER + items(1, 30))
    name = "items" if kind == "table" else "seen"
    with frozen(project, "load", "items", at="publish.keyed") as publishing:
        if kind == "view":
            project.execute("CREATE VIEW seen AS SELECT * FROM items")
        project.execute(f"GRANT SELECT ON {name} TO {reader}")
        assert thaw(publishing) == 0, publishing.stderr
    assert project.query(f"SELECT has_table_privilege('{reader}', '{name}', 'SELECT') AS may") == [{"may": True}]
    assert len(project.query(f"SELECT id FROM {name}")) == 30
    project.check_balance()


@pytest.mark.parametrize("publish", ["chunk", "auto"])
def test_rows_without_an_origin_stay(database_url: str, tmp_path: Path, publish: str) -> None:
    """A person's table may have the column without NOT NULL: nothing says that such a row is older."""
    place = Place(tmp_path, database_url)
    with closing(holdfast.connect(database_url)) as database, database.transaction() as tx:
        tx.execute('CREATE TABLE items ("key" int PRIMARY KEY, value int, _origin bigint)')
        tx.execute("INSERT INTO items VALUES (1, 10, NULL), (2, 20, NULL)")
    place.write([(1, 10), (2, 21), (2, 22)])
    result = place.load(publish=publish)
    assert result.error is None
    assert (result.report.counts.read, result.report.counts.superseded) == (3, 3)
