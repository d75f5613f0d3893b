"""What became of one partition in a build."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Built:
    """What became of one partition. `stages`: seconds by stage. `status`: built, current (somebody was quicker),
    failed or skipped (what it is made of failed).
    """

    key: str
    status: str
    reason: str
    rows: int = 0
    inserted: int = 0
    updated: int = 0
    removed: int = 0
    stages: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def changed(self) -> int:
        return self.inserted + self.updated + self.removed

    @property
    def duration_s(self) -> float:
        return sum(self.stages.values())

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.stages[stage] = round(self.stages.get(stage, 0.0) + time.monotonic() - began, 6)
