"""Runs: one execution of one command on one dataset, from its first line in the ledger to its last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from holdfast.domain.errors import DatabaseError, HoldfastError, Interrupted
from holdfast.engine.journal import Journal, kept_journal, write_with
from holdfast.engine.place import this_process
from holdfast.engine.run_id import new_run_id
from holdfast.ports.database import Database

log = structlog.get_logger("holdfast.runs")


@dataclass(slots=True)
class Run:
    """A run under way. Set `error` when it did not reach its end; an exception sets it too."""

    id: str
    dataset: str
    error: HoldfastError | None = None


@contextmanager
def recorded_run(database: Database, dataset: str, command: str, run_key: str | None = None) -> Iterator[Run]:
    """Write the run's start, and its end whatever it is. A run that is killed stays `running` until a load sweeps it.

    What is logged within, and the stages recorded, are the run's (`journal.py`).
    """
    run, process = Run(new_run_id(), dataset), this_process()
    with database.transaction() as tx:
        tx.run(
            "run_start",
            run_id=run.id,
            dataset=dataset,
            command=command,
            run_key=run_key,
            host=process.host,
            pid=process.pid,
            place=process.place,
            process_start=process.start,
        )
    with kept_journal(database, run.id, dataset) as journal:
        try:
            yield run
        except HoldfastError as error:
            run.error = error
            raise
        except BaseException as error:
            run.error = HoldfastError(f"{type(error).__name__}: {error}")
            raise
        finally:
            _end(database, run, journal, command)


def _end(database: Database, run: Run, journal: Journal, command: str) -> None:
    error = run.error
    status = "done" if error is None else "interrupted" if isinstance(error, Interrupted) else "failed"
    exit_code = error.exit_code if error else 0
    log.info(
        "run ended", ledger_level="error" if error else "info", command=command, status=status, exit_code=exit_code,
        **({"error": error.message} if error else {}),
    )  # fmt: skip
    told = {"run_id": run.id, "status": status, "exit_code": exit_code, "error": error.message if error else None}
    try:
        write_with(journal, database, "run_end", **told)
    except DatabaseError as trouble:
        log.warning("the run's end could not be written", run=run.id, error=trouble.message)


def done_run_of_key(database: Database, dataset: str, run_key: str) -> str | None:
    """The run that already did what `run_key` names, if it came to its end."""
    with database.reading() as tx:
        row = tx.run("run_of_key", dataset=dataset, run_key=run_key).first
    return row["id"] if row else None
