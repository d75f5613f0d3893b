"""P5 on every engine: whatever the order, grouping, way or repetition of chunks, the same rows win."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import Deadlock
from holdfast.domain.origin import ROW_COLUMN, origin_of
from holdfast.engine.merge import Written, write_asking, write_direct, write_merge
from holdfast.engine.ordering import order_and_dedupe, with_origins
from holdfast.engine.target import ensure_target
from holdfast.ports.database import Database

TABLE = "merge_order"


def contract(sequence: str | None) -> Contract:
    columns = [{"name": "key", "type": "bigint"}, {"name": "value", "type": "int", "nullable": True}]
    if sequence:
        columns.append({"name": sequence, "type": "int"})
    given = {"name": "m", "table": TABLE, "columns": columns, "primary_key": "key", "sequence": sequence}
    return contract_from({**given, "history": False})


@dataclass(frozen=True)
class Delivered:
    """A row as delivered: its values, in a chunk of a number, at a place in it."""

    key: int
    value: int | None
    sequence: int


rows = st.builds(Delivered, st.integers(0, 6), st.one_of(st.none(), st.integers(0, 3)), st.integers(0, 2))
chunks = st.lists(st.lists(rows, min_size=1, max_size=6), min_size=1, max_size=6)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[list[list[Delivered]], list[tuple[int, bool]]]:
    """Chunks, and the order they are written in: each at least once, some again, each trying one way first."""
    made = draw(chunks)
    order = draw(st.permutations(range(len(made))))
    again = draw(st.lists(st.sampled_from(range(len(made))), max_size=3))
    return made, [(number, draw(st.booleans())) for number in [*order, *again]]


def write(database: Database, of: Contract, number: int, chunk: list[Delivered], *, direct: bool) -> Written:
    columns = {
        "key": pa.array([row.key for row in chunk], pa.int64()),
        "value": pa.array([row.value for row in chunk], pa.int32()),
    }
    if of.sequence:
        columns[of.sequence] = pa.array([row.sequence for row in chunk], pa.int32())
    table = pa.table({**columns, ROW_COLUMN: pa.array(range(len(chunk)), pa.int32())})
    ready, superseded = order_and_dedupe(with_origins(table, number), of)
    with database.transaction() as tx:
        if direct and not database.traits.has_savepoints:
            written = write_asking(tx, of, ready, "run")
        else:
            written = (write_direct(tx, of, ready) if direct else None) or write_merge(tx, of, ready, "run")
    fates = written.inserted + written.updated + written.unchanged + written.superseded + superseded
    assert fates == len(chunk)
    return written


def expected(made: list[list[Delivered]], *, sequenced: bool) -> list[tuple[int, int | None, int]]:
    best: dict[int, tuple[tuple[int, int], int | None]] = {}
    for number, chunk in enumerate(made):
        for place, row in enumerate(chunk):
            rank = (row.sequence if sequenced else 0, origin_of(number, place))
            if row.key not in best or rank > best[row.key][0]:
                best[row.key] = (rank, row.value)
    return [(key, value, rank[1]) for key, (rank, value) in sorted(best.items())]


@pytest.mark.parametrize("sequence", [None, "seq"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=schedules())
def test_any_schedule_ends_in_the_same_rows(
    database: Database, sequence: str | None, schedule: tuple[list[list[Delivered]], list[tuple[int, bool]]]
) -> None:
    made, order = schedule
    of = contract(sequence)
    with database.transaction() as tx:
        ensure_target(tx, of)
        tx.execute(f"DELETE FROM {TABLE}")
    inserted = sum(write(database, of, n, made[n], direct=direct).inserted for n, direct in order)
    with database.transaction() as tx:
        found = tx.query(f'SELECT "key", value, _origin FROM {TABLE} ORDER BY "key"')
    assert [(r["key"], r["value"], r["_origin"]) for r in found] == expected(made, sequenced=bool(sequence))
    assert inserted == len(found), "every key is inserted once, whoever came first"


def test_an_unchanged_row_takes_the_place_of_the_older_one(database: Database) -> None:
    """A@1, then A@3 changes no value; B@2 arrives last and must not win."""
    of = contract(None)
    with database.transaction() as tx:
        ensure_target(tx, of)
    assert write(database, of, 1, [Delivered(7, 1, 0)], direct=True).inserted == 1
    assert write(database, of, 3, [Delivered(7, 1, 0)], direct=False).unchanged == 1
    assert write(database, of, 2, [Delivered(7, 2, 0)], direct=False).superseded == 1
    with database.transaction() as tx:
        row = tx.query(f"SELECT value, _origin FROM {TABLE}")[0]
    assert (row["value"], row["_origin"]) == (1, origin_of(3, 0))


def test_chunks_written_at_once_end_as_if_written_one_by_one(database: Database) -> None:
    """Real threads, real locks: eight chunks over the same keys, merged at the same time."""
    of = contract(None)
    with database.transaction() as tx:
        ensure_target(tx, of)
    made = [[Delivered(key, (key + number) % 3, 0) for key in range(number % 5, 40)] for number in range(8)]

    def patiently(number: int) -> None:
        for _ in range(20):
            try:
                write(database, of, number, made[number], direct=number % 2 == 0)
                return
            except Deadlock:
                continue
        raise AssertionError("twenty deadlocks in a row")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(patiently, range(8)))
    with database.transaction() as tx:
        found = tx.query(f'SELECT "key", value, _origin FROM {TABLE} ORDER BY "key"')
    assert [(r["key"], r["value"], r["_origin"]) for r in found] == expected(made, sequenced=False)
