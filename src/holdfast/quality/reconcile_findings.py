"""What was found, bucket by bucket: exact counts by chunk and by partition, and the first differences in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from holdfast.domain.origin import ROW_BITS
from holdfast.quality.reconcile_compare import Verdict
from holdfast.quality.reconcile_hash import DAY, ORIGIN, Prints

KINDS = ("missing", "extra", "different")


@dataclass(slots=True)
class Tally:
    """The table's rows by chunk of their `_origin` and by day of their partition."""

    rows: int = 0
    mended: int = 0  # of what is expected: rows that the ledger says, not the sources
    by_chunk: Counter[int] = field(default_factory=Counter)
    by_day: Counter[int] = field(default_factory=Counter)

    def add(self, prints: Prints) -> None:
        self.rows += len(prints)
        _count(self.by_chunk, prints[:, ORIGIN] >> ROW_BITS)
        _count(self.by_day, prints[:, DAY])


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs; `source` or `table` is None where it has no such row. Both are prints of one row."""

    kind: str
    source: Prints | None
    table: Prints | None

    @property
    def origin(self) -> int:
        prints = self.source if self.source is not None else self.table
        assert prints is not None
        return int(prints[ORIGIN])


@dataclass(slots=True)
class Findings:
    """Adds verdicts up. Only `most` differences are kept, those with the smallest origins; everything is counted."""

    most: int
    expected: int = 0
    unverified: int = 0
    unsaid: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    unverified_by_chunk: Counter[int] = field(default_factory=Counter)
    differing_chunks: set[int] = field(default_factory=set)
    differing_days: set[int] = field(default_factory=set)
    more_in_chunk: Counter[int] = field(default_factory=Counter)  # in the table than expected; may be below 0
    more_on_day: Counter[int] = field(default_factory=Counter)
    first: list[Difference] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.expected += verdict.expected
        self.unverified += len(verdict.unverified)
        self.unsaid += len(verdict.mended)
        _count(self.unverified_by_chunk, verdict.unverified[:, ORIGIN] >> ROW_BITS)
        wanted, found = verdict.different
        for kind, expected_rows, found_rows in (
            ("missing", verdict.missing, None),
            ("extra", None, verdict.extra),
            ("different", wanted, found),
        ):
            self._place(expected_rows, -1)
            self._place(found_rows, 1)
            rows = len(expected_rows if expected_rows is not None else found_rows)  # type: ignore[arg-type]
            self.counts[kind] += rows
            self._keep(kind, expected_rows, found_rows, rows)

    def _place(self, rows: Prints | None, sign: int) -> None:
        if rows is None or not len(rows):
            return
        for place, differing, more in (
            (rows[:, ORIGIN] >> ROW_BITS, self.differing_chunks, self.more_in_chunk),
            (rows[:, DAY], self.differing_days, self.more_on_day),
        ):
            found: Counter[int] = Counter()
            _count(found, place)
            differing.update(found)
            for key, count in found.items():
                more[key] += sign * count

    def _keep(self, kind: str, source: Prints | None, table: Prints | None, rows: int) -> None:
        decides = source if source is not None else table
        assert decides is not None
        some = np.argsort(decides[:, ORIGIN])[: self.most] if rows > self.most else np.arange(rows)
        self.first += [
            Difference(kind, source[row] if source is not None else None, table[row] if table is not None else None)
            for row in some.tolist()
        ]
        if len(self.first) > self.most:
            self.first = self.in_order()[: self.most]

    def in_order(self) -> list[Difference]:
        """The first differences in the order of their origins."""
        return sorted(self.first, key=lambda difference: difference.origin)


def _count(counter: Counter[int], values: npt.NDArray[np.int64]) -> None:
    found, counts = np.unique(values, return_counts=True)
    for value, count in zip(found.tolist(), counts.tolist(), strict=True):
        counter[value] += count
