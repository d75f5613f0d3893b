"""Examples that a reader may copy are run: the library's and the ledger's queries; and its columns are looked up."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items
from tests.support.usage_project import UsageProject
from tests.unit.docs.pages import blocks, text_of

SALES = "id,day,amount\n1,2026-01-31,10.50\n2,2026-02-01,3.25\n3,2026-02-30,1.00\n"


def test_the_library_example_prints_what_the_readme_says(tmp_path: Path) -> None:
    (example,) = blocks("README.md", "python")
    (tmp_path / "sales.csv").write_text(SALES)
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout in blocks("README.md")


def test_the_decorators_examples_print_what_the_page_says(tmp_path: Path) -> None:
    examples, told = blocks("docs/outbound.md", "python"), blocks("docs/outbound.md", "")
    assert len(examples) == 2
    for example in examples:
        done = subprocess.run(
            [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout in told


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
    masked = re.sub(r"[\d.]+ s(?:$| · (?:[\d,]+ rows/s · )?run \w+)", "T", session, flags=re.MULTILINE)
    return re.sub(r"[\d,]+ updated · [\d,]+ unchanged · (?:[\d,]+ superseded · )?", "", masked)


def test_the_ledgers_queries_and_columns(shared_url: str, tmp_path: Path) -> None:
    project = UsageProject(tmp_path / "project", shared_url, rows=300)
    project.load()
    for query in blocks("docs/ledger.md", "sql"):
        rows = project.query(query.strip().rstrip(";").replace("ops_", project.ops("")))
        assert rows or "'ready'" in query, f"no rows by {query}"
    documented = _documented_columns()
    for table, columns in documented.items():
        there = project.query(f"SELECT t.* FROM (SELECT 1 AS one) AS o LEFT JOIN {project.ops(table)} AS t ON 1 = 1")
        assert set(there[0]) == columns, f"columns of {table}"
    assert documented.keys() == _ledger_tables(project)


@pytest.mark.parametrize("top", ["", 'publish = "load"'], ids=["chunk", "load"])
@pytest.mark.parametrize("disposition", ["merge", "append"])
def test_failed_chunks_are_given_up_as_operations_says(
    shared_url: str, tmp_path: Path, disposition: str, top: str
) -> None:
    """The load ends without them; should the file come back, what was given up is loaded and nothing twice."""
    project = ItemsProject(tmp_path / "project", shared_url, disposition, top=top)
    gone = project.write(HEADER + items(1, 60), "a.csv")
    project.write(HEADER + items(101, 110), "b.csv")
    assert project.run("load", "items", HOLDFAST_FAULT="claim.made:3=kill")[0] == -signal.SIGKILL
    content = gone.read_bytes()
    gone.unlink()
    project.refused("load", "items", exit_code=1)
    project.execute(*_sql_of("Giving failed chunks up", project))
    assert project.load()["chunks"]["failed"] == 0
    assert len(project.rows()) < 70
    project.write(content, "a.csv")
    project.load()
    assert project.rows() == as_rows(items(1, 60) + items(101, 110))
    project.check_balance()


def test_a_dataset_is_forgotten_as_operations_says(shared_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 60))
    first = project.load()
    assert project.load()["read"] == 0
    project.execute(*_sql_of("Loading known bytes again", project))
    again = project.load()
    assert (again["read"], again["inserted"]) == (60, first["inserted"])
    project.check_balance()


def _sql_of(heading: str, project: ItemsProject) -> list[str]:
    """The statements that a section of the page types into sqlite3, for this project's table, dataset and engine."""
    section = text_of("docs/operations.md").partition(f"### {heading}\n")[2].partition("\n## ")[0]
    session = section.partition("```\n")[2].partition("```")[0]
    statements = []
    for loop, typed in re.findall(
        r'^\$ (?:for t in ([\w ]+); do )?sqlite3 holdfast.db "(.*?)"', session, re.MULTILINE | re.DOTALL
    ):
        for table in loop.split() or [""]:
            statements += [part.replace("$t", table).strip() for part in typed.split(";")]
    own = {"usage_data": "items", "'usage'": "'items'", "'price'": "'items'", "ops_": project.ops("")}
    return [re.sub("|".join(own), lambda word: own[word[0]], statement) for statement in statements]


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
    rows = project.query(
        "SELECT table_name AS name FROM information_schema.tables"
        " WHERE table_schema = 'ops' AND table_type = 'BASE TABLE'"
    )
    return {row["name"] for row in rows}
