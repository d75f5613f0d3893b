"""The plots of the growth jobs: which lines, and where the drawings are. Drawn by matplotlib."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from bench.jobs import JOBS
from bench.place import SCRIPTS
from bench.record import Record, median
from bench.tools import Absent, environment

Lines = dict[str, list[tuple[float, float]]]


def lines(record: Record) -> Lines:
    """For each contender its points: x, and the median of the seconds there."""
    found: Lines = {}
    for name in record.contenders():
        places = sorted({run.x for run in record.of(name) if run.x is not None})
        found[name] = [(x, median(record.of(name, x), lambda run: run.wall_s)) for x in places]
    return {name: points for name, points in found.items() if points}


def draw(directory: Path, found: dict[str, Record]) -> dict[str, str]:
    """Draw what there is to draw, and give the addresses of the drawings as the page beside `directory` needs them."""
    wanted = [
        {
            "file": str(directory / f"{name}.svg"),
            "title": JOBS[name].title,
            "x": JOBS[name].plot,
            "lines": lines(record),
        }
        for name, record in found.items()
        if name in JOBS and JOBS[name].plot
    ]
    if wanted:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            script = SCRIPTS / "draw_plots.py"
            subprocess.run([environment("matplotlib"), script], input=json.dumps(wanted), text=True, check=True)
        except Absent as reason:
            print(f"plots are left as they were: matplotlib {reason}", flush=True)
    return {
        Path(plot["file"]).stem: f"{directory.name}/{Path(plot['file']).name}"
        for plot in wanted
        if Path(plot["file"]).exists()
    }
