"""Loads that land and are refused, stopped or tampered with, and the odd names and keys that rows may have."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

import pytest

import holdfast
from tests.acceptance.items_project import COLUMNS, HEADER, ItemsProject, as_rows, items
from tests.acceptance.landing_place import Place
from tests.support.catalogues import tables_like

LANDS = {"HOLDFAST_LOAD__LANDING_ROWS_MIN": "0"}
UNSORTED = HEADER + items(31, 60) + items(1, 30)
pytestmark = pytest.mark.also_on("mysql")
PERSONS_TABLE = """
CREATE TABLE items (
    id bigint PRIMARY KEY,
    name varchar(40) NOT NULL{},
    amount numeric(12, 2) NOT NULL,
    _origin bigint NOT NULL DEFAULT -1
)
"""
RULES = {
    "foreign key": (
        ["CREATE TABLE names (name varchar(40) PRIMARY KEY)", PERSONS_TABLE.format(" REFERENCES names")],
        [f"INSERT INTO names VALUES ('item {number:04}')" for number in range(1, 41)],
        "INSERT INTO names VALUES ('item 0007 of 2')",
        "item 0007 of 2",
    ),
    "unique index": (
        [PERSONS_TABLE.format(""), "CREATE UNIQUE INDEX one_name ON items (name)"],
        [],
        "DROP INDEX one_name",
        "item 0040",
    ),
}


@pytest.mark.parametrize(("tables", "rows", "mend", "name"), RULES.values(), ids=RULES)
def test_a_row_the_table_refuses_fails_its_chunk_alone(
    database_url: str, tmp_path: Path, tables: list[str], rows: list[str], mend: str, name: str
) -> None:
    """Compared as a whole the load is refused; it goes on chunk by chunk, and with the rule mended to its end."""
    project = ItemsProject(tmp_path / "project", database_url)
    project.execute(*tables, *rows)
    project.write(HEADER + items(1, 40))
    project.load()
    changed = items(1, 40).replace(".25", ".50").replace("7,item 0007", f"7,{name}")
    project.write(HEADER + changed, "b.csv")
    code, out, err = project.run("load", "items")
    assert code == 1, f"exit {code}\n{out}\n{err}"
    assert "goes on chunk by chunk" in err
    assert "1 chunk(s) failed, others are committed" in err
    states = [state for _, state in project.chunks()]
    assert states.count("failed") == 1
    assert set(states) == {"done", "failed"}
    refused = [row[0] for row in project.rows() if row[2].endswith(".25")]
    assert 7 in refused
    assert len(refused) < 20, "the rows of one chunk"
    is_mysql = project.url.startswith("mysql")
    project.execute(f"{mend} ON items" if is_mysql and mend.startswith("DROP INDEX") else mend)
    told = project.load()
    assert told["ways"] == {"direct": 0, "merge": 1, "landing": 0}
    assert project.rows() == as_rows(changed)
    project.check_balance()


@pytest.mark.parametrize("added", [{}, {"remark": "string(9); nullable = true"}], ids=["widened", "column added"])
def test_a_contract_mended_while_its_load_is_stopped(database_url: str, tmp_path: Path, added: dict[str, str]) -> None:
    """What landed was cut to the old columns: it lands again."""
    narrow = {**COLUMNS, "name": "string(9)"}
    project = ItemsProject(tmp_path / "project", database_url, top='publish = "load"\nmax_rejects = 0', columns=narrow)
    good, long = items(1, 40), "41,a name too long for it,41.00\n"
    project.write(HEADER + good + long)
    assert project.run("load", "items")[0] == 3
    project.columns = {**COLUMNS, **added}
    project.write_contract()
    if not database_url.startswith("postgres"):
        project.execute("DROP TABLE items")
    else:
        more = [f"ADD {name} varchar(9)" for name in added]
        project.execute("ALTER TABLE items " + ", ".join(["ALTER name TYPE varchar(40)", *more]))
    project.load()
    assert project.rows() == as_rows(good + long)
    project.check_balance()


@pytest.mark.parametrize("publish", ["auto", "load"])
def test_a_landing_table_that_somebody_dropped(database_url: str, tmp_path: Path, publish: str) -> None:
    project = ItemsProject(tmp_path / "project", database_url, top=f'publish = "{publish}"', env=LANDS)
    project.write(UNSORTED)
    code, _, err = project.run("load", "items", HOLDFAST_FAULT="publish.begun=kill")
    assert code == -signal.SIGKILL, err
    (table,) = project.query(tables_like(database_url, "holdfast_landing%"))
    project.execute(f"DROP TABLE {table['name']}")
    told = project.load()
    assert told["ways"]["landing"] == told["chunks"]["total"]
    assert project.rows() == as_rows(items(1, 60))
    project.check_balance()


def test_a_key_of_more_digits_than_sqlite_holds(sqlite_url: str, tmp_path: Path) -> None:
    """It is a reject when it comes first, and when keys are looked up to choose a way."""
    columns = {"id": "decimal(20,2)", "value": "int"}
    project = ItemsProject(tmp_path / "project", sqlite_url, columns=columns)
    project.write("id,value\n1.00,1\n2.00,1\n12345678901234567.25,1\n")
    assert project.load()["rejected"] == 1
    project.write("id,value\n12345678901234567.25,2\n3.00,2\n", "b.csv")
    told = project.load()
    assert (told["inserted"], told["rejected"]) == (1, 1)


def test_columns_called_like_holdfasts_own(database_url: str, tmp_path: Path) -> None:
    columns = {"id": "bigint", "_fate": "string(9)", "row": "int"}
    project = ItemsProject(tmp_path / "project", database_url, columns=columns)
    project.write("id,_fate,row\n1,a,1\n2,b,2\nbad,b,2\n")
    project.load()
    project.write("id,_fate,row\n1,a,1\n2,c,3\n", "b.csv")
    told = project.load()
    assert (told["unchanged"], told["updated"], told["ways"]["landing"]) == (1, 1, 1)
    assert project.query("SELECT _fate, row FROM items ORDER BY id") == [
        {"_fate": "a", "row": 1},
        {"_fate": "c", "row": 3},
    ]


def test_a_key_that_the_table_compares_without_case(sqlite_url: str, tmp_path: Path) -> None:
    """In the order of the landing table, which is by bytes, the row that wins comes first."""
    place = Place(tmp_path, sqlite_url)
    columns = [{"name": "key", "type": "string(9)"}, {"name": "value", "type": "int"}]
    table = "CREATE TABLE items (key varchar(9) COLLATE NOCASE PRIMARY KEY, value int, _origin bigint NOT NULL)"
    with closing(holdfast.connect(sqlite_url)) as database:
        with database.transaction() as tx:
            tx.execute(table)
        (tmp_path / "a.csv").write_text("key,value\na,1\nB,1\nA,2\nb,2\n")
        report = place.load(publish="load", columns=columns).report
        assert (report.counts.inserted, report.counts.superseded) == (2, 2)
        with database.reading() as tx:
            assert tx.query("SELECT key, value FROM items ORDER BY key") == [
                {"key": "A", "value": 2},
                {"key": "b", "value": 2},
            ]
