"""The page is made from saved results alone."""

from __future__ import annotations

from pathlib import Path

from bench.jobs import JOBS
from bench.page import write_page
from bench.plots import lines
from bench.record import Record, Run

OURS, THEIRS = "holdfast load, 2 workers", "psql \\copy, keyed table"


def saved(results: Path, job: str, runs: list[Run], **more: object) -> Record:
    record = Record(job, 20_000_000, 3, "2026-01-31", {"cores": "2"}, {"Python": "3.14"}, runs, **more)  # type: ignore[arg-type]
    record.save(results)
    return record


def test_figures_targets_and_reasons_are_on_the_page(tmp_path: Path) -> None:
    walls_s = [(10.0, 40.0), (11.0, 44.0), (30.0, 45.0)]
    runs = [
        Run(name, turn, 20_000_000, wall_s, client_s=1.5, server_s=2.5, rss_mb=400.0, largest_mb=250.0)
        for turn, pair in enumerate(walls_s)
        for name, wall_s in zip((OURS, THEIRS), pair, strict=True)
    ]
    saved(
        tmp_path / "benchmarks" / "results",
        "pg-random-empty",
        runs,
        how={OURS: "as it comes"},
        absent={"pgloader": "`pgloader` is not on the PATH"},
    )
    page = tmp_path / "benchmarks.md"
    write_page(page, tmp_path / "benchmarks" / "results")
    text = page.read_text()
    assert f"| {OURS} / {THEIRS} | ≤ 0.33x | 0.25x | met |" in text
    assert f"| {OURS} | 20,000,000 | 1,818,182 | 11.00 | 1.50 | 2.50 | 400 | 250 | right |" in text
    assert "- pgloader: `pgloader` is not on the PATH" in text
    assert f"| {OURS} | as it comes |" in text
    assert "pg-random-empty: cores: 2, Python: 3.14." in text
    assert all(f"| {name} |  |" in text for name, job in JOBS.items() if job.goals and name != "pg-random-empty")
    assert "| [pg-random-empty](#pg-random-empty) | 20,000,000 |" in text
    assert text.count("not measured") == sum(len(job.goals) for job in JOBS.values()) - 1
    write_page(page, tmp_path / "benchmarks" / "results")
    assert page.read_text() == text


def test_what_failed_and_what_was_wrong_is_said(tmp_path: Path) -> None:
    runs = [
        Run("sling", 0, 500, 600.0, ended=False, note="stopped after 600 s"),
        Run("ingestr", 0, 500, 2.0, note="499 rows instead of 500"),
    ]
    saved(tmp_path / "results", "peers", runs, upserting=["ingestr"])
    write_page(tmp_path / "page.md", tmp_path / "results")
    text = (tmp_path / "page.md").read_text()
    assert "| sling | 500 | - | - | - | - | - | - | stopped after 600 s |" in text
    assert "| ingestr (upserts) | 500 | 250 | 2.00 | 0.00 | - | 0 | 0 | 499 rows instead of 500 |" in text


def test_what_was_seen_is_a_table(tmp_path: Path) -> None:
    saved(tmp_path / "results", "kill", [], seen=[{"": "pgloader", "left": "1 row | or 2"}])
    write_page(tmp_path / "page.md", tmp_path / "results")
    assert "|  | left |\n|---|---|\n| pgloader | 1 row \\| or 2 |" in (tmp_path / "page.md").read_text()


def test_a_plot_has_a_line_for_each_contender_with_the_median_at_each_x(tmp_path: Path) -> None:
    runs = [Run("ours", turn, 10, wall_s, x=2.0) for turn, wall_s in enumerate((1.0, 5.0, 3.0))]
    runs += [Run("ours", 0, 10, 9.0, x=1.0), Run("theirs", 0, 10, 9.0, x=1.0, ended=False)]
    assert lines(saved(tmp_path, "growth-workers", runs)) == {"ours": [(1.0, 9.0), (2.0, 3.0)]}
