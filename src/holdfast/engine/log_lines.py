"""Lines that runs logged, read back from the ledger."""

from __future__ import annotations

import json

from holdfast.domain.errors import UsageError
from holdfast.engine.migrate import ledger_version
from holdfast.ports.database import Database, Row

LEVELS = ("debug", "info", "warning", "error", "critical")
_SINCE_VERSION = 9  # of the ledger


def latest_lines(
    database: Database, *, run_id: str | None = None, level: str = "info", dataset: str | None = None, most: int = 100
) -> list[Row]:
    """The latest `most` lines of at least this level, oldest first; `metadata` as a dict.

    Raises UsageError for a level that does not exist, and for a run that does not.
    """
    if level not in LEVELS:
        raise UsageError(f"log level {level!r} is unknown; nothing was read", hint=f"use one of {', '.join(LEVELS)}")
    if ledger_version(database).found < _SINCE_VERSION:
        return []
    with database.reading() as tx:
        if run_id and not tx.run("run_get", run_id=run_id).first:
            raise UsageError(f"there is no run {run_id!r}", hint="see: holdfast runs")
        rows = tx.run(
            "logs_latest",
            run_id=run_id or "",
            pipeline_name=dataset or "",
            rank_min=LEVELS.index(level),
            most=most,
        ).rows
    return [{**row, "metadata": json.loads(row["metadata"])} for row in reversed(rows)]
