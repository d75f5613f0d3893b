"""Jobs in which several contenders load the same file into the same kind of table, and the times are compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from functools import partial

from bench.contenders import (
    COPY_KEYED,
    COPY_TWO,
    DUCKDB_OWN,
    MARIADB_LOAD_DATA,
    POSTGRES_OWN,
    SQLITE_IMPORT,
    holdfast,
)
from bench.jobs.job import Job, race
from bench.load import Contender, Data, Stage, load, present
from bench.peers import POSTGRES_PEERS, SQLITE_PEERS
from bench.record import Figure, Goal, Record, Run, greatest, ratio, times
from bench.usage_data import BILL_STEP, FIRST_BILL, ISO_DATE

ONE, TWO = holdfast(1), holdfast(2)
SQLITE_ONE = holdfast(1, "sqlite")
OTHERS = {"first_bill": FIRST_BILL + BILL_STEP // 2, "seed": 2}
"""Properties of a file whose keys lie between those of the first."""


def _loads(contenders: Sequence[Contender], **properties: object) -> Callable[[Stage, Record], None]:
    """A race of these contenders with a usage file of these properties; the slow ones get a smaller one."""

    def run(stage: Stage, record: Record) -> None:
        def file(contender: Contender) -> Data:
            return stage.usage(min(record.rows, contender.rows_max or record.rows), **properties)

        race(
            stage,
            record,
            [
                lambda turn, contender=contender: [load(stage, contender, file(contender), turn)]
                for contender in present(record, stage, contenders)
            ],
        )

    return run


def _into_full(stage: Stage, record: Record) -> None:
    """Each contender fills a table with other keys first, which is kept and copied: files alone, no time measured."""
    there = stage.usage(record.rows, order="random", **OTHERS)
    data = stage.usage(record.rows, order="random")

    def fill(contender: Contender) -> str:
        filled = load(stage, contender, there, 0)
        if filled.note:
            raise RuntimeError(f"{contender.name} could not fill its table: {filled.note}")
        return stage.postgres.keep(f"filled_{'holdfast' if contender.key is None else 'plain'}")

    contenders = present(record, stage, [TWO, COPY_KEYED, COPY_TWO])
    kept: dict[bool, str] = {}
    for contender in contenders:
        kept.setdefault(contender.key is None, "")
        kept[contender.key is None] = kept[contender.key is None] or fill(contender)

    def entrant(turn: int, contender: Contender) -> list[Run]:
        return [load(stage, contender, data, turn, like=kept[contender.key is None], before=there)]

    race(stage, record, [partial(entrant, contender=contender) for contender in contenders])


def _with_rejects(stage: Stage, record: Record) -> None:
    clean = stage.usage(record.rows)
    bad = stage.usage(record.rows, bad=0.0001)

    def entrant(turn: int, name: str, data: Data) -> list[Run]:
        return [load(stage, TWO, data, turn, name=name)]

    record.how = dict.fromkeys(("clean file", "1 bad row in 10,000"), TWO.how)
    names = dict(zip(record.how, (clean, bad), strict=True))
    race(stage, record, [partial(entrant, name=name, data=data) for name, data in names.items()])


def _best(rank: Callable[[list[float]], float]) -> Figure:
    """Times the rows per second of the peers, by Holdfast with two workers."""
    return times(TWO.name, rank, apart=[ONE.name])


def _ours(theirs: Contender, **bound: float) -> Goal:
    return Goal(f"{TWO.name} / {theirs.name}", ratio(TWO.name, theirs.name), **bound)


JOBS = (
    Job(
        "pg-random-empty",
        "PostgreSQL, keys in random order, empty table",
        "Each row's key goes to another page of the index, which is what makes a plain load slow.",
        _loads([TWO, ONE, *POSTGRES_OWN], order="random"),
        (_ours(COPY_KEYED, at_most=0.33), _ours(COPY_TWO, at_most=0.58)),
    ),
    Job(
        "pg-sorted-empty",
        "PostgreSQL, keys in order, empty table",
        "The cheapest case for every loader: the index grows at its right end.",
        _loads([TWO, ONE, *POSTGRES_OWN], order="sorted"),
        (_ours(COPY_TWO, at_most=0.95), _ours(COPY_KEYED)),
    ),
    Job(
        "pg-random-full",
        "PostgreSQL, keys in random order, into a table that holds as many others",
        "The new keys lie between the old ones. The table is a copy of one each contender filled itself.",
        _into_full,
        (_ours(COPY_KEYED, at_most=0.8), _ours(COPY_TWO)),
    ),
    Job(
        "sqlite-random",
        "SQLite, keys in random order, empty table",
        "A table that is its own index. One writer, so one worker.",
        _loads([SQLITE_ONE, SQLITE_IMPORT, *SQLITE_PEERS, DUCKDB_OWN], order="random", date_format=ISO_DATE),
        (
            Goal(f"{SQLITE_ONE.name} / {SQLITE_IMPORT.name}", ratio(SQLITE_ONE.name, SQLITE_IMPORT.name), at_most=0.6),
            Goal("rows/s against the fastest peer that upserts", times(SQLITE_ONE.name, max)),
        ),
        rows_max=5_000_000,
    ),
    Job(
        "peers",
        "PostgreSQL, other tools",
        "Every tool loads the same file, keys in order, dates written 2024-12-31; those marked upsert on the key.",
        _loads([TWO, ONE, COPY_KEYED, *POSTGRES_PEERS, MARIADB_LOAD_DATA], order="sorted", date_format=ISO_DATE),
        (
            Goal("rows/s against the fastest peer that upserts", _best(max), at_least=3),
            Goal("rows/s against the median peer that upserts", _best(statistics.median), at_least=10),
        ),
        rows_max=5_000_000,
    ),
    Job(
        "rejects",
        "PostgreSQL, bad rows",
        "Every bad row is judged by the exact rules and kept with its reasons.",
        _with_rejects,
        (Goal("1 bad row in 10,000 / clean file", ratio("1 bad row in 10,000", "clean file"), at_most=1.15),),
    ),
    Job(
        "memory",
        "Memory",
        "The largest process at its peak. With two workers there are three processes.",
        _loads([ONE, TWO, SQLITE_ONE], order="random"),
        tuple(
            Goal(f"peak memory of a process, {c.name}", greatest(c.name, "largest_mb"), at_most=300, unit="MB")
            for c in (ONE, TWO, SQLITE_ONE)
        ),
        rounds_max=1,
    ),
)
