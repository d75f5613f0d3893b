"""SIGKILL at every named point of a build: the next one goes on, and ends in what a full recompute would give."""

from __future__ import annotations

import signal
from pathlib import Path

from holdfast.engine.faults import POINTS
from tests.support.models_project import ModelsProject

BUILDING = [point for point in POINTS if point.startswith("build.")]


def test_killed_at_every_point(shared_url: str, tmp_path: Path) -> None:
    """Before each kill a row moves to another month, another is corrected and one is new."""
    project = ModelsProject(shared_url, tmp_path)
    project.load("first.csv", [(i, f"2024-05-{i:02}", "EUR", "10.00") for i in range(1, 5)])
    project.built()
    for number, point in enumerate(BUILDING):
        month = f"2024-{6 + number % 2:02}"
        rows = [(1, f"{month}-01", "EUR", "10.00"), (2, "2024-05-02", "EUR", f"{number}.25")]
        project.load(f"{number}.csv", [*rows, (100 + number, f"2024-05-{10 + number}", "USD", "1.10")])
        code, out, err = project.cli("build", HOLDFAST_FAULT=f"{point}:2=kill")
        assert code == -signal.SIGKILL, f"{point} was never reached\n{out}\n{err}"
        project.built()
        project.check()
    assert project.built() == {}
    states = {row["status"] for row in project.query_ledger("model_partition", "silver.daily")}
    assert states == {"done"}
