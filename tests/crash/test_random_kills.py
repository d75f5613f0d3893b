"""kill -9 of the whole process group at random moments, again and again, until a load survives."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.usage_forms import UsageInForm
from tests.support.usage_project import UsageProject

KILLS = {"1": 10, "4": 4}  # per engine, by the number of workers

KILLS_A_FORM = 6


@pytest.mark.parametrize("workers", KILLS)
def test_random_kills(workers: str, database_url: str, tmp_path: Path) -> None:
    moments = random.Random(f"{workers} {database_url.partition(':')[0]}")
    kills, number, at_work = 0, 0, 0
    most = KILLS[workers] // (2 if database_url.startswith("duckdb") else 1)  # a start takes a second there
    while kills < most:
        number += 1
        url = database_url if number == 1 else f"sqlite:///{tmp_path}/{number}.db"
        project = UsageProject(tmp_path / f"project{number}", url, rows=24_000, chunk_bytes=16_384)
        kills += _kill_until_done(project, workers, moments, most - kills)
        at_work += project.workers_left()
        project.load_until_done("--workers", workers)
        project.check_accounts()
    assert at_work > 0, "every kill came before or after the work"


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_random_kills_of_other_forms(form: str, tmp_path: Path) -> None:
    moments = random.Random(form)
    kills, number, at_work = 0, 0, 0
    while kills < KILLS_A_FORM:
        number += 1
        project = UsageInForm(
            tmp_path / f"project{number}",
            f"sqlite:///{tmp_path}/{number}.db",
            rows=12_000,
            chunk_bytes=10_000,
            form=form,
        )
        kills += _kill_until_done(project, "1", moments, KILLS_A_FORM - kills)
        at_work += project.workers_left()
        project.load_until_done()
        project.check_accounts()
    assert at_work > 0, "every kill came before or after the work"


def _kill_until_done(project: UsageProject, workers: str, moments: random.Random, most: int) -> int:
    """Each kill comes at a random moment after the load has begun to write, so that it interrupts work."""
    kills = 0
    while kills < most:
        has_begun = project.progress()
        with project.start("load", "usage", "--workers", workers) as load:
            load.wait_until(
                lambda begun=has_begun, started=load: started.exit_code is not None or begun(),
                deadline_s=60,
                what="progress",
            )
            time.sleep(moments.uniform(0.0, 0.25))
            if load.exit_code == 0:
                return kills
            load.kill()
            kills += 1
    return kills


def test_append_with_exact_duplicates_after_ten_kills(shared_url: str, tmp_path: Path) -> None:
    """No key protects these rows: the ledger alone decides that each is there once."""
    project = UsageProject(
        tmp_path / "project", shared_url, rows=150_000, chunk_bytes=16_384, disposition="append", bad=0.0
    )
    text = project.file.read_text(encoding="utf-8")
    line = text.splitlines(keepends=True)[1]
    project.file.write_text(text + line * 19, encoding="utf-8")
    project.truth["rows"] += 19
    assert _kill_until_done(project, "1", random.Random(7), 10) == 10
    assert project.workers_left() > 0, "every kill came before or after the work"
    project.load_until_done()
    project.check_accounts()
