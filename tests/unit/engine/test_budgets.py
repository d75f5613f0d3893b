"""Budgets of rejects as a share: of the rows a load is about, not of the file's."""

from __future__ import annotations

from pathlib import Path

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.domain.errors import RejectBudgetExceeded

CONTRACT = contract_from(
    {
        "name": "numbers",
        "table": "numbers",
        "source": "numbers.csv",
        "primary_key": "n",
        "max_rejects": "5%",
        "columns": [{"name": "n", "type": "int"}],
        "format": {"chunk_bytes": 64},
    }
)


def test_a_share_of_a_file_that_grew_is_one_of_what_is_new(database_url: str, tmp_path: Path) -> None:
    """3 of about 20 new rows are more than 5%, though they are less than 2% of the file's; also when tried again."""
    old, new = (range(1000, 1180), range(1180, 1200))
    file = tmp_path / "numbers.csv"
    with holdfast.open_project(holdfast.Settings(url=database_url, project_dir=str(tmp_path))) as project:
        file.write_text("n\n" + "".join(f"{n}\n" for n in old))
        assert project.load(CONTRACT, []).error is None
        with file.open("a") as tail:
            tail.write("".join(f"{n}\n" for n in new) + "bad\n" * 3)
        for _ in range(2):
            error = project.load(CONTRACT, []).error
            assert isinstance(error, RejectBudgetExceeded)
            assert "max_rejects allows 1;" in error.message
        result = project.load(CONTRACT, [], max_rejects="20%")
        assert result.error is None
        assert result.report.counts.rejected == 3
        with project.database.reading() as tx:
            found = tx.query("SELECT n FROM numbers ORDER BY n")
    assert [row["n"] for row in found] == [*old, *new]
