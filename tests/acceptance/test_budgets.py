"""A budget of rejects that is changed under way: which one holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.frozen import frozen, thaw
from tests.acceptance.items_project import HEADER, ItemsProject, items


@pytest.mark.parametrize(("first", "then", "exit_code"), [("0", "1", 0), ("1", "0", 3)], ids=["raised", "lowered"])
def test_a_budget_given_later_holds_for_a_worker_under_way(
    shared_url: str, tmp_path: Path, first: str, then: str, exit_code: int
) -> None:
    """The worker has its chunk in hand, bad row and all, when another start of the load changes the budget."""
    project = ItemsProject(tmp_path / "project", shared_url)
    project.write(HEADER + items(1, 8) + "9,item,bad\n")
    with (
        frozen(project, "load", "items", "--max-rejects", first, at="chunk.ready:1") as worker,
        frozen(project, "load", "items", "--max-rejects", then, at="plan.committed:1") as second,
    ):
        assert thaw(worker) == exit_code, worker.stderr
        assert thaw(second) == exit_code, second.stderr
    assert len(project.rows()) == (0 if exit_code else 8)
    assert project.told("status")["datasets"][0]["rejects_open"] == (0 if exit_code else 1)
