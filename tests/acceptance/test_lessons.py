"""The lessons of examples/reliability, run as a reader would: what they print is what they teach."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "examples" / "reliability"
ALL = (1000, 1000, "500,750.00")


def run_lesson(name: str, home: Path) -> str:
    """Run a script to its end; what it printed. Whatever files it made are gone."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    done = subprocess.run(
        [sys.executable, LESSONS / name],
        cwd=home,
        env={**env, "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(home.iterdir()) == []
    return done.stdout


def tables(told: str) -> list[tuple[int, int, str]]:
    """Rows, sales and their sum, each time the table was looked at."""
    found = re.findall(r" ([\d,]+) rows +([\d,]+) sales +([\d,.]+) in all$", told, re.MULTILINE)
    return [(int(rows.replace(",", "")), int(sales.replace(",", "")), amount) for rows, sales, amount in found]


def test_without_transactions_a_crash_leaves_half_and_the_next_run_doubles_it(tmp_path: Path) -> None:
    told = run_lesson("1_without_transactions.py", tmp_path)
    assert tables(told) == [(0, 0, "0.00"), (500, 500, "125,375.00"), (1500, 1000, "626,125.00")]


def test_a_transaction_and_an_upsert_leave_nothing_then_everything_then_the_same(tmp_path: Path) -> None:
    told = run_lesson("2_transaction_and_upsert.py", tmp_path)
    assert tables(told) == [(0, 0, "0.00"), (0, 0, "0.00"), ALL, ALL]
    assert "the same rows: yes\nprocessed_at moved on: yes\n" in told


def test_holdfast_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    told = run_lesson("3_holdfast.py", tmp_path)
    assert "ended by signal 9\n" in told
    (killed, *_), *later = tables(told)
    assert 0 < killed < 1000
    assert later == [ALL, ALL]
    assert f"resumed: read {1000 - killed} rows, inserted {1000 - killed}\n" in told
    assert "once more: read 0 rows, inserted 0\n" in told


@pytest.mark.parametrize("name", sorted(path.name for path in LESSONS.glob("*.py")))
def test_the_page_says_how_each_is_run(name: str) -> None:
    assert f"python {name} " in (LESSONS / "README.md").read_text()
