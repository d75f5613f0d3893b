"""The demo shows what it says: it ends well on good software, and its proof sees a wrong number."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from tools import demo

REPOSITORY = Path(demo.__file__).parents[1]


@pytest.mark.parametrize("contract", [
    'name = "usage"\n',
    'name = "usage"\n\n[format]\nchunk_bytes = 16777216\ndelimiter = ";"\n\n[[columns]]\nname = "date"\n',
])  # fmt: skip
def test_a_contract_is_cut_smaller_and_otherwise_kept(tmp_path: Path, contract: str) -> None:
    path = tmp_path / "usage.toml"
    path.write_text(contract)
    demo.cut_smaller(path)
    before, after = tomllib.loads(contract), tomllib.loads(path.read_text())
    assert after.pop("format") == before.pop("format", {}) | {"chunk_bytes": demo.CHUNK_BYTES}
    assert after == before


def test_money_is_counted_in_exact_cents(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "holdfast.db")) as connection, connection:
        connection.execute("CREATE TABLE usage_data (currency, product1_revenue NUMERIC, product2_revenue NUMERIC)")
        connection.executemany("INSERT INTO usage_data VALUES (?, ?, ?)", [("USD", 1.15, 0.29), ("USD", 4.35, 8.2)])
    assert demo.stored(tmp_path / "holdfast.db") == {"USD": {"rows": 2, "product1_cents": 550, "product2_cents": 849}}


@pytest.fixture(scope="module")
def shown() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tools.demo", "--rows", "100000"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo_ends_with_every_number_proven(shown: str) -> None:
    assert shown.count("as it must be") == 3 + 4 * 3
    assert "all 15 numbers are the same" in shown
    assert "WRONG" not in shown
    assert shown.rstrip().endswith("Done: killed, resumed, proven.")
