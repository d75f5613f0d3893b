"""Builders and loaders at once, each a process of its own; afterwards every group is compared with a full recompute.

    python -m bench.build_race postgresql://postgres@127.0.0.1:5432/scratch --seconds 60 --builders 2 --loaders 4

Loaders deliver new, corrected and moved rows over and over; builders build over and over. What must hold: no group is
wrong after one last build, the build after it finds nothing to do, and no two builders built the same partition from
the same inputs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from holdfast.domain.errors import HoldfastError
from tests.support.models_project import ModelsProject

Told = tuple[str, Any]
DAYS = [f"2024-{month:02}-{day:02}" for month in (5, 6, 7) for day in (1, 2, 3, 4)]


def race(url: str, directory: Path, *, seconds: float, builders: int = 2, loaders: int = 4) -> dict[str, int]:
    """Run it on an empty database. Raises AssertionError where a group is wrong, or work was done twice."""
    project = ModelsProject(url, directory)
    project.load("first.csv", [(0, DAYS[0], "EUR", "1.00")])
    project.built()
    found = _run(project, seconds, [_build] * builders + [_load] * loaders)
    errors = [text for kind, text in found if kind == "error"]
    assert not errors, errors
    project.built()
    project.check()
    assert project.built() == {}
    built = Counter(tuple(key) for kind, keys in found if kind == "built" for key in keys)
    twice = [key for key, count in built.items() if count > 1]
    assert not twice, f"built twice from the same inputs: {twice[:3]}"
    return {
        "loads": sum(kind == "loaded" for kind, _ in found),
        "builds": sum(kind == "built" for kind, _ in found),
        "partitions built": built.total(),
        "looked at again and left": sum(n for kind, n in found if kind == "current"),
        "groups compared": sum(len(rows) for rows in project.expected().values()),
        "groups wrong": 0,
    }


def _run(project: ModelsProject, seconds: float, works: list[Callable[..., None]]) -> list[Told]:
    context = multiprocessing.get_context("fork")  # nothing is open, and what is imported need not be again
    told: Queue[Told | None] = context.Queue()
    processes = [
        context.Process(target=work, args=(project.url, str(project.directory), number, time.time() + seconds, told))
        for number, work in enumerate(works)
    ]
    for process in processes:
        process.start()
    found: list[Told] = []
    running = len(processes)
    while running:
        one = told.get(timeout=seconds + 240)
        if one is None:
            running -= 1
        else:
            found.append(one)
    for process in processes:
        process.join()
    return found


def _again(told: Queue[Told | None], until: float, work: Callable[[int], None]) -> None:
    """At least once, so that a slow machine races too."""
    number = 0
    try:
        while number == 0 or time.time() < until:
            work(number)
            number += 1
    except (HoldfastError, AssertionError) as error:
        told.put(("error", f"{type(error).__name__}: {error}"))
    finally:
        told.put(None)


def _load(url: str, directory: str, who: int, until: float, told: Queue[Told | None]) -> None:
    dice, project = random.Random(who), ModelsProject.at(url, Path(directory))

    def load(number: int) -> None:
        ids = dice.sample(range(60), 12)
        rows = [
            (i, dice.choice(DAYS), dice.choice(["EUR", "USD"]), f"{dice.randrange(1, 30000) / 100:.2f}") for i in ids
        ]
        project.load(f"{who}-{number}.csv", rows)
        told.put(("loaded", number))

    _again(told, until, load)


def _build(url: str, directory: str, _who: int, until: float, told: Queue[Told | None]) -> None:
    project = ModelsProject.at(url, Path(directory))

    def build(_number: int) -> None:
        result = project.build()
        if result.error:
            raise result.error
        ours = [(report.model, one) for report in result.models for one in report.built]
        told.put(("built", [(model, one.key, one.fingerprint) for model, one in ours if one.status == "built"]))
        told.put(("current", sum(one.status == "current" for _, one in ours)))

    _again(told, until, build)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("url", help="an empty database")
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--builders", type=int, default=2)
    arguments.add_argument("--loaders", type=int, default=4)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = race(given.url, Path(directory), seconds=given.seconds, builders=given.builders, loaders=given.loaders)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
