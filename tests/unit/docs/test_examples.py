"""Examples that a reader may copy are run: the library's and the ledger's queries; and its columns are looked up."""

from __future__ import annotations

import os
import re
import shlex
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


def test_the_quick_start_prints_what_the_readme_says(tmp_path: Path) -> None:
    """Typed line by line in a fresh directory. Times, run ids and the workers' order are each run's own."""
    (session,) = (block for block in blocks("README.md") if block.startswith("$ holdfast init"))
    commands = re.findall(r"^\$ (.*)$", session, re.MULTILINE)
    typed = "\n".join(f"echo {shlex.quote(f'$ {command}')}\n{command}" for command in commands)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    done = subprocess.run(["bash", "-c", typed], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout[done.stdout.index("$ export") :]  # what `init` wrote is left out on the page
    assert _lasting(told) == _lasting(session[session.index("$ export") :].replace("\nKilled\n", "\n"))


def _lasting(session: str) -> str:
    """A session without what differs from run to run: of two rows with one key the later may be written first."""
    masked = re.sub(r"[\d.]+ s · (?:[\d,]+ rows/s · )?run \w+", "T", session)
    return re.sub(r"[\d,]+ updated · [\d,]+ unchanged · (?:[\d,]+ superseded · )?", "", masked)


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
