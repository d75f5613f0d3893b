"""Lesson 1: an ingest without transactions. It crashes half-way, and what it wrote stays. Run: python FILE"""

from __future__ import annotations

import csv
import sqlite3
import tempfile
from pathlib import Path

ROWS, CRASH_AFTER = 1_000, 500


def write_sales(file: Path) -> None:
    lines = [f"{number},2024-06-{number % 30 + 1:02},{number}.25" for number in range(1, ROWS + 1)]
    file.write_text("id,day,amount\n" + "\n".join(lines) + "\n")


def ingest(file: Path, table: sqlite3.Connection, crash_after: int | None = None) -> None:
    """Insert row by row. Each INSERT is committed at once, for nothing says where the work begins and ends."""
    with file.open(newline="") as lines:
        for done, row in enumerate(csv.DictReader(lines)):
            if done == crash_after:
                raise RuntimeError(f"the machine went away after {done} rows")
            table.execute("INSERT INTO sales (id, day, amount) VALUES (:id, :day, :amount)", row)


def show(what: str, table: sqlite3.Connection) -> None:
    asked = table.execute("SELECT COUNT(*), COUNT(DISTINCT id), COALESCE(SUM(amount), 0) FROM sales")
    rows, ids, amount = asked.fetchone()
    print(f"{what:<28} {rows:>6,} rows {ids:>6,} sales {amount:>12,.2f} in all")


with tempfile.TemporaryDirectory() as directory:
    sales = Path(directory, "sales.csv")
    write_sales(sales)
    database = sqlite3.connect(Path(directory, "sales.db"), isolation_level=None)  # None: each statement by itself
    database.execute("PRAGMA synchronous = OFF")  # 1,500 commits, each waiting for the disk, would take a while
    database.execute("CREATE TABLE sales (id INTEGER, day TEXT, amount NUMERIC)")

    show("before", database)
    try:
        ingest(sales, database, CRASH_AFTER)
    except RuntimeError as crash:
        print(f"crash: {crash}")
    show("after the crash", database)
    ingest(sales, database)  # what everybody does next
    show("after the same thing again", database)
    database.close()

print(
    "Observe: the crash left half a table, which looks like a whole one. Running it again did not mend it:\n"
    "half of the sales are there twice, and every report shows revenue that nobody earned."
)
