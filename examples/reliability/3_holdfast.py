"""Lesson 3: the Holdfast way. A process is killed with SIGKILL in the middle of a load; then it is resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import holdfast

ROWS = 1_000
SALES = holdfast.Contract(
    name="sales",
    table="sales",
    source=["sales.csv"],
    primary_key=["id"],
    processed_at="processed_at",
    columns=[
        holdfast.Column(name="id", type="int"),
        holdfast.Column(name="day", type="date"),
        holdfast.Column(name="amount", type="decimal(12,2)"),
    ],
    format=holdfast.Format(chunk_bytes=4_000),  # small, for a small file: each chunk is one transaction
)


def write_sales(file: Path) -> None:
    lines = [f"{number},2024-06-{number % 30 + 1:02},{number}.25" for number in range(1, ROWS + 1)]
    file.write_text("id,day,amount\n" + "\n".join(lines) + "\n")


def load(directory: str) -> holdfast.LoadResult:
    settings = holdfast.Settings(url=f"sqlite:///{directory}/sales.db", project_dir=directory)
    with holdfast.open_project(settings) as project:
        return project.load(SALES, [])


def load_and_be_killed(directory: str) -> None:
    """Load in a process of its own, which stops in its third chunk (rows written, not committed): then kill -9 it."""
    child = subprocess.Popen(
        [sys.executable, __file__, directory], env={**os.environ, "HOLDFAST_FAULT": "commit.rows_written:3=stop"}
    )
    os.waitpid(child.pid, os.WUNTRACED)  # until it stands still there
    child.send_signal(signal.SIGKILL)
    print(f"kill -9: the loading process ended by signal {-child.wait()}")


def show(what: str, directory: str) -> tuple[int, str]:
    database = holdfast.connect(f"sqlite:///{directory}/sales.db")
    with database.reading() as tx:
        (found,) = tx.query("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, SUM(amount) AS amount FROM sales")
    database.close()
    print(f"{what:<28} {found['n']:>6,} rows {found['ids']:>6,} sales {found['amount']:>12,.2f} in all")
    return found["n"], found["amount"]


def told(result: holdfast.LoadResult) -> str:
    counts = result.report.counts
    return f"read {counts.read:,} rows, inserted {counts.inserted:,}"


def lesson(directory: str) -> None:
    write_sales(Path(directory, "sales.csv"))
    load_and_be_killed(directory)
    show("1: after the kill", directory)
    print(f"resumed: {told(load(directory))}")
    first = show("2: after it was resumed", directory)
    print(f"once more: {told(load(directory))}")
    again = show("3: after one load more", directory)
    print(f"the same rows: {'yes' if first == again else 'NO'}")
    print(
        "Observe: the kill left whole chunks and nothing of the one in hand. The next load did what was left and read\n"
        "nothing twice; the load after that knew the file by its content and had nothing to do."
    )


if len(sys.argv) > 1:
    load(sys.argv[1])
else:
    with tempfile.TemporaryDirectory() as here:
        lesson(here)
