"""The suite from end to end on few rows: a job is run, its record kept, the page written, and again from the record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.record import Record

REPOSITORY = Path(__file__).parents[3]


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench", *arguments]
    env = {**os.environ, "HOLDFAST_BENCH_CACHE": "/nonexistent"}  # nothing may be installed by a test
    done = subprocess.run(command, cwd=REPOSITORY, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_quick_round_of_a_job_measures_it_and_writes_the_page(tmp_path: Path, postgres_server_url: str) -> None:
    page = tmp_path / "benchmarks.md"
    bench("--quick", "--only", "rejects", "--postgres", postgres_server_url, "--page", str(page))
    record = Record.load(tmp_path / "benchmarks" / "results" / "rejects.json")
    assert [(run.contender, run.turn, run.rows, run.note) for run in record.runs] == [
        ("clean file", 0, 20_000, ""),
        ("1 bad row in 10,000", 0, 20_000, ""),
    ]
    assert all(run.wall_s > 0 and run.client_s > 0 and run.rss_mb >= run.largest_mb > 20 for run in record.runs)
    text = page.read_text()
    assert "| clean file | 20,000 |" in text
    page.unlink()
    bench("--page-only", "--page", str(page))
    assert page.read_text() == text


def test_the_list_names_every_job() -> None:
    assert "reload-5-percent" in bench("--list")
