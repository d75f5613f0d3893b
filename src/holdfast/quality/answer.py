"""What a check asks of the database, and what it makes of the answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from holdfast.ports.database import Database, Row, Transaction

SAMPLE_ROWS = 5
COUNT_COLUMN = "holdfast_failing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: how many rows fail, what was expected of them and what is there, and a few rows' keys.

    `skipped`: there is too little to judge by, and `found` says what is missing.
    """

    failing: int
    expected: str
    found: str
    sample: Sequence[Mapping[str, Any]] = ()
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT with its binds."""

    sql: str
    binds: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counted(self) -> str:
        """The first few of the rows it selects, each with the number of all of them."""
        return f"SELECT f.*, COUNT(*) OVER () AS {COUNT_COLUMN} FROM (\n{self.sql}\n) AS f LIMIT {SAMPLE_ROWS}"  # noqa: S608

    def shown(self, database: Database) -> str:
        """For people, who may give it to the engine's own shell."""
        return database.shown(self.sql, self.binds) + ";"


@dataclass(frozen=True, slots=True)
class Question:
    """A check of a whole table: its statement, and what is made of the rows it gives.

    `judge` is given every row (`whole`), or the first few with the count of all in COUNT_COLUMN.
    `reads`: the relations the answer depends on; while none was touched an earlier answer stands. Empty: always asked.
    `identity`: the binds that make it the same question as before; a moment of the clock is not among them.
    """

    query: Query
    judge: Callable[[list[Row]], Finding]
    whole: bool = False
    reads: tuple[str, ...] = ()
    identity: tuple[object, ...] = ()
    asks: Callable[[Transaction], Finding] | None = None  # where one statement is not enough

    def find(self, tx: Transaction) -> Finding:
        if self.asks:
            return self.asks(tx)
        return self.judge(tx.query(self.query.sql if self.whole else self.query.counted, self.query.binds))

    @property
    def hash(self) -> str:
        return hash_of(self.query.sql, *(self.identity or tuple(self.query.binds.items())))


def hash_of(sql: str, *more: object) -> str:
    return hashlib.sha256(json.dumps([sql, more], default=str).encode()).hexdigest()


def count_of(rows: Sequence[Row]) -> int:
    """How many rows a counted query selects in all."""
    return int(rows[0][COUNT_COLUMN]) if rows else 0


def sample_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != COUNT_COLUMN} for row in rows[:SAMPLE_ROWS]]


def percent(part: int, whole: int) -> str:
    """A share with two digits after the point, or as many as a small one needs to be told from none."""
    share = Decimal(100 * part) / whole if whole else Decimal(0)
    return f"{share:.{max(2, 1 - share.adjusted()) if share else 2}f}%"


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
