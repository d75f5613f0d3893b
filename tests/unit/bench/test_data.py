"""The files that benchmarks make of others differ from them in what they say, and in nothing else."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

from bench.usage_data import BILL_STEP, FIRST_BILL, ISO_DATE, make_usage
from bench.variants import cut_in_two, make_wide, wide_contract, wide_names
from holdfast import Contract


def rows_of(file: Path) -> list[list[str]]:
    with file.open(newline="", encoding="utf-8") as source:
        return list(csv.reader(source))[1:]


def test_five_percent_of_the_rows_have_another_amount_evenly_spread(tmp_path: Path) -> None:
    make_usage(tmp_path / "first.csv", rows=2_000)
    truth = make_usage(tmp_path / "other.csv", rows=2_000, changed=0.05)
    first, other = rows_of(tmp_path / "first.csv"), rows_of(tmp_path / "other.csv")
    assert [i for i, pair in enumerate(zip(first, other, strict=True)) if pair[0] != pair[1]] == list(
        range(0, 2_000, 20)
    )
    assert [row[:4] + row[5:] for row in first] == [row[:4] + row[5:] for row in other]
    cents = sum(int(row[4].replace(".", "")) for row in other)
    assert cents == sum(sums["product1_cents"] for sums in truth["by_currency"].values())


def test_another_first_bill_gives_keys_between_the_others(tmp_path: Path) -> None:
    make_usage(tmp_path / "first.csv", rows=1_000)
    make_usage(tmp_path / "other.csv", rows=1_000, first_bill=FIRST_BILL + BILL_STEP // 2)
    first, other = ({(row[0], int(row[1])) for row in rows_of(tmp_path / f"{name}.csv")} for name in ("first", "other"))
    assert len(first | other) == 2_000
    assert min(bill for _, bill in first) < min(bill for _, bill in other) < max(bill for _, bill in first)


def test_the_same_rows_with_iso_dates(tmp_path: Path) -> None:
    make_usage(tmp_path / "first.csv", rows=500)
    make_usage(tmp_path / "iso.csv", rows=500, date_format=ISO_DATE)
    turned = [["-".join(reversed(row[0].split("/"))), *row[1:]] for row in rows_of(tmp_path / "first.csv")]
    assert turned == rows_of(tmp_path / "iso.csv")


def test_two_halves_have_every_row_once_and_a_header_each(tmp_path: Path) -> None:
    for rows in (1, 2, 3, 50, 2_000):
        file = tmp_path / f"{rows}.csv"
        make_usage(file, rows=rows)
        halves = cut_in_two(file)
        assert [row for half in halves for row in rows_of(half)] == rows_of(file)
        assert {half.read_text().split("\n", 1)[0] for half in halves} == {file.read_text().split("\n", 1)[0]}
    assert abs(halves[0].stat().st_size - halves[1].stat().st_size) < 300


def test_a_wide_file_has_about_the_bytes_asked_for_and_keeps_its_contract(tmp_path: Path) -> None:
    for columns in (5, 500):
        file = tmp_path / "wide.csv"
        rows, cents = make_wide(file, columns, 400_000)
        found = rows_of(file)
        assert len(found) == rows
        assert {len(row) for row in found} == {columns}
        assert sum(int(row[1].replace(".", "")) for row in found) == cents
        assert 0.7 < file.stat().st_size / 400_000 < 1.3
        contract = Contract.model_validate({"name": "wide", **tomllib.loads(wide_contract("wide", columns))})
        assert [column.name for column in contract.columns] == wide_names(columns)
