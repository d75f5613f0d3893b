"""What a run owes: the loads that were unfinished once it had planned, and whatever took work over from them.

Others may plan loads at any time. A run neither waits for those nor answers for them: exit code 0 speaks of its own
plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.ports.database import Database

LOADS_MAX = 2**31 - 1  # the largest number the ledger can give a load


@dataclass(frozen=True, slots=True)
class Owed:
    """Loads of a dataset, by number, from the first that was unfinished to the last, both included."""

    dataset: str
    first: int
    last: int


def owed_now(database: Database, dataset: str) -> Owed | None:
    """None: every load is finished."""
    with database.reading() as tx:
        numbers = [row["number"] for row in tx.run("loads_unfinished", dataset=dataset).rows]
    return Owed(dataset, numbers[0], numbers[-1]) if numbers else None


def with_successors(database: Database, owed: Owed) -> Owed:
    """With the loads that came since and took something over: a file's newer version gets its unwritten chunks."""
    with database.reading() as tx:
        while True:
            row = tx.run("load_overtaking", dataset=owed.dataset, first=owed.first, last=owed.last).rows[0]
            if row["number"] is None:
                return owed
            owed = replace(owed, last=row["number"])
