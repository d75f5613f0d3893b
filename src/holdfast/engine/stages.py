"""The stages of a run: what it did, in which order, for how long, and how each part of it ended.

They are read by the view `pipeline_checkpoint`. A run that is killed leaves the stage it was in as `running`; the next
load sees that its process is gone and calls it `interrupted`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from holdfast.domain.errors import Interrupted
from holdfast.engine.journal import StageLine, journal_of
from holdfast.engine.runs import Run
from holdfast.ports.database import Transaction


class Stage:
    """A stage under way. Set `value` and `metadata` to what is worth knowing of it, by its end."""

    def __init__(self, line: StageLine) -> None:
        self._line = line
        self.is_forgotten = False

    @property
    def metadata(self) -> dict[str, Any]:
        return self._line.metadata

    def set_value(self, value: object) -> None:
        self._line.value = str(value)

    def fail(self, reason: str) -> None:
        """It came to its end without an exception, and yet did not do what it was to do."""
        self._line.status = "failed"
        self._line.metadata["error"] = reason

    def interrupt(self) -> None:
        """Somebody asked for a stop before it was done."""
        self._line.status = "interrupted"

    def forget(self) -> None:
        """There was nothing to do: no line is written of it."""
        self.is_forgotten = True


@contextmanager
def recorded_stage(run: Run | str, stage: str, key: str = "", **metadata: Any) -> Iterator[Stage]:
    """Record what the block does as a stage of the run (or of the run with this id), `key` saying which part of it.

    Costs no transaction and never fails the work. A run that is not under way in this process records nothing.
    """
    run_id = run if isinstance(run, str) else run.id
    journal = journal_of(run_id)
    pipeline = journal.pipeline if journal else ""
    line = StageLine(pipeline_name=pipeline, run_id=run_id, stage=stage, key=key, metadata=dict(metadata))
    found = Stage(line)
    if journal:
        journal.add_stage(line)
    try:
        yield found
    except BaseException as error:
        line.status = "interrupted" if isinstance(error, (Interrupted, KeyboardInterrupt, GeneratorExit)) else "failed"
        line.metadata["error"] = getattr(error, "message", "") or type(error).__name__
        found.is_forgotten = False
        raise
    finally:
        line.status = "completed" if line.status == "running" else line.status
        line.ended = time.monotonic()
        if journal and found.is_forgotten:
            journal.drop_stage(line)
        elif journal:
            journal.add_stage(line)


def stage_rows(tx: Transaction, lines: Sequence[StageLine]) -> None:
    """Write finished stages within the caller's transaction: they are there if its work is, and only then."""
    tx.run_many("stage_add", [line.binds() for line in lines])


def finished_stage(
    run: Run,
    stage: str,
    key: str = "",
    *,
    began: float,
    pipeline: str | None = None,
    value: object = None,
    **found: Any,
) -> StageLine:
    """A stage that ends now, for `stage_rows`. `began`: `time.monotonic()` of its beginning."""
    return StageLine(
        pipeline_name=run.dataset if pipeline is None else pipeline,
        run_id=run.id,
        stage=stage,
        key=key,
        value=None if value is None else str(value),
        status="completed",
        began=began,
        ended=time.monotonic(),
        metadata=found,
    )
