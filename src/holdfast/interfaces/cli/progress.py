"""The progress of a load: a bar on a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PLAIN_EVERY_S = 10.0
OnProgress = Callable[[dict[str, Any]], None]


@contextmanager
def progress_bar(dataset: str) -> Iterator[OnProgress]:
    """Gives what the engine calls with the ledger's figures, twice a second."""
    if not sys.stderr.isatty():
        yield _plain(dataset)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rows_per_s]:,.0f} rows/s"),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(dataset, total=None, rows=0, rows_per_s=0.0)
        rate = _Rate()

        def on_progress(far: dict[str, Any]) -> None:
            bar.update(
                task,
                description=f"{dataset} publishing" if _is_publishing(far) else dataset,
                total=int(far["bytes_total"]),
                completed=int(far["bytes_done"]),
                rows=int(far["rows_done"]),
                rows_per_s=rate.per_s(int(far["rows_done"])),
            )

        yield on_progress


def _is_publishing(far: dict[str, Any]) -> bool:
    """Everything landed, and readers see nothing of it yet."""
    return bool(far["chunks_landed"]) and far["chunks_done"] == far["chunks_total"]


class _Rate:
    """Rows a second since the first look: what earlier runs did does not count."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def per_s(self, rows: int) -> float:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, rows)
        began, at_first = self._first
        return (rows - at_first) / (now - began) if now > began else 0.0


def _plain(dataset: str) -> OnProgress:
    rate, told = _Rate(), time.monotonic()

    def on_progress(far: dict[str, Any]) -> None:
        nonlocal told
        per_s = rate.per_s(int(far["rows_done"]))
        if time.monotonic() - told < PLAIN_EVERY_S:
            return
        told = time.monotonic()
        done, total = int(far["chunks_done"]), int(far["chunks_total"])
        rows = f"{dataset}  {int(far['rows_done']):,} rows"
        speed = "publishing" if _is_publishing(far) else f"{per_s:,.0f} rows/s"
        print(f"{rows}, {done:,} of {total:,} chunks, {speed}", file=sys.stderr, flush=True)

    return on_progress
