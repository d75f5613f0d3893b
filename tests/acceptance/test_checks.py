"""`holdfast check` and a load that checks: what they say, how they end, and what stays."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, items

CHECKS = """
[[checks]]
kind = "range"
column = "amount"
min = 0
max = 30

[[checks]]
kind = "not_null"
column = "name"
severity = "warn"
"""


@pytest.fixture
def project(sqlite_url: str, tmp_path: Path) -> ItemsProject:
    return checked_project(sqlite_url, tmp_path)


def checked_project(url: str, tmp_path: Path) -> ItemsProject:
    project = ItemsProject(tmp_path / "project", url)
    project.write(HEADER + items(1, 20))
    declare(project, CHECKS)
    return project


def declare(project: ItemsProject, checks: str, top: str = "") -> None:
    project.top = top
    project.write_contract()
    path = project.directory / "contracts" / "items.toml"
    path.write_text(path.read_text() + checks)


def test_a_load_ends_with_its_checks(shared_url: str, tmp_path: Path) -> None:
    """What is wrong is told with a row's key and exit 3, and the rows stay; the next load tells it again."""
    project = checked_project(shared_url, tmp_path)
    assert [check["status"] for check in project.told("load", "items")["checks"]] == ["passed"] * 5
    project.write(HEADER + items(21, 40), "b.csv")
    code, out, err = project.run("load", "items")
    assert (code, "1 of 5 checks failed (items: range(amount))" in err) == (3, True)
    assert "20 inserted" in out
    assert (
        "FAILED   range(amount)  amount: expected between 0 and 30, found 11 rows outside (min 30.25, max 40.25)" in out
    )
    assert "id=30" in out
    assert len(project.rows()) == 40, "what was loaded stays"
    again = json.loads(project.run("load", "items", "--json")[1])
    assert (again["status"], again["exit_code"], again["error"]["code"]) == ("failed", 3, "ChecksFailed")
    declare(project, CHECKS, "check_after_load = false")
    assert "checks" not in project.told("load", "items")


def test_check_by_hand_and_its_history(project: ItemsProject) -> None:
    declare(project, CHECKS.replace('"range"', '"range"\nseverity = "warn"'), "check_after_load = false")
    assert {check["status"] for check in project.told("check")["checks"]} == {"skipped"}, "there is no table yet"
    project.write(HEADER + items(1, 40))
    project.load()
    told = project.told("check", "items")["checks"]
    assert [(c["check"], c["status"], c["failing"]) for c in told[3:]] == [
        ("range(amount)", "warned", 11),
        ("not_null(name)", "passed", 0),
    ]
    assert told[3]["sample"][0].keys() == {"id"}
    project.execute(
        "DELETE FROM items WHERE id = 7", f"UPDATE {project.ops('chunk')} SET span_end = span_end - 1 WHERE ordinal = 0"
    )
    code, out, _ = project.run("check", "items")
    assert code == 3
    assert "FAILED   table_count" in out
    assert "39 rows, 1 fewer than the ledger's 40" in out
    assert "a.csv: 1 place where chunks leave a gap or overlap" in out
    history = project.told("check", "items", "--history", "--most", "15")["results"]
    statuses = [row["status"] for row in history if row["check_name"] == "table_count"]
    assert statuses == ["failed", "passed", "skipped"]
    shown = project.run("check", "items", "--show-sql")[1]
    assert 'WHERE (t."amount" < 0 OR t."amount" > 30);\n' in shown
    project.execute("DROP TABLE items")
    code, out, _ = project.run("check", "items")
    assert (code, "found there is no table items, and the ledger says 40 rows were inserted" in out) == (3, True)


def test_a_load_whose_checks_break_off_tells_its_rows(project: ItemsProject) -> None:
    project.load()
    project.execute(f"DROP TABLE {project.ops('check_result')}")
    project.write(HEADER + items(21, 25), "b.csv")
    code, out, _ = project.run("load", "items", "--json")
    told = json.loads(out)
    assert (code, told["exit_code"], told["datasets"][0]["inserted"]) == (1, 1, 5)
    assert "check_result" in told["error"]["message"]


def test_a_check_that_cannot_be_asked_ends_with_1(project: ItemsProject) -> None:
    declare(
        project,
        '[[checks]]\nkind = "sql"\nname = "odd"\nsql = "SELECT nothing FROM items"\n'
        '[[checks]]\nkind = "sql"\nname = "bound"\nsql = "SELECT id FROM items WHERE id = :id"\n',
        "check_after_load = false",
    )
    project.load()
    code, out, err = project.run("check", "items")
    assert (code, "could not be asked (items: odd, items: bound)" in err) == (1, True)
    assert "sql has a placeholder, :id, that nothing is given for" in out
    assert "ok       table_count" in out


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            'kind = "freshness"\nmax_age = 3',
            "'max_age' is no parameter of freshness: freshness takes max_age_hours",
        ),
        (
            'kind = "range"\ncolumn = "amuont"\nmin = 0',
            "'amuont', which is no column; there are id, name, amount",
        ),
        ('kind = "range"\ncolumn = "name"\nmin = 0', "column 'name' is string(40), expected bigint or date or decimal"),
        ('kind = "range"\ncolumn = "amount"\nmin = 5\nmax = 4', "min 5 is greater than max 4"),
        ('kind = "range"\ncolumn = "amount"\nmin = "few"', "'few' is no value of 'amount', which is decimal(12,2)"),
        ('kind = "row_count"\nrows_min = 2\nrows_max = 1', "rows_min 2 is greater than rows_max 1"),
        ('kind = "pattern"\ncolumn = "name"', "pattern needs pattern: pattern takes column, pattern"),
        ('kind = "freshness"\nmax_age_hours = 99999999999', "max_age_hours: Input should be less than or equal to"),
        (
            'kind = "not_null"\ncolumn = "id"\nname = "table_count"',
            "'table_count' has the name of one that every table has",
        ),
        ('kind = "unique"\ncolumns = ["id", "id"]', "columns names a column twice"),
        ('kind = "volume"', "it goes by days: name a day_column, or declare the table's partition"),
        ('kind = "sql"\nname = "x"\nsql = "SELECT 1"\nseverity = "bad"', "severity: Input should be 'warn' or 'error'"),
    ],
    ids=["unit", "column", "type", "order", "value", "rows", "missing", "hours", "name", "twice", "days", "severity"],
)
def test_declarations_that_do_not_fit_are_told(sqlite_url: str, tmp_path: Path, declared: str, said: str) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url)
    declare(project, f"[[checks]]\n{declared}\n")
    code, _, err = project.run("contract", "check", "items")
    assert code == 2
    assert said in err


def test_a_model_older_than_its_inputs_is_told(project: ItemsProject) -> None:
    """A model has checks of its own, and the one every model has: what is built is as its inputs are."""
    models = project.directory / "models" / "gold"
    models.mkdir(parents=True)
    head = 'key = ["name"]\n[columns]\nname = "string(40)"\ntotal = "decimal(14,2)"\n[[checks]]\nkind = "range"\n'
    head += 'column = "total"\nmax = 25\nseverity = "warn"\n'
    sql = "SELECT name, SUM(amount) AS total FROM items GROUP BY name"
    (models / "totals.sql").write_text(f"/*---\n{head}---*/\n{sql}\n")
    project.load()
    project.told("build")
    assert [c["status"] for c in project.told("check", "totals")["checks"]] == ["passed", "passed"]
    project.write(HEADER + items(21, 26), "b.csv")
    project.load()
    code, out, _ = project.run("check", "totals")
    assert code == 3
    assert "found 1 partition to build: whole table (changed: items); run: holdfast build gold.totals" in out
    assert project.told("check", "totals", "--history")["results"], "also without its schema"
    assert project.run("check", "nothing", "--history")[0] == 2
    project.told("build")
    told = project.told("check")["checks"]
    assert [(c["check"], c["status"], c["failing"]) for c in told if c["dataset"] == "gold.totals"] == [
        ("partitions_current", "passed", 0),
        ("range(total)", "warned", 2),
    ]


@pytest.mark.parametrize("form", ["csv.gz", "parquet", "append", "replace", "landing", "empty"])
def test_what_every_dataset_keeps_holds_for_every_way_in(sqlite_url: str, tmp_path: Path, form: str) -> None:
    """Files of every form, changed and replaced ones, and rejects that were mended: nothing is told that is not so."""
    disposition = form if form in ("append", "replace") else "merge"
    project = ItemsProject(tmp_path / "project", sqlite_url, disposition=disposition)
    first, more = HEADER + items(1, 60) + "61,bad,x\n", HEADER + items(2, 40, "other") + "\n\n" + items(70, 99)
    suffix = form if "." in form or form == "parquet" else "csv"
    project.top = "publish = 'load'" if form == "landing" else ""
    path = project.directory / "contracts" / "items.toml"
    project.write_contract()
    path.write_text(path.read_text().replace("*.csv", f"*.{suffix}"))
    for text in [HEADER] if form == "empty" else [first, more, more + items(100, 110)]:
        project.write(in_form(text, suffix), f"a.{suffix}")
        project.load()
        statuses = {c["check"]: (c["status"], c["found"]) for c in project.told("check", "items")["checks"]}
        assert {status for status, _ in statuses.values()} == {"passed"}, statuses


def in_form(text: str, suffix: str) -> bytes:
    rows = [line.split(",") for line in text.splitlines()[1:] if line and "bad" not in line]
    if suffix == "parquet":
        out = BytesIO()
        columns = {"id": [int(r[0]) for r in rows], "name": [r[1] for r in rows]}
        pq.write_table(pa.table({**columns, "amount": [Decimal(r[2]) for r in rows]}), out, row_group_size=9)
        return out.getvalue()
    return gzip.compress(text.encode()) if suffix == "csv.gz" else text.encode()
