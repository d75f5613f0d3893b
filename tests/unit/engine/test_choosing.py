"""Whether a load lands: asked of the table and of what is new, for keys of every type."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.adapters.databases.duckdb import DuckdbEngine
from holdfast.adapters.databases.postgres import PostgresEngine
from holdfast.adapters.databases.sqlite import SqliteEngine
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import TargetMismatch
from holdfast.engine.forms.text import SAMPLE_BYTES_MAX
from holdfast.engine.planner import Plan

ROWS_MIN = 50


@pytest.fixture(autouse=True)
def large_is_fifty_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in (PostgresEngine, SqliteEngine, DuckdbEngine):
        monkeypatch.setattr(engine, "traits", replace(engine.traits, landing_rows_min=ROWS_MIN))


def contract(key: str = "int", **more: Any) -> Contract:
    columns = [{"name": "key", "type": key}, {"name": "value", "type": "string", "nullable": True}]
    top = {"name": "t", "table": "t", "source": "*.csv", "primary_key": "key", "columns": columns}
    return contract_from({**top, "format": {"chunk_bytes": 256}, **more})


class Files:
    """A directory of files, planned and loaded into one database."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.settings = holdfast.Settings(url=url, project_dir=str(directory))

    def write(self, name: str, keys: list[Any], value: str = "v") -> None:
        text = "".join(f"{key},{value}\n" for key in keys)
        (self.directory / name).write_text("key,value\n" + text, encoding="utf-8")

    def plan(self, of: Contract) -> Plan:
        with holdfast.open_project(self.settings) as project:
            return project.plan(of, [])

    def load(self, of: Contract) -> None:
        with holdfast.open_project(self.settings) as project:
            assert project.load(of, []).error is None

    def execute(self, statement: str) -> None:
        with holdfast.open_project(self.settings) as project, project.database.transaction() as tx:
            tx.execute(statement)


@pytest.fixture
def files(database_url: str, tmp_path: Path) -> Files:
    return Files(tmp_path, database_url)


@pytest.fixture
def loaded(files: Files) -> Files:
    """Its table has the keys from 0 to 39."""
    files.write("a.csv", list(range(40)))
    files.load(contract())
    return files


SHUFFLED = [n * 7 % 101 for n in range(101)]


def test_a_large_load_into_an_empty_table_lands(files: Files) -> None:
    files.write("a.csv", SHUFFLED[:ROWS_MIN])
    assert files.plan(contract()).lands
    files.execute('CREATE TABLE t (key INT PRIMARY KEY, value TEXT, "_origin" BIGINT NOT NULL)')
    assert files.plan(contract()).lands


def test_a_small_load_into_an_empty_table_does_not(files: Files) -> None:
    files.write("a.csv", SHUFFLED[: ROWS_MIN - 10])
    assert not files.plan(contract()).lands


def test_a_sorted_load_lands_where_the_engine_gains_by_it(files: Files) -> None:
    files.write("a.csv", list(range(200)))
    with holdfast.open_project(files.settings) as project:
        assert files.plan(contract()).lands == project.database.traits.lands_in_key_order


@pytest.mark.parametrize(
    "more", [{"publish": "chunk"}, {"write_disposition": "append", "primary_key": []}, {"write_disposition": "replace"}]
)
def test_only_a_merge_that_leaves_it_open_is_chosen_for(files: Files, more: dict[str, Any]) -> None:
    files.write("a.csv", SHUFFLED)
    plan = files.plan(contract(**more))
    assert not plan.lands
    assert plan.kind.lands == (more.get("write_disposition") == "replace")


@pytest.mark.parametrize(
    ("keys", "lands"),
    [
        (range(10), True),
        (range(39, -1, -1), True),
        ([key for n in range(20) for key in (n, 20 + n, 100 + n)], True),
        ([key for n in range(20) for key in (n, 100 + n)], False),
        ([key for n in range(20) for key in (n, 100 + n, 200 + n)], False),
        (range(100, 300), False),
        ([], False),
    ],
    ids=["a few known", "all known", "most known", "half known", "few known", "unknown", "header only"],
)
def test_a_load_of_keys_the_table_has_lands_whatever_its_size(loaded: Files, keys: list[int], lands: bool) -> None:
    loaded.write("b.csv", list(keys), "another")
    assert loaded.plan(contract()).lands == lands


def test_bytes_that_are_known_need_no_choice(loaded: Files) -> None:
    loaded.write("b.csv", list(range(40)))
    plan = loaded.plan(contract())
    assert (plan.lands, plan.to_register) == (False, [])


def test_nothing_is_chosen_while_a_load_is_unfinished(loaded: Files) -> None:
    """Its chunks write into the table, and the comparison would be overtaken."""
    loaded.write("b.csv", list(range(40)), "another")
    assert loaded.plan(contract()).lands
    loaded.execute(f"UPDATE {ops(loaded)}load SET status = 'open'")
    assert not loaded.plan(contract()).lands


def ops(files: Files) -> str:
    return "ops." if files.settings.url.startswith(("postgres", "duckdb")) else "ops_"


def test_very_long_records_are_not_looked_at(loaded: Files) -> None:
    of = contract(format={"chunk_bytes": 4 * SAMPLE_BYTES_MAX})
    loaded.write("b.csv", list(range(3)), "x" * (SAMPLE_BYTES_MAX + 1))
    assert not loaded.plan(of).lands


def test_a_table_that_does_not_fit_is_told_by_the_load(files: Files) -> None:
    """Its keys cannot be compared with those of the file; the plan must not stumble over that."""
    files.execute('CREATE TABLE t (id INT PRIMARY KEY, value TEXT, "_origin" BIGINT NOT NULL)')
    files.execute("INSERT INTO t VALUES (1, 'v', -1)")
    files.write("a.csv", SHUFFLED)
    assert not files.plan(contract()).lands
    with pytest.raises(TargetMismatch, match="column 'key'"):
        files.load(contract())


KEYS = {
    "int": lambda n: n - 8,
    "bigint": lambda n: n + 2**40,
    "date": lambda n: f"2024-01-{n + 1:02}",
    "date(%d/%m/%Y)": lambda n: f"{n + 1:02}/01/2024",
    "timestamp": lambda n: f"2024-01-01 00:00:{n:02}",
    "timestamp(%Y-%m-%d %H:%M:%S.%f)": lambda n: f"2024-01-01 00:00:{n:02}.5",
    "timestamp(%Y-%m-%d %H:%M:%S, Asia/Jerusalem)": lambda n: f"2024-01-01 00:00:{n:02}",
    "timestamp(%Y-%m-%d %H:%M:%S%z)": lambda n: f"2024-01-01 00:00:{n:02}+02:00",
    "uuid": lambda n: f"00000000-0000-0000-0000-{n:012}",
    "decimal(12,3)": lambda n: f"{n}.250",
    "decimal(15,0)": lambda n: f"{n}",
    "string": lambda n: f'"O\'Re ""{n}"": %s, :x ünï"',
    "bool": lambda n: "true" if n % 2 else "false",
}


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_every_type_are_found_again(files: Files, key: str) -> None:
    """As the table has them: the second delivery lands, and finds every row. A key of other values does not."""
    of = contract(key)
    files.write("a.csv", [KEYS[key](n) for n in range(16)])
    assert not files.plan(of).lands
    files.load(of)
    files.write("b.csv", [KEYS[key](n) for n in range(16)], "another")
    assert files.plan(of).lands
    files.load(of)
    with holdfast.open_project(files.settings) as project, project.database.reading() as tx:
        assert tx.query("SELECT DISTINCT value FROM t") == [{"value": "another"}]
    if key != "bool":
        files.write("c.csv", [KEYS[key](n) for n in range(16, 31)])
        assert not files.plan(of).lands
