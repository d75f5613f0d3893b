"""What became of one partition in a build, and how long each step of it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from holdfast.engine.journal import StageLine

STEPS = ("stage", "check", "delete", "update", "insert", "commit")


@dataclass(slots=True)
class Built:
    """What became of one partition.

    `status`: built, current (somebody was quicker), failed, or skipped (what it is made of failed). `spans`: by step,
    seconds of the process's clock at its beginning and end. Counts are rows.
    """

    key: str
    status: str
    reason: str
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    removed: int = 0
    spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    error: str = ""
    fingerprint: str = ""  # what it was built from
    began: float = field(default_factory=time.monotonic)

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.removed

    @property
    def stages(self) -> dict[str, float]:
        """Seconds by step."""
        return {name: round(ended - began, 6) for name, (began, ended) in self.spans.items()}

    @property
    def duration_s(self) -> float:
        return sum(ended - began for began, ended in self.spans.values())

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.spans[step] = (began, time.monotonic())

    def stage_lines(self, model: str, run_id: str) -> list[StageLine]:
        """What the ledger keeps of the steps until now: a line for the partition, then one for each step."""
        counts = {"inserted": self.inserted, "updated": self.updated, "removed": self.removed, "rows": self.rows}
        whole = self.line(model, run_id, "build", (self.began, time.monotonic()))
        whole.value, whole.metadata = f"{self.changed} rows changed", {"reason": self.reason, **counts}
        if self.error:
            whole.status, whole.value, whole.metadata = "failed", None, {"reason": self.reason, "error": self.error}
        return [whole, *(self.line(model, run_id, f"build.{step}", span) for step, span in self.spans.items())]

    def line(self, model: str, run_id: str, stage: str, span: tuple[float, float]) -> StageLine:
        return StageLine(
            pipeline_name=model,
            run_id=run_id,
            stage=stage,
            key=self.key,
            status="completed",
            began=span[0],
            ended=span[1],
        )
