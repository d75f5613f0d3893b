"""The generator's truth is what a slow, plain reading of its file arrives at."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bench.usage_data import BROKEN, CURRENCIES, make_usage

GOOD = re.compile(
    rf'(\d\d/\d\d/\d{{4}}),(\d+),({"|".join(CURRENCIES)}),((?:"(?:[^"]|"")+")|[^",\n]+),(\d+\.\d\d),(\d+\.\d\d)'
)


def surviving(text: str) -> dict[tuple[str, str], tuple[str, Decimal, Decimal]]:
    """The last good row of each key, found line by line. Only hard names span lines, and those are joined first."""
    rows = {}
    for line in text.replace("Line one\nline two", "Line one line two").splitlines()[1:]:
        found = GOOD.fullmatch(line)
        if found and not line.startswith("30/02") and len(found[5]) < 15:
            rows[found[1], found[2]] = (found[3], Decimal(found[5]), Decimal(found[6]))
    return rows


@pytest.mark.parametrize("order", ["random", "sorted"])
@pytest.mark.parametrize("crlf", [False, True])
def test_the_truth_is_what_the_file_says(tmp_path: Path, order: str, crlf: bool) -> None:
    path = tmp_path / "usage.csv"
    truth = make_usage(path, rows=6_000, order=order, dup=0.1, bad=0.05, crlf=crlf)
    text = path.read_bytes().decode().replace("\r\n", "\n")
    assert text.count("\n") - text.count("Line one\n") == truth["rows"] + 1
    rows = surviving(text)
    assert len(rows) == truth["keys"]
    assert truth["rows"] == truth["keys"] + truth["superseded"] + truth["rejected"]
    assert set(truth["rejected_by_kind"]) == set(BROKEN)
    assert sum(truth["rejected_by_kind"].values()) == truth["rejected"]
    for code, sums in truth["by_currency"].items():
        mine = [row for row in rows.values() if row[0] == code]
        assert len(mine) == sums["rows"]
        assert sum(row[1] for row in mine) * 100 == sums["product1_cents"]
        assert sum(row[2] for row in mine) * 100 == sums["product2_cents"]
    assert json.loads(Path(f"{path}.truth.json").read_text()) == truth


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_usage(tmp_path / name, rows=2_000, dup=0.1, bad=0.1, seed=5)
    make_usage(tmp_path / "other", rows=2_000, dup=0.1, bad=0.1, seed=6)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "other").read_bytes()


def test_a_clean_file_reads_as_csv_with_unique_sorted_keys(tmp_path: Path) -> None:
    truth = make_usage(tmp_path / "usage.csv", rows=3_000, order="sorted", days=30)
    with (tmp_path / "usage.csv").open(newline="", encoding="utf-8") as file:
        records = list(csv.reader(file))[1:]
    keys = [(date[6:] + date[3:5] + date[:2], int(bill)) for date, bill, *_ in records]
    assert keys == sorted(set(keys))
    assert truth["keys"] == len(keys) == 3_000
    assert Counter(len(record) for record in records) == {6: 3_000}


def test_no_rows_is_a_header_and_zero_truth(tmp_path: Path) -> None:
    truth = make_usage(tmp_path / "usage.csv", rows=0, dup=0.5, bad=0.5)
    assert truth["rows"] == truth["keys"] == truth["rejected"] == 0
    assert (tmp_path / "usage.csv").read_bytes().count(b"\n") == 1
