"""Runs and workers whose processes are gone, told as such: a kill leaves nobody to write its end.

A process of this machine is looked at. One of another machine is given up when nothing was heard of it for a day;
should it live on after all, its run's end is written as ever, and its claims are fenced by their epochs.
"""

from __future__ import annotations

import structlog

from holdfast.domain.errors import HoldfastError
from holdfast.engine.place import Process, process_start, this_process
from holdfast.ports.database import Database, Row

log = structlog.get_logger("holdfast.sweeping")
SILENT_S = 86_400.0


def sweep(database: Database, *, writes: bool = True) -> tuple[int, int]:
    """Call dead runs interrupted and forget dead workers; returns how many of each there were."""
    here = this_process()
    with database.reading() as tx:
        runs = [row["id"] for row in tx.run("runs_unended", silent_s=SILENT_S).rows if _is_over(row, here)]
        silent = {row["id"] for row in tx.run("workers_silent", silent_s=SILENT_S).rows}
        known = tx.run("workers_known", place=here.place).rows
    workers = sorted(silent | {row["id"] for row in known if process_start(row["pid"]) != row["process_start"]})
    if writes and (runs or workers):
        with database.transaction() as tx:
            for run in runs:
                tx.run("run_break_off", run_id=run)
                tx.run("stages_break_off", run_id=run)
            for worker in workers:
                tx.run("worker_leave", worker=worker)
        log.info("swept what dead processes left", runs=len(runs), workers=len(workers))
    return len(runs), len(workers)


def try_to_sweep(database: Database) -> None:
    """As a load begins: nothing hangs on it, so an error of it is not the load's."""
    try:
        sweep(database)
    except HoldfastError as error:
        log.debug("could not look for what dead processes left", error=error.message)


def _is_over(run: Row, here: Process) -> bool:
    if run["place"] == here.place:
        return bool(process_start(run["pid"]) != run["process_start"])
    return bool(run["is_old"]) and not run["workers"]
