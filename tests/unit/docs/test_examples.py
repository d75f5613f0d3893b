"""Examples that a reader may copy are run: the library's and the ledger's queries; and its columns are looked up."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.usage_project import UsageProject
from tests.unit.docs.pages import blocks, text_of

SALES = "id,day,amount\n1,2026-01-31,10.50\n2,2026-02-01,3.25\n3,2026-02-30,1.00\n"


def test_the_library_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    (example,) = blocks("README.md", "python")
    (tmp_path / "sales.csv").write_text(SALES)
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout in blocks("README.md")


def test_the_ledgers_queries_and_columns(database_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", database_url, rows=300)
    project.load()
    for query in blocks("docs/ledger.md", "sql"):
        rows = project.query(query.strip().rstrip(";").replace("ops_", project.ops("")))
        assert rows or "'ready'" in query, f"no rows by {query}"
    documented = _documented_columns()
    for table, columns in documented.items():
        there = project.query(f"SELECT t.* FROM (SELECT 1 AS one) AS o LEFT JOIN {project.ops(table)} AS t ON 1 = 1")
        assert set(there[0]) == columns, f"columns of {table}"
    assert documented.keys() == _ledger_tables(project)


def _documented_columns() -> dict[str, set[str]]:
    tables, _, _ = text_of("docs/ledger.md").partition("## Useful queries")
    return {
        section.partition("\n")[0]: {
            column
            for row in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
            for column in re.findall("`(.*?)`", row)
        }
        for section in tables.split("\n### ")[1:]
    }


def _ledger_tables(project: UsageProject) -> set[str]:
    if project.url.startswith("sqlite"):
        rows = project.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'ops!_%' ESCAPE '!'")
        return {row["name"].removeprefix("ops_") for row in rows}
    rows = project.query("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'ops'")
    return {row["name"] for row in rows}
