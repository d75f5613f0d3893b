"""Memory is bounded by the size of a chunk, not of the file (P10)."""

from __future__ import annotations

from pathlib import Path

import psycopg

from bench.load import HOLDFAST
from bench.measure import measure
from bench.usage_data import make_usage
from tests.support.usage_project import UsageProject

PEAK_MB_MAX = 400.0
GROWTH_MAX = 1.15


def peak_mb(directory: Path, url: str, rows: int) -> float:
    """Peak memory of the whole command's process tree while it loads a file of so many rows."""
    project = UsageProject(directory, url, rows=1, chunk_bytes=4 * 1024 * 1024)
    make_usage(project.file, rows=rows, order="sorted")
    peak = measure([HOLDFAST, "load", "usage", "--db", url], directory).rss_mb
    assert project.query("SELECT COUNT(*) AS n FROM usage_data") == [{"n": rows}]
    return peak


def check_flat(small_mb: float, large_mb: float) -> None:
    """The smaller file has more chunks than are ever in hand at once, so its peak is the level of any file."""
    assert 50 < small_mb < PEAK_MB_MAX
    assert large_mb < min(PEAK_MB_MAX, small_mb * GROWTH_MAX)


def test_sqlite_takes_no_more_for_three_times_the_rows(tmp_path: Path) -> None:
    small = peak_mb(tmp_path / "small", f"sqlite:///{tmp_path}/small.db", 1_000_000)
    check_flat(small, peak_mb(tmp_path / "large", f"sqlite:///{tmp_path}/large.db", 3_000_000))


def test_postgres_takes_no_more_for_three_times_the_rows(tmp_path: Path, postgres_url: str) -> None:
    small = peak_mb(tmp_path / "small", postgres_url, 1_000_000)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA ops CASCADE")
        connection.execute("DROP TABLE usage_data")
    check_flat(small, peak_mb(tmp_path / "large", postgres_url, 3_000_000))
