"""Waiting. The engine never reads a wall clock (all times come from the database); it only sleeps and measures."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def monotonic_s(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...
