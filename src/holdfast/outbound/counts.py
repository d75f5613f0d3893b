"""What calls to a source came to: counts that add up over calls, threads and processes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

FAILURES = ("connect", "timeout", "cut", "status", "limited", "refused")
"""Kinds: no connection; silence or the deadline; a connection or body that broke off; 408, 425 and 5xx; 429; a no."""


@dataclass(slots=True)
class CallCounts:
    """Sums. `calls` are requests sent, retries and redirects included."""

    calls: int = 0
    retries: int = 0
    waits: int = 0
    waited_us: int = 0
    failed_connect: int = 0
    failed_timeout: int = 0
    failed_cut: int = 0
    failed_status: int = 0
    failed_limited: int = 0
    failed_refused: int = 0
    last_status: int | None = field(default=None)

    def failed(self, kind: str) -> None:
        name = f"failed_{kind}"
        setattr(self, name, getattr(self, name) + 1)

    def add(self, other: CallCounts) -> None:
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.last_status = other.last_status if other.last_status is not None else self.last_status

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in SUMS)


SUMS = tuple(f.name for f in fields(CallCounts) if f.name != "last_status")
