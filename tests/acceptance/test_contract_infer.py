"""`holdfast contract infer FILE > contracts/NAME.toml`, and then `contract check` and `load` just work."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from holdfast.domain.contract import contract_from

from .test_init import holdfast


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert holdfast("init", cwd=tmp_path).returncode == 0
    return tmp_path


def test_the_proposal_can_be_used_as_it_is(project: Path) -> None:
    rows = "".join(f"{i:05},{i % 28 + 1:02}/01/2024,Firm {i},{i}.50\n" for i in range(300))
    (project / "data" / "other.csv").write_text(f"Customer ID,Since,Name,Limit\n{rows}")
    proposed = holdfast("contract", "infer", "data/other.csv", "--key", "customer_id", cwd=project)
    assert (proposed.returncode, proposed.stderr) == (0, "")
    (project / "contracts" / "other.toml").write_text(proposed.stdout)
    assert holdfast("contract", "check", "other", cwd=project).returncode == 0
    loaded = json.loads(holdfast("load", "other", "--json", cwd=project).stdout)
    assert (loaded["exit_code"], loaded["datasets"][0]["inserted"], loaded["datasets"][0]["rejected"]) == (0, 300, 0)


def test_the_shipped_file_is_read_as_its_contract_says_where_its_broken_rows_allow(project: Path) -> None:
    proposed = holdfast("contract", "infer", "data/usage.csv", "--key", "date,bill_id", cwd=project)
    contract = contract_from(tomllib.loads(proposed.stdout))
    assert contract.source == ["data/usage.csv"]
    assert contract.primary_key == ["date", "bill_id"]
    assert str(contract.column("date").type) == "date(%d/%m/%Y)"
    assert str(contract.column("currency").type) == "string(3)"
    for doubt in ("is no such day", "the key is not unique", "do not have 6 fields"):
        assert doubt in proposed.stdout.replace("\n# ", " ")


def test_a_file_outside_of_any_project(tmp_path: Path) -> None:
    (tmp_path / "sales-2024.csv").write_text("id,total\n1,2.50\n2,3.10\n")
    told = json.loads(holdfast("contract", "infer", "sales-2024.csv", "--json", cwd=tmp_path).stdout)
    assert (told["contract"]["name"], told["contract"]["source"]) == ("sales_2024", ["sales-2024.csv"])
    assert contract_from(tomllib.loads(told["toml"])) == contract_from(told["contract"])


def test_a_large_file_is_sampled_to_its_end(tmp_path: Path) -> None:
    line = "1234567,some name that fills the line,2.50\n"
    (tmp_path / "large.csv").write_text("id,name,price\n" + line * 200_000 + "7,x,1.125\n" * 3)
    told = holdfast("contract", "infer", "large.csv", cwd=tmp_path)
    prices = contract_from(tomllib.loads(told.stdout)).column("price")
    assert str(prices.type) == "decimal(15,3)"
    assert "(a sample)" in told.stdout


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.csv", None, "none.csv: there is no such file"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d" * 40, "image.csv holds NUL bytes"),
    ],
)
def test_what_is_no_csv_exits_2(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    refused = holdfast("contract", "infer", name, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert expected in refused.stderr


def test_check_names_every_column_that_does_not_fit(project: Path) -> None:
    (project / "data" / "usage.csv").write_text("Date,Bill_ID,Curency,Name,Product1_revenue,Product2_revenue,More\n")
    checked = holdfast("contract", "check", "usage", "--json", cwd=project)
    told = json.loads(checked.stdout)
    assert checked.returncode == told["exit_code"] == 4
    message = told["datasets"][0]["errors"][0]["message"]
    assert "currency" in message
    assert "More" in message


def test_check_warns_before_sqlite_cannot_hold_a_type(project: Path) -> None:
    path = project / "contracts" / "usage.toml"
    path.write_text(path.read_text().replace("decimal(15,2)", "decimal(18,2)"))
    checked = holdfast("contract", "check", cwd=project)
    assert checked.returncode == 0
    assert checked.stdout.count("warning") == 2


def test_check_compares_with_the_table_that_is_there(project: Path) -> None:
    assert holdfast("load", "usage", cwd=project).returncode == 0
    path = project / "contracts" / "usage.toml"
    path.write_text(path.read_text().replace('type = "bigint"', 'type = "string(20)"'))
    checked = holdfast("contract", "check", cwd=project)
    assert checked.returncode == 2
    assert "table usage_data: column 'bill_id'" in checked.stderr
