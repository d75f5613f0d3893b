"""The way from a wrong number to a line of a file, walked as the page has it: commands typed, answers compared."""

from __future__ import annotations

import re
import shlex
import subprocess
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items
from tests.support.processes import run_cli
from tests.unit.docs.pages import blocks, text_of

_TYPED = re.compile(r"[^\n]*<<'END'\n.*?^END\n|sqlite3 [^\"\n]*\"[^\"]*\"\n|[^\n]*\n", re.MULTILINE | re.DOTALL)
_EACH_RUNS_OWN = re.compile(
    r"\b[0-9A-HJKMNP-TV-Z]{26}\b|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|load on \S+,|[\d.,]+ (?:s|ms|rows/s)\b"
)


def test_what_the_page_shows_is_what_its_commands_print(tmp_path: Path) -> None:
    steps = [step for block in blocks("docs/revenue-looks-wrong.md", "") for step in _steps(block)]
    assert steps[0] == ("holdfast init billing && cd billing", "")
    assert run_cli("init", "billing", cwd=tmp_path)[0] == 0
    for typed, told in steps[1:]:
        assert _lasting(_type(typed, tmp_path / "billing")) == _lasting(told), typed


def test_a_deleted_row_that_was_delivered_again_is_settled_as_the_page_says(sqlite_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, form="")
    project.write(HEADER + items(1, 9))
    project.load()
    project.execute("DELETE FROM items WHERE id = 5")
    project.write(HEADER + items(5, 5), "again.csv")
    project.load()
    assert project.refused("check", "items", exit_code=3)["code"] == "ChecksFailed"
    (settle,) = re.findall(r'sqlite3 holdfast.db "(.*)"', text_of("docs/verify.md"))
    project.execute(settle.replace("'usage'", "'items'"))
    for command in ("check", "verify"):
        assert project.told(command, "items")["status"] == "done"
    project.check_balance()
    assert project.rows() == as_rows(items(1, 9))


def _steps(block: str) -> list[tuple[str, str]]:
    """What is typed, with its here-document or the rest of its quoted text, and what is answered."""
    found = []
    for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        typed = _TYPED.match(step)
        assert typed, step
        found.append((typed[0].rstrip("\n"), step[typed.end() :]))
    return found


def _type(typed: str, directory: Path) -> str:
    words = shlex.split(typed)
    if words[0] == "holdfast":
        _, out, err = run_cli(*words[1:], cwd=directory)
        return out + err
    if words[0] == "sqlite3":
        with closing(connect(directory / words[1])) as database:
            database.executescript(words[2])
        return ""
    done = subprocess.run(["bash", "-c", typed], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout


def _lasting(told: str) -> str:
    """Without moments, run ids, times and the machine's name."""
    return _EACH_RUNS_OWN.sub("_", told)
