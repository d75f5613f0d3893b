"""Holdfast as a library: a contract in Python, a project, a result. No files of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast
from tests.acceptance.items_project import HEADER, items

CONTRACT = holdfast.Contract(
    name="items",
    table="shop_items",
    primary_key=["id"],
    columns=[
        holdfast.Column(name="id", type="bigint"),
        holdfast.Column(name="name", type="string(40)"),
        holdfast.Column(name="amount", type="decimal(12,2)"),
    ],
)


def test_load_a_file(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(HEADER + items(1, 100) + "101,item,bad\n")
    with holdfast.open_project(holdfast.Settings(url=database_url, project_dir=str(tmp_path))) as project:
        result = project.load(CONTRACT, ["items.csv"])
        again = project.load(CONTRACT, ["items.csv"])
    assert result.error is None
    assert result.report.counts == holdfast.RowCounts(read=101, inserted=100, rejected=1)
    assert again.report.counts == holdfast.RowCounts(read=0)
    assert again.report.files_known == 1

    database = holdfast.connect(database_url)
    with database.transaction() as tx:
        found = tx.query("SELECT COUNT(*) AS n, SUM(amount) AS total FROM shop_items WHERE id <= :most", {"most": 10})
    database.close()
    assert (found[0]["n"], float(found[0]["total"])) == (10, 57.5)


def test_what_stops_a_load_is_in_its_result(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(HEADER + "1,item,bad\n")
    with holdfast.open_project(holdfast.Settings(url=sqlite_url, project_dir=str(tmp_path))) as project:
        result = project.load(CONTRACT, ["items.csv"], max_rejects=0)
        assert result.error is not None
        assert (result.error.code, result.error.exit_code) == ("RejectBudgetExceeded", 3)
        with pytest.raises(holdfast.HoldfastError, match="there is no such file"):
            project.load(CONTRACT, ["absent.csv"])
