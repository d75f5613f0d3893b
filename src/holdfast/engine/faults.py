"""Named points where a test makes a worker die, stop or fail. Off by default, and then only an empty call.

`HOLDFAST_FAULT="commit.rows_written:3=kill"` kills this process at the third passing of that point. Several faults
are separated by commas. Actions: `kill` (SIGKILL), `stop` (SIGSTOP); `deadlock`, `serialization` and `lost` raise
that error.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable

from holdfast.domain.errors import ConfigError, ConnectionLost, Deadlock, SerializationFailure

POINTS = (
    "claim.begun",
    "claim.made",
    "claim.committed",
    "parse.begun",
    "parse.read",
    "parse.done",
    "page.asked",
    "page.answered",
    "chunk.ready",
    "commit.begun",
    "commit.fenced",
    "direct.copied",
    "merge.staged",
    "merge.inserted",
    "merge.locked",
    "merge.updated",
    "merge.advanced",
    "landing.copied",
    "commit.rows_written",
    "commit.touched",
    "commit.rejects_written",
    "commit.finished",
    "commit.page_added",
    "commit.committed",
    "plan.registered",
    "plan.committed",
    "publish.begun",
    "publish.removed",
    "publish.keyed",
    "publish.compared",
    "publish.rows_written",
    "publish.chunk_accounted",
    "publish.finished",
    "publish.committed",
    "fx.counted",
    "fx.answered",
    "fx.stored",
    "fx.published",
    "fx.committed",
    "build.begun",
    "build.locked",
    "build.staged",
    "build.deleted",
    "build.updated",
    "build.inserted",
    "build.finished",
    "build.committed",
)
"""Every point there is, in the order a load, a fetch of exchange rates and the build of a partition pass them."""

ACTIONS = ("kill", "stop", "deadlock", "serialization", "lost")


def _act(action: str) -> None:
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "deadlock":
            raise Deadlock("deadlock injected by a test")
        case "serialization":
            raise SerializationFailure("serialization failure injected by a test")
        case "lost":
            raise ConnectionLost("lost connection injected by a test")
        case _:
            raise AssertionError(action)  # `armed` lets no other through


def armed(spec: str) -> Callable[[str], None]:
    """A `reach` that acts as `spec` says. Raises ConfigError for a point or action that does not exist."""
    plans: dict[tuple[str, int], str] = {}
    for part in filter(None, spec.split(",")):
        place, _, action = part.partition("=")
        point, _, nth = place.partition(":")
        if point not in POINTS or (nth and not nth.isdecimal()) or (action or "kill") not in ACTIONS:
            raise ConfigError(
                f"HOLDFAST_FAULT: {part!r} is no fault; points: {', '.join(POINTS)}; actions: {', '.join(ACTIONS)}",
                hint="write POINT:N=ACTION, as in commit.rows_written:3=kill; or leave HOLDFAST_FAULT out",
            )
        plans[point, int(nth or 1)] = action or "kill"
    passed: Counter[str] = Counter()

    def reach_armed(point: str) -> None:
        passed[point] += 1
        action = plans.get((point, passed[point]))
        if action:
            _act(action)

    return reach_armed


def _reach_nothing(point: str) -> None:
    """The point is passed."""


reach: Callable[[str], None] = (
    armed(os.environ["HOLDFAST_FAULT"]) if os.environ.get("HOLDFAST_FAULT") else _reach_nothing
)
