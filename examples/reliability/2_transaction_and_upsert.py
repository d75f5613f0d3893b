"""Lesson 2: the same in one transaction, with an upsert. It runs three times: a crash, a success, and once again."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import holdfast

ROWS, CRASH_AFTER = 1_000, 500


def write_sales(file: Path) -> None:
    lines = [f"{number},2024-06-{number % 30 + 1:02},{number}.25" for number in range(1, ROWS + 1)]
    file.write_text("id,day,amount\n" + "\n".join(lines) + "\n")


def rows_of(file: Path, crash_after: int | None) -> Iterator[dict[str, Any]]:
    """The CSV's rows, each with the moment it was processed, for whoever asks later how fresh it is."""
    processed_at = datetime.now(UTC).isoformat()
    with file.open(newline="") as lines:
        for done, row in enumerate(csv.DictReader(lines)):
            if done == crash_after:
                raise RuntimeError(f"the machine went away after {done} rows")
            yield {**row, "processed_at": processed_at}


def ingest(file: Path, database: holdfast.Database, crash_after: int | None = None) -> None:
    """All rows or none; and a sale that is there already is overwritten, not doubled."""
    with database.transaction() as tx:
        tx.upsert("sales", rows_of(file, crash_after), key=["id"])


def show(what: str, database: holdfast.Database) -> tuple[int, float, str]:
    """What the table holds now: rows, their sum, and when they were processed."""
    with database.reading() as tx:
        (found,) = tx.query(
            "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, COALESCE(SUM(amount), 0) AS amount,"
            " COALESCE(MIN(processed_at), '-') AS processed_at FROM sales"
        )
    print(f"{what:<28} {found['n']:>6,} rows {found['ids']:>6,} sales {found['amount']:>12,.2f} in all")
    return found["n"], found["amount"], found["processed_at"]


with tempfile.TemporaryDirectory() as directory:
    sales = Path(directory, "sales.csv")
    write_sales(sales)
    database = holdfast.connect(f"sqlite:///{directory}/sales.db")
    with database.transaction() as tx:
        tx.execute("CREATE TABLE sales (id INTEGER PRIMARY KEY, day TEXT, amount NUMERIC, processed_at TEXT)")

    show("before", database)
    try:
        ingest(sales, database, CRASH_AFTER)
    except RuntimeError as crash:
        print(f"crash: {crash}")
    show("1: after the crash", database)
    ingest(sales, database)
    *first, first_at = show("2: after a run to the end", database)
    ingest(sales, database)
    *again, again_at = show("3: after one run more", database)
    print(f"the same rows: {'yes' if first == again else 'NO'}")
    print(f"processed_at moved on: {'yes' if again_at > first_at else 'NO'}")
    database.close()

print(
    "Observe: the crash left an empty table, not half of one. The key made the third run harmless: the same rows,\n"
    "and processed_at says when they were last looked at. The price: a crash in the last minute costs all the hours\n"
    "before it, nobody knows which file a row came from, and rows that do not fit stop everything."
)
