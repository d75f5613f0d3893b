"""What a partition's inputs were: for each input the number of touches it depends on and the sum of their hashes.

Touches are only ever added, in the transaction that changes the rows. So a fingerprint that was read before the rows,
and is the same later, says that nothing a rebuild would see has changed since.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from holdfast.models.graph import Input
from holdfast.models.partitions import Window, days_of, window
from holdfast.ports.database import Row, Transaction

Sums = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Touches:
    """The touches of one relation, summed by partition: quick to sum over any window."""

    keys: list[str]
    counts: list[int]
    hashes: list[int]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Touches:
        by_key = sorted((str(row["partition_key"]), int(row["touches"]), int(row["hash"])) for row in rows)
        return cls(
            [key for key, _, _ in by_key],
            [0, *accumulate(count for _, count, _ in by_key)],
            [0, *accumulate(number for _, _, number in by_key)],
        )

    def within(self, wanted: Window | None) -> Sums:
        """The sums over a window; over everything where there is none."""
        if wanted is None:
            return self.counts[-1], self.hashes[-1]
        spans = [(bisect_left(self.keys, wanted.first), bisect_right(self.keys, wanted.last))]
        spans += [(bisect_left(self.keys, key), bisect_right(self.keys, key)) for key in wanted.around]
        return (
            sum(self.counts[end] - self.counts[start] for start, end in spans if end > start),
            sum(self.hashes[end] - self.hashes[start] for start, end in spans if end > start),
        )


def window_of(given: Input, key: str) -> Window | None:
    """What of an input the partition `key` depends on; None: all of it."""
    days = days_of(key) if given.by_partition else None
    return window(days.reaching_back(given.lookback_days)) if days else None


def touches_of(tx: Transaction, inputs: Sequence[Input]) -> dict[str, Touches]:
    """The touches of every input, by relation."""
    keys = (given.relation.key for given in inputs if not given.relation.is_external)
    return {key: Touches.of(tx.run("model_touches", relation=key).rows) for key in keys}


def sums_now(tx: Transaction, given: Input, key: str) -> Sums:
    """As `Touches.within`, asked of the database for one partition."""
    wanted = window_of(given, key)
    if wanted is None:
        row = tx.run("model_touches_whole", relation=given.relation.key).rows[0]
    else:
        row = tx.run("model_touches_within", relation=given.relation.key, **window_binds(wanted)).rows[0]
    return int(row["touches"]), int(row["hash"])


def window_binds(wanted: Window) -> dict[str, Any]:
    around = {f"around_{i}": key for i, key in enumerate(wanted.around)}
    return {"key_first": wanted.first, "key_last": wanted.last, **around}


def fingerprint_now(tx: Transaction, inputs: Sequence[Input], sql_hash: str, key: str) -> str:
    """Read it before the inputs themselves: what is committed between is then seen twice, not missed."""
    found = {g.relation.key: sums_now(tx, g, key) for g in inputs if not g.relation.is_external}
    return as_text(sql_hash, found)


def fingerprint_of(touches: Mapping[str, Touches], inputs: Sequence[Input], sql_hash: str, key: str) -> str:
    """The same from touches that were read for all partitions at once."""
    found = {
        g.relation.key: touches[g.relation.key].within(window_of(g, key)) for g in inputs if not g.relation.is_external
    }
    return as_text(sql_hash, found)


def as_text(sql_hash: str, inputs: Mapping[str, Sums]) -> str:
    return json.dumps({"sql": sql_hash, "inputs": {key: list(inputs[key]) for key in sorted(inputs)}})
