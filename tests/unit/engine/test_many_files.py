"""Many small files: what is asked of the ledger does not grow with them, but for the files that are another's heirs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.adapters.databases.transaction import SqlTransaction
from holdfast.domain.contract import contract_from

CONTRACT = contract_from(
    {
        "name": "items",
        "table": "items",
        "source": "*.csv",
        "primary_key": "key",
        "columns": [{"name": "key", "type": "int"}, {"name": "value", "type": "int"}],
    }
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each statement was run."""
    counted: Counter[str] = Counter()
    for name in ("run", "run_many"):
        original = getattr(SqlTransaction, name)

        def counting(self: SqlTransaction, name: str, *args: Any, original: Any = original, **binds: Any) -> Any:
            counted[name] += 1
            return original(self, name, *args, **binds)

        monkeypatch.setattr(SqlTransaction, name, counting)
    return counted


def test_files_are_registered_together_and_known_without_a_question_each(
    sqlite_url: str, tmp_path: Path, asked: Counter[str]
) -> None:
    settings = holdfast.Settings(url=sqlite_url, project_dir=str(tmp_path))
    for number in range(60):
        (tmp_path / f"part-{number}.csv").write_text(f"key,value\n{number},1\n")
    with holdfast.open_project(settings) as project:
        assert project.load(CONTRACT, []).report.counts.inserted == 60
        assert (asked["file_add"], asked["chunk_add"]) == (1, 1)
        asked.clear()
        again = project.load(CONTRACT, [])
        assert (again.report.files_known, again.report.counts.read) == (60, 0)
        assert max(asked.values()) < 10, asked
        (tmp_path / "part-7.csv").write_text("key,value\n7,2\n")
        asked.clear()
        plan = project.plan(CONTRACT, [])
        assert [file.stamp.uri for file in plan.to_register] == ["part-7.csv"]
        assert asked["chunks_of_file"] == 1
