"""What a load leaves behind of what it changed: touches by partition, and the values it replaced, on every engine."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import RejectBudgetExceeded
from holdfast.ports.database import Database, Row
from holdfast.quality.explain_history import history_of_row
from holdfast.wiring import Settings, open_project

HEADER = "day,id,amount,at\n"
BEFORE = "2024-05-31,1,1.50,2024-05-31 23:30\n2024-06-01,2,2.00,2024-06-01 00:10\n2024-06-02,3,,2024-06-02 12:00\n"
AFTER = "2024-05-31,1,1.50,2024-05-31 23:30\n2024-06-01,2,2.10,2024-07-01 00:10\n2024-06-02,4,4.00,2024-06-02 12:00\n"


def contract(**more: Any) -> Contract:
    columns = [
        {"name": "day", "type": "date"},
        {"name": "id", "type": "bigint"},
        {"name": "amount", "type": "decimal(10,2)", "nullable": True},
        {"name": "at", "type": "timestamp(%Y-%m-%d %H:%M, Europe/Berlin)"},
    ]
    given = {"name": "sales", "table": "bronze.sales", "columns": columns, "primary_key": ["id"], "partition": "day"}
    return contract_from({**given, **more})


class Sales:
    """A project of one dataset, each delivery a file of its own."""

    def __init__(self, url: str, directory: Path) -> None:
        self.settings = Settings(url=url, project_dir=str(directory))
        self.directory = directory

    def load(self, of: Contract, name: str, rows: str) -> list[tuple[str, int, int, int]]:
        """Load a file; what that touched: partition, rows inserted, updated, removed."""
        (self.directory / name).write_text(HEADER + rows)
        with open_project(self.settings) as project:
            result = project.load(of, [name])
            assert result.error is None
            mine = [row for row in ledger(project.database, "touch", "bronze.sales") if row["run_id"] == result.run_id]
        found: Counter[tuple[str, str]] = Counter()
        for row in mine:
            assert row["dataset"] == "sales"
            for what in ("rows_inserted", "rows_updated", "rows_removed"):
                found[row["partition_key"], what] += row[what]
        keys = sorted({key for key, _ in found})
        return [(k, found[k, "rows_inserted"], found[k, "rows_updated"], found[k, "rows_removed"]) for k in keys]

    def changes(self) -> list[tuple[str, str | None, str | None, str, str]]:
        with open_project(self.settings) as project:
            rows = ledger(project.database, "change", None)
        return sorted(
            (r["column_name"], r["old_value"], r["new_value"], r["old_partition"], r["partition_key"]) for r in rows
        )


def ledger(database: Database, table: str, relation: str | None) -> list[Row]:
    ops = "ops." if "ops.touch" in database.statement("touches_forget") else "ops_"
    with database.reading() as tx:
        rows = tx.query(f"SELECT * FROM {ops}{table}")
    assert not any("#" in row.get("relation", "") for row in rows), "touches of what landed wait for nothing"
    return [row for row in rows if relation is None or row["relation"] == relation]


@pytest.fixture
def sales(database_url: str, tmp_path: Path) -> Sales:
    return Sales(database_url, tmp_path)


@pytest.mark.parametrize("publish", ["chunk", "load"])
def test_only_what_differs_is_told(sales: Sales, publish: str) -> None:
    of = contract(publish=publish)
    first = sales.load(of, "a.csv", BEFORE)
    assert first == [("2024-05-31", 1, 0, 0), ("2024-06-01", 1, 0, 0), ("2024-06-02", 1, 0, 0)]
    assert sales.load(of, "b.csv", AFTER) == [("2024-06-01", 0, 1, 0), ("2024-06-02", 1, 0, 0)]
    at, amount = sales.changes()[::-1][:1][0], sales.changes()[0]
    assert amount == ("amount", "2.00", "2.10", "2024-06-01", "2024-06-01") or amount[1:3] == ("2", "2.1")
    assert at[0] == "at"
    assert sales.load(of, "c.csv", AFTER + "\n") == []
    assert len(sales.changes()) == 2


@pytest.mark.parametrize("publish", ["chunk", "load"])
def test_a_row_that_moves_touches_both_partitions(sales: Sales, publish: str) -> None:
    """By the month, in UTC: half past midnight in Berlin is the evening of the month before."""
    of = contract(publish=publish, partition={"column": "at", "grain": "month"}, history=False)
    assert sales.load(of, "a.csv", BEFORE) == [("2024-05", 2, 0, 0), ("2024-06", 1, 0, 0)]
    moved = "2024-06-01,2,2.00,2024-08-01 12:00\n"
    assert sales.load(of, "b.csv", moved) == [("2024-05", 0, 0, 1), ("2024-08", 1, 0, 0)]
    assert sales.changes() == []


def test_rows_that_go_out_are_told(sales: Sales) -> None:
    append = contract(primary_key=[], write_disposition="append")
    assert len(sales.load(append, "a.csv", BEFORE)) == 3
    changed = BEFORE.replace("2024-05-31,1", "2024-04-30,1")
    found = sales.load(append, "a.csv", changed)
    assert ("2024-05-31", 0, 0, 1) in found
    assert ("2024-04-30", 1, 0, 0) in found


def test_what_landed_and_was_let_go_is_not_told(sales: Sales) -> None:
    """The first half of a file landed, then the file is another: only what is published was ever in the table."""
    of = contract(
        primary_key=[], write_disposition="append", publish="load", format={"chunk_bytes": 1024}, max_rejects=0
    )
    rows = [f"2024-06-{1 + i % 3:02},{i},1.00,2024-06-01 12:00" for i in range(60)]
    (sales.directory / "a.csv").write_text(HEADER + "\n".join([*rows, "2024-06-01,x,1.00,2024-06-01 12:00\n"]))
    with open_project(sales.settings) as project:
        assert isinstance(project.load(of, ["a.csv"]).error, RejectBudgetExceeded)
        landed = project.database.statement("touches_forget").split()[2]
        with project.database.reading() as tx:
            assert tx.query(f"SELECT 1 FROM {landed}"), "a chunk landed"
    sales.load(of, "a.csv", "\n".join(["2024-07-01,99,1.00,2024-07-01 12:00", *rows[1:]]) + "\n")
    with open_project(sales.settings) as project:
        touches = ledger(project.database, "touch", "bronze.sales")
    found = Counter({row["partition_key"]: 0 for row in touches})
    for row in touches:
        found[row["partition_key"]] += row["rows_inserted"] - row["rows_removed"]
    assert found == {"2024-06-01": 19, "2024-06-02": 20, "2024-06-03": 20, "2024-07-01": 1}


def test_a_replaced_table_is_told_whole(sales: Sales) -> None:
    of = contract(write_disposition="replace")
    sales.load(of, "a.csv", BEFORE)
    found = sales.load(of, "a.csv", "2024-06-02,3,,2024-06-02 12:00\n")
    assert found == [("2024-05-31", 0, 0, 1), ("2024-06-01", 0, 0, 1), ("2024-06-02", 1, 0, 1)]


def test_without_a_partition_the_table_is_one(sales: Sales) -> None:
    of = contract(partition=None)
    assert sales.load(of, "a.csv", BEFORE) == [("", 3, 0, 0)]
    assert sales.load(of, "b.csv", AFTER) == [("", 1, 1, 0)]


def test_texts_do_not_depend_on_settings(postgres_url: str, tmp_path: Path) -> None:
    """Days and moments in the history are the same text whatever zone and style the database is set to."""
    sales, of = Sales(postgres_url, tmp_path), contract(primary_key=["day", "at"])
    for name, amount in (("a.csv", "1.00"), ("b.csv", "2.00")):
        sales.load(of, name, f"2024-06-03,1,{amount},2024-06-01 00:10\n")
        with open_project(sales.settings) as project, project.database.transaction() as tx:
            quoted = tx.query("SELECT quote_ident(current_database()) AS name")[0]["name"]
            tx.execute(f"ALTER DATABASE {quoted} SET TimeZone = 'Asia/Jerusalem'")
            tx.execute(f"ALTER DATABASE {quoted} SET DateStyle = 'German'")
    with open_project(sales.settings) as project:
        (found,) = ledger(project.database, "change", None)
        assert json.loads(found["row_key"]) == {"day": "2024-06-03", "at": "2024-05-31 22:10:00+00"}
        assert history_of_row(
            project.database, project.source, of, {"day": "2024-06-03", "at": "2024-05-31 22:10+00"}
        ).total
