"""SIGKILL at every point of a publish, one after the other: until its COMMIT nothing is seen, then everything."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from holdfast.engine.faults import POINTS
from tests.crash.deliveries import Delivery, deliver

pytestmark = pytest.mark.also_on("mysql")
PUBLISH = [point for point in POINTS if point.startswith("publish.")]
SWAPPED = [point for point in PUBLISH if point != "publish.compared"]
FILLED = [point for point in SWAPPED if point != "publish.keyed"]
COMPARED = [point for point in PUBLISH if point != "publish.keyed"]


def kill_at_each(delivery: Delivery, points: list[str]) -> None:
    """Each kill finds what the one before left. What readers see is looked at after every one of them."""
    for point in points:
        code, out, err = delivery.project.run("load", "usage", HOLDFAST_FAULT=f"{point}:1=kill")
        assert code == -signal.SIGKILL, f"{point} was never reached\n{out}\n{err}"
        is_committed = point == "publish.committed"
        assert delivery.seen() == (delivery.after if is_committed else delivery.before), f"killed at {point}"
    delivery.project.load_until_done()
    delivery.check()


def points_of(url: str, way: str) -> list[str]:
    if way == "compared":
        return COMPARED
    return SWAPPED if way == "swapped" and url.startswith("postgres") else FILLED


@pytest.mark.parametrize("way", ["swapped", "compared", "replacing"])
def test_killed_at_every_point_of_its_publish(database_url: str, tmp_path: Path, way: str) -> None:
    delivery = deliver(tmp_path / "project", database_url, way)
    assert delivery.before != delivery.after
    kill_at_each(delivery, points_of(database_url, way))


def test_four_workers_each_killed_while_publishing(postgres_url: str, tmp_path: Path) -> None:
    delivery = deliver(tmp_path / "project", postgres_url, "swapped")
    fault = "publish.rows_written:1=kill"
    code, out, err = delivery.project.run("load", "usage", "--workers", "4", HOLDFAST_FAULT=fault)
    assert code == 1, f"exit {code}\n{out}\n{err}"
    assert delivery.project.workers_left(), f"no worker was killed\n{err}"
    assert delivery.seen() == delivery.before
    delivery.project.load_until_done()
    delivery.check()
