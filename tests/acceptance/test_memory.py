"""Memory is bounded by the size of a chunk, not of the file, and not by how the chunk is cut into columns (P10)."""

from __future__ import annotations

import re
import time
from pathlib import Path

import psycopg
import pytest

from bench.usage_data import make_usage
from tests.support.processes import POLL_S, start_cli
from tests.support.usage_project import UsageProject

PEAK_MB_MAX = 300.0  # a worker with chunks of 16 MiB
WIDE_MB_MAX = 450.0
GROWTH_MB_MAX = 80  # the larger file has 110 MB more: holding even its bytes would show
WIDE_COLUMNS = {"sqlite": 1_990, "postgres": 500}  # about as many as fit: a row of PostgreSQL is within a page
WIDE_FIELDS = 8_000_000
KINDS = {"bigint": "12345", "string": "abc", "decimal(12,2)": "12.50", "date(%d/%m/%Y)": "31/12/2024", "float": "1.5"}


def peak_mb(directory: Path, url: str, rows: int) -> float:
    """Peak memory of the command, which is one process, while it loads a file of so many rows."""
    project = UsageProject(directory, url, rows=1, chunk_bytes=16 * 1024 * 1024)
    make_usage(project.file, rows=rows, order="sorted")
    peak = peak_of_load_mb("usage", url, directory)
    assert project.query("SELECT COUNT(*) AS n FROM usage_data") == [{"n": rows}]
    return peak


def peak_of_load_mb(dataset: str, url: str, directory: Path) -> float:
    """The kernel's own peak of a new program: no moment is missed, however short it was or slow the machine."""
    peak_kb = 0
    with start_cli("load", dataset, "--db", url, cwd=directory, fresh=True) as load:
        while load.exit_code is None:
            found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{load.pid}/status").read_text())
            peak_kb = int(found[1]) if found else peak_kb  # none: it is ending
            time.sleep(POLL_S)
        assert load.exit_code == 0, load.stderr
    return peak_kb / 1000


def check_flat(small_mb: float, large_mb: float) -> None:
    """An allocator takes its level in steps, so growth is held against the file's, not to a share."""
    assert 50 < small_mb < PEAK_MB_MAX
    assert large_mb < min(PEAK_MB_MAX, small_mb + GROWTH_MB_MAX)


def test_sqlite_takes_no_more_for_three_times_the_rows(tmp_path: Path) -> None:
    small = peak_mb(tmp_path / "small", f"sqlite:///{tmp_path}/small.db", 1_000_000)
    check_flat(small, peak_mb(tmp_path / "large", f"sqlite:///{tmp_path}/large.db", 3_000_000))


def test_postgres_takes_no_more_for_three_times_the_rows(tmp_path: Path, postgres_url: str) -> None:
    small = peak_mb(tmp_path / "small", postgres_url, 1_000_000)
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP SCHEMA ops CASCADE")
        connection.execute("DROP TABLE usage_data")
    check_flat(small, peak_mb(tmp_path / "large", postgres_url, 3_000_000))


@pytest.mark.parametrize("engine", WIDE_COLUMNS)
def test_a_wide_file_is_bounded_too(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> None:
    """Several chunks of few rows, where each column has a cost of its own."""
    width = WIDE_COLUMNS[engine]
    url = f"sqlite:///{tmp_path}/wide.db" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    kinds, texts = list(KINDS), list(KINDS.values())
    columns = [f'[[columns]]\nname = "c{i}"\ntype = "{kinds[i % len(kinds)]}"\n' for i in range(width)]
    (tmp_path / "contracts").mkdir()
    (tmp_path / "holdfast.toml").write_text("")
    head = 'table = "wide"\nsource = "wide.csv"\nprimary_key = ["c0"]\n'
    (tmp_path / "contracts" / "wide.toml").write_text(head + "".join(columns))
    rest = "".join(f",{texts[i % len(texts)]}" for i in range(1, width))
    header = ",".join(f"c{i}" for i in range(width))
    (tmp_path / "wide.csv").write_text(
        "\n".join([header, *(f"{row}{rest}" for row in range(WIDE_FIELDS // width)), ""])
    )
    peak = peak_of_load_mb("wide", url, tmp_path)
    assert 50 < peak < WIDE_MB_MAX
