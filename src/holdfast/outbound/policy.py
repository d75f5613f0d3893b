"""How calls to one source are made: its limits, its patience. Plain values; `[sources.NAME]` of holdfast.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MICROSECONDS = 1_000_000
LATENESS_S_MAX = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything has a default but the name. `calls=None`: no limit."""

    source: str  # what limits, statistics and the breaker go by, at most 63 characters
    calls: int | None = None  # at most so many calls ...
    period_s: float = 60.0  # ... in any window this long, over all processes that share the ledger
    burst: int = 1  # so many of them may go at once; the more, the slower the rest (see docs/outbound.md)
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0  # the longest silence
    deadline_s: float = 120.0  # all tries and waits of one call
    response_bytes_max: int = 64 * 1024 * 1024  # decompressed
    redirects_max: int = 5
    tries: int = 5
    backoff_initial_s: float = 0.5
    backoff_multiplier: float = 2.0
    backoff_cap_s: float = 30.0
    backoff_jitter: float = 0.5  # a wait is shortened at random by up to this share
    retry_budget: float = 0.1  # retries a call earns for those after it; a reserve of 10 is there from the start
    breaker_failures: int = 5  # so many failures in a row open the breaker
    breaker_cooldown_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.source) <= 63:
            raise ValueError(f"source is {self.source!r}: expected a name of 1 to 63 characters")
        if self.period_s <= 0:
            raise ValueError(f"period_s is {self.period_s}: expected more than 0")
        if self.calls is not None and not 1 <= self.burst <= self.calls:
            raise ValueError(f"burst is {self.burst}: expected 1 to calls ({self.calls})")

    @property
    def lateness_us(self) -> int:
        """How much later than its slot a call may be sent. Slots are so far apart that this breaks no promise."""
        return int(min(LATENESS_S_MAX, self.period_s / 10) * MICROSECONDS)

    @property
    def step_us(self) -> int:
        """What one call takes of the limit: `burst` calls at once and the rest so far apart are `calls` a window."""
        assert self.calls is not None
        window_us = int(self.period_s * MICROSECONDS) + self.lateness_us
        return -(-window_us // (self.calls - self.burst + 1))

    @property
    def tolerance_us(self) -> int:
        """How far ahead of the even pace a burst may be."""
        return self.step_us * (self.burst - 1) if self.calls is not None else 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response. `headers` have lower-case names; `body` is decompressed; `url_shown` has no secret in it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url_shown: str
