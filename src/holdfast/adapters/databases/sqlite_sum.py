"""SUM for SQLite before 3.43, which adds floats and forgets what each step rounds off.

A million amounts of 123456.78 come to 123456779998.99 with its own SUM. This one carries the rest along (as SQLite
itself does since 3.43): 15 digits of a sum of decimals are right.
"""

from __future__ import annotations

import sqlite3

SUMS_EXACTLY_FROM = (3, 43)


class KeptSum:
    """One sum on its way. Whole numbers stay whole, as with SUM; of nothing it is NULL."""

    __slots__ = ("count", "rest", "total")

    def __init__(self) -> None:
        self.count, self.rest = 0, 0.0
        self.total: float = 0  # whole while all it adds is

    def step(self, value: float | None) -> None:
        if value is not None:
            self.count += 1
            before = self.total
            self.total = after = before + value
            came = after - before
            self.rest += (before - (after - came)) + (value - came)

    def inverse(self, value: float | None) -> None:
        """A row leaves the window."""
        if value is not None:
            self.step(-value)
            self.count -= 2

    def value(self) -> float | None:
        return (self.total + self.rest if self.rest else self.total) if self.count else None

    finalize = value


def add_sum(connection: sqlite3.Connection) -> None:
    """Teach a connection HOLDFAST_SUM, which models say instead of SUM."""
    connection.create_window_function("holdfast_sum", 1, KeptSum)
