"""One SELECT, written once, gives the same rows on every engine; what an engine cannot be told is refused there."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from holdfast.domain.errors import ModelError
from tests.support.models_project import ModelsProject

SELECTED = {
    "month": ("string(7)", "TO_CHAR(day, 'YYYY-MM')", "2024-06"),
    "start": ("date", "DATE_TRUNC('month', day)::date", "2024-06-01"),
    "in_year": ("int", "EXTRACT(YEAR FROM day)::int", "2024"),
    "credit": ("int", "CASE WHEN code LIKE 'C%' THEN 1 ELSE 0 END", "1"),
    "small": ("int", "CASE WHEN code NOT LIKE 'c%' THEN 1 ELSE 0 END", "1"),
    "any_c": ("int", "CASE WHEN code ILIKE 'c1_' THEN 1 ELSE 0 END", "1"),
    "joined": ("string(40)", "code || '/' || LEFT(code, 2) || 'a:b %x \\y'", "C12/C1a:b %x \\y"),
    "half": ("decimal(12,2)", "CAST(amount AS DECIMAL(12,4)) / 2", "0.13"),
    "third": ("decimal(12,4)", "CAST(amount AS DECIMAL(20,10)) / 3", "0.0833"),
    "tie": ("decimal(12,2)", "CAST(1005 AS DECIMAL(12,2)) / 1000", "1.01"),
    "rounded": ("decimal(12,3)", "ROUND(CAST(-1005 AS DECIMAL(12,2)) / 1000, 2)", "-1.010"),
    "mean": ("decimal(12,2)", "AVG(amount + 0.005) OVER ()", "0.26"),
    "whole": ("decimal(12,2)", "CAST(5 AS DECIMAL(12,2)) / 2", "2.50"),
    "nothing": ("string(3)", "NULLIF(code, 'C12')", "None"),
    "first": ("int", "ROW_NUMBER() OVER (PARTITION BY day ORDER BY code)", "1"),
    "Mixed": ("int", '1 AS "Mixed"', "1"),
    "key": ("int", "COUNT(*) OVER ()", "1"),
}


def model(selected: dict[str, tuple[str, str, str]], table: str = "bronze.sales") -> str:
    columns = "".join(f'{name} = "{kind}"\n' for name, (kind, _, _) in selected.items())
    selects = ", ".join(sql if " AS " in sql[-12:] else f"{sql} AS {name}" for name, (_, sql, _) in selected.items())
    return f'/*---\nkey = "{next(iter(selected))}"\n[columns]\n{columns}---*/\nSELECT {selects} FROM {table}\n'


def project_of(url: str, directory: Path, selected: dict[str, tuple[str, str, str]]) -> ModelsProject:
    columns = [
        {"name": "day", "type": "date"},
        {"name": "code", "type": "string(9)"},
        {"name": "amount", "type": "decimal(9,2)"},
    ]
    project = ModelsProject(url, directory, {"said": model(selected)}, columns=columns, primary_key=["day"])
    project.load_text("a.csv", "day,code,amount\n2024-06-24,C12,0.25\n")
    return project


def test_one_select_gives_the_same_rows_everywhere(database_url: str, tmp_path: Path) -> None:
    project = project_of(database_url, tmp_path, SELECTED)
    project.built()
    (row,) = project.query("said")
    for name, (kind, _, wanted) in SELECTED.items():
        value = f"{Decimal(str(row[name])):.{kind[-2]}f}" if kind.startswith("decimal") else str(row[name])
        assert value == wanted, name


def test_a_cte_may_be_called_like_the_table_it_reads(database_url: str, tmp_path: Path) -> None:
    """SQLite sees all CTEs of a WITH in each of them, other engines only those before; here none is a table's."""
    project = project_of(database_url, tmp_path, {"n": ("int", "1", "")})
    text = """WITH u AS (SELECT * FROM bronze.sales), bronze_sales AS (SELECT u.code AS n FROM u),
        sales AS (SELECT 'C1' AS other) SELECT b.n || sales.other AS said
        FROM bronze_sales AS b JOIN bronze.sales AS x ON b.n = x.code CROSS JOIN sales"""
    project.write("said", '/*---\nkey = "said"\n[columns]\nsaid = "string(9)"\n---*/\n' + text)
    project.built()
    assert project.contents("said") == [("C12C1",)]


@pytest.mark.parametrize("sql", ["amount / 2", "day + INTERVAL '1 day'", "DATE_TRUNC('week', day)"])
def test_what_would_mean_something_else_is_refused(sqlite_url: str, tmp_path: Path, sql: str) -> None:
    project = project_of(sqlite_url, tmp_path, {"a": ("decimal(12,2)", sql, "")})
    with pytest.raises(ModelError, match=r"said\.sql: cannot be said in the SQL of sqlite") as refused:
        project.build()
    assert "said.sqlite.sql" in refused.value.hint
    project.write("said.sqlite", "SELECT 1.5 AS a FROM bronze.sales")
    assert project.built() == {"said": [""]}


def test_the_columns_must_be_those_of_the_head(sqlite_url: str, tmp_path: Path) -> None:
    project = project_of(sqlite_url, tmp_path, {"a": ("int", "1 AS b", "")})
    with pytest.raises(ModelError, match=r"the head's columns are a; the SELECT lacks a and gives b besides"):
        project.build()


def test_a_name_that_is_no_column_is_an_error(database_url: str, tmp_path: Path) -> None:
    """SQLite takes "amuont" for a text, and its sum is 0."""
    project = project_of(database_url, tmp_path, {"a": ("decimal(12,2)", "SUM(amuont)", "")})
    assert "amuont" in project.build().models[0].of("failed")[0].error


def test_money_adds_up_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    """Floats do not: before 3.43 SQLite's own SUM of these is 0.17 too much."""
    sums = {
        "total": ("decimal(18,2)", "SUM(amount)", ""),
        "one": ("decimal(12,2)", "SUM(DISTINCT amount)", ""),
        "none": ("decimal(12,2)", "SUM(amount) FILTER (WHERE id < 0)", ""),
        "ids": ("bigint", "SUM(id)", ""),
    }
    columns = [{"name": "id", "type": "int"}, {"name": "amount", "type": "decimal(12,2)"}]
    project = ModelsProject(
        sqlite_url, tmp_path, {"m": model(sums)}, columns=columns, primary_key=["id"], partition=None
    )
    project.load_text("a.csv", "id,amount\n" + "".join(f"{i},999999999.99\n" for i in range(3000)))
    project.built()
    assert project.contents("m") == [("2999999999970", "999999999.99", "None", "4498500")]

    project.write("m", model(sums | {"total": ("decimal(18,2)", "SUM(amount) * 10", "")}))
    error = project.build().models[0].of("failed")[0].error
    assert (
        "1 row is too large for total (decimal(18,2)): 15 digits, 2 of them after the point, are held exactly" in error
    )


def test_a_sum_over_a_window_is_kept_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    sums = {"id": ("int", "id", ""), "two": ("int", "SUM(id) OVER (ORDER BY id ROWS 1 PRECEDING)", "")}
    columns = [{"name": "id", "type": "int"}]
    project = ModelsProject(
        sqlite_url, tmp_path, {"m": model(sums)}, columns=columns, primary_key=["id"], partition=None
    )
    project.load_text("a.csv", "id\n1\n2\n3\n")
    project.built()
    assert project.contents("m") == [("1", "1"), ("2", "3"), ("3", "5")]
