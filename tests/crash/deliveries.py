"""Loads that land, and what the table must hold afterwards, read from the files by Python's own csv module.

Four ways to publish: a *first* load (filled), one that is *swapped* in (filled on SQLite), a *compared* one (keys the
table has, 5% of the amounts changed) and a *replacing* one. `Delivery.check` is what any history of kills and faults
must end in.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import holdfast
from bench.usage_data import make_usage
from tests.support.catalogues import tables_like
from tests.support.usage_project import Contents, UsageProject

COLUMNS = "date, bill_id, currency, name, product1_revenue, product2_revenue"


@dataclass
class Delivery:
    """A project with one load to do. `before` and `after`: what the table holds, without `_origin`."""

    project: UsageProject
    before: Contents
    after: Contents

    def seen(self) -> Contents:
        """The table's rows as any reader sees them. An equal row may keep the `_origin` of an earlier delivery."""
        if not self.tables("usage_data"):
            return []
        rows = self._read(f"SELECT {COLUMNS} FROM usage_data")
        return sorted((*map(str, row[:4]), f"{row[4]:.2f}", f"{row[5]:.2f}") for row in rows)

    def tables(self, pattern: str) -> list[str]:
        return [name for (name,) in self._read(tables_like(self.project.url, pattern))]

    def _read(self, sql: str) -> list[tuple[Any, ...]]:
        """Without waiting for a writer, even a frozen one."""
        database = holdfast.connect(self.project.url)
        try:
            with database.reading() as tx:
                return [tuple(row.values()) for row in tx.query(sql)]
        finally:
            database.close()

    def check(self) -> None:
        """The rows; chunks done; one fate a row; as many rows in the ledger as in the table; nothing left behind."""
        assert self.seen() == self.after
        chunk = self.project.ops("chunk")
        assert {row["state"] for row in self.project.query(f"SELECT state FROM {chunk}")} <= {"done", "dropped"}
        told = self.project.query(
            "SELECT SUM(rows_inserted) AS inserted, SUM(rows_read) AS rows_read, SUM(rows_inserted + rows_updated"
            f" + rows_unchanged + rows_superseded + rows_rejected) AS fates FROM {chunk} WHERE state = 'done'"
        )[0]
        assert int(told["inserted"]) == len(self.after)
        assert told["rows_read"] == told["fates"]
        assert not self.tables("holdfast_landing%")
        self.project.check_touches()


def deliver(directory: Path, url: str, way: str, *, rows: int = 1_500) -> Delivery:
    """A project whose next load is of this way."""
    keyed = way != "replacing"
    project = UsageProject(
        directory,
        url,
        rows=rows,
        bad=0.0,
        chunk_bytes=16_384,
        publish="load" if way == "first" else "auto",
        disposition="merge" if keyed else "replace",
        env={"HOLDFAST_LOAD__LANDING_ROWS_MIN": "0"} if way == "swapped" else {},
    )
    if way in ("first", "swapped"):
        return Delivery(project, [], truth([project.file], keyed=True))
    project.load()
    before = truth([project.file], keyed=keyed)
    later = project.directory / "data" / "usage2.csv"
    make_usage(later, rows=rows, dup=0.05, changed=0.05)
    files = [project.file, later] if keyed else [later]
    if not keyed:
        project.file.unlink()
    return Delivery(project, before, truth(files, keyed=keyed))


def truth(files: Iterable[Path], *, keyed: bool) -> Contents:
    """The rows of these files; with a key, the last one of each."""
    rows: list[tuple[str, ...]] = []
    for file in files:
        with file.open(encoding="utf-8", newline="") as text:
            rows += [(_iso(row[0]), *row[1:]) for row in list(csv.reader(text))[1:]]
    return sorted({row[:2]: row for row in rows}.values() if keyed else rows)


def _iso(day: str) -> str:
    return datetime.strptime(day, "%d/%m/%Y").date().isoformat()  # noqa: DTZ007 - a day of a bill, nowhere on earth
