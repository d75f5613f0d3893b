"""P5 for landed rows: whether they take the table's place, fill it or are compared with it, the same rows win.

The truth is worked out here, row by row: the greatest (sequence, delivery) of a key. Each chunk's fates add up to the
rows it landed, and every row of the table was inserted by one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.adapters.databases.postgres import PostgresEngine
from holdfast.adapters.databases.sqlite import SqliteEngine
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.origin import ROW_COLUMN, origin_of
from holdfast.engine.landed import Fates, fill_empty, merge_into, take_place
from holdfast.engine.merge import merge_shape, write_landing, write_merge
from holdfast.engine.ordering import order_and_dedupe, with_origins
from holdfast.engine.target import ensure_target
from holdfast.ports.database import Database, Transaction

TABLE, LANDING = "landed_order", "landed_order_landing"
QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking is slow
)
Row = tuple[int, int | None, int]  # key, value, sequence
few = st.integers(0, 2)  # few keys and values, so that deliveries meet
rows = st.lists(st.tuples(few, st.one_of(st.none(), st.just(1)), few), min_size=1, max_size=4)


def contract(sequence: str | None, **more: Any) -> Contract:
    columns = [
        {"name": "key", "type": "bigint"},
        {"name": "value", "type": "int", "nullable": True},
        {"name": "version", "type": "int"},
    ]
    given = {
        "name": "m",
        "table": TABLE,
        "columns": columns,
        "primary_key": "key",
        "sequence": sequence,
        "history": False,
    }
    return contract_from({**given, **more})


@dataclass(frozen=True)
class Schedule:
    """Chunks by number: those in the table before, those that land (in this order), those written afterwards."""

    chunks: dict[int, list[Row]]
    before: list[int]
    landing: list[int]
    after: list[int] = field(default_factory=list)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    made = dict(enumerate(draw(st.lists(rows, min_size=2, max_size=7)), start=1))
    order = draw(st.permutations(sorted(made)))
    first = draw(st.integers(0, len(order) - 1))
    last = draw(st.integers(first + 1, len(order)))
    return Schedule(made, list(order[:first]), list(order[first:last]), list(order[last:]))


A_B_A = Schedule({1: [(0, 1, 0)], 2: [(0, None, 0)], 3: [(0, 1, 0)]}, before=[1], landing=[3], after=[2])
"""The last one equals what is there, and what comes between the two is late."""


def ready(of: Contract, number: int, chunk: list[Row]) -> pa.Table:
    table = pa.table(
        {
            "key": pa.array([row[0] for row in chunk], pa.int64()),
            "value": pa.array([row[1] for row in chunk], pa.int32()),
            "version": pa.array([row[2] for row in chunk], pa.int32()),
            ROW_COLUMN: pa.array(range(len(chunk)), pa.int32()),
        }
    )
    return order_and_dedupe(with_origins(table, number), of)[0]


def publish(tx: Transaction, of: Contract, landed: int, *, swaps: bool, overtaken: bool) -> Fates:
    shape = merge_shape(of, LANDING)
    if tx.run("holds_rows", shape).rows[0]["found"]:
        fates = merge_into(tx, shape, None, may_be_overtaken=overtaken)
    else:
        fates = (take_place if swaps else fill_empty)(tx, shape, landed)
    tx.run("drop_landing", shape)
    return fates


def winners(chunks: dict[int, list[Row]], *, sequenced: bool) -> list[tuple[int, int | None, int]]:
    best: dict[int, tuple[tuple[int, int], Row]] = {}
    for number, chunk in chunks.items():
        for place, row in enumerate(chunk):
            rank = (row[2] if sequenced else 0, origin_of(number, place))
            if row[0] not in best or rank > best[row[0]][0]:
                best[row[0]] = (rank, row)
    return sorted(row for _, row in best.values())


def table_rows(tx: Transaction) -> list[tuple[int, int | None, int]]:
    found = tx.query(f'SELECT "key", value, version FROM {TABLE} ORDER BY "key"')
    return [(row["key"], row["value"], row["version"]) for row in found]


@pytest.mark.parametrize("sequence", [None, "version"])
@QUICK
@given(schedule=schedules(), fills=st.booleans())
@example(schedule=A_B_A, fills=False)
def test_any_schedule_ends_in_the_same_rows(
    database: Database, sequence: str | None, schedule: Schedule, fills: bool
) -> None:
    """Chunks that come after the publish may have lower numbers: then it was told that it may be overtaken."""
    of = contract(sequence)
    shape = merge_shape(of, LANDING)
    overtaken = bool(schedule.after) and min(schedule.after) < max(schedule.landing)
    inserted = 0
    with database.transaction() as tx:
        tx.execute(f"DROP TABLE IF EXISTS {TABLE}")
        ensure_target(tx, of)
        for number in schedule.before:
            inserted += write_merge(tx, of, ready(of, number, schedule.chunks[number]), "run").inserted
        tx.run("create_landing", shape)
        landed = {number: ready(of, number, schedule.chunks[number]) for number in schedule.landing}
        for table in landed.values():
            write_landing(tx, of, LANDING, table)
        swaps = not fills and not tx.run("swap_obstacles", shape).rows
        total = sum(table.num_rows for table in landed.values())
        fates = publish(tx, of, total, swaps=swaps, overtaken=overtaken)
        for number, table in landed.items():
            written = fates.of_chunk(number, table.num_rows)
            counts = (written.inserted, written.updated, written.unchanged, written.superseded)
            assert min(counts) >= 0
            assert sum(counts) == table.num_rows
            inserted += written.inserted
        for number in schedule.after:
            inserted += write_merge(tx, of, ready(of, number, schedule.chunks[number]), "run").inserted
        found = table_rows(tx)
    assert found == winners(schedule.chunks, sequenced=bool(sequence))
    assert inserted == len(found)


deliveries = st.lists(
    st.tuples(st.sampled_from(["chunk", "load", "auto"]), st.lists(rows, min_size=1, max_size=2)),
    min_size=1,
    max_size=4,
)
Deliveries = list[tuple[str, list[list[Row]]]]


def load_all(url: str, directory: Path, sequence: str | None, made: Deliveries) -> tuple[list[Row], dict[str, int]]:
    """Deliver file by file, each into several chunks; the table's values, and the ledger's counts."""
    (directory / "data").mkdir()
    with holdfast.open_project(holdfast.Settings(url=url, project_dir=str(directory))) as project:
        for number, (way, files) in enumerate(made):
            for place, of_file in enumerate(files):
                text = "".join(f"{key},{'' if value is None else value},{version}\n" for key, value, version in of_file)
                note = f"#{number}.{place}\n"  # else equal files were known, and what is known is not delivered again
                path = directory / "data" / f"{number}-{place}.csv"
                path.write_text("key,value,version\n" + text + note)
            form = {"chunk_bytes": 64, "comment": "#"}
            result = project.load(contract(sequence, source="data/*.csv", publish=way, format=form), [])
            assert result.error is None
            assert result.report.warnings == []
        ops = "ops." if url.startswith(("postgres", "duckdb")) else "ops_"
        with project.database.reading() as tx:
            names = ("read", "inserted", "updated", "unchanged", "superseded")
            sums = ", ".join(f"CAST(SUM(rows_{name}) AS BIGINT) AS {name}" for name in names)
            return table_rows(tx), dict(tx.query(f"SELECT {sums} FROM {ops}chunk WHERE state = 'done'")[0])


@pytest.fixture
def every_load_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in (PostgresEngine, SqliteEngine):
        monkeypatch.setattr(engine, "traits", replace(engine.traits, landing_rows_min=1, lands_in_key_order=True))


def check_deliveries(new_url: Callable[[], str], sequence: str | None, made: Deliveries) -> None:
    with TemporaryDirectory() as name:
        found, counts = load_all(new_url().format(name), Path(name), sequence, made)
    chunks = dict(enumerate(of_file for _, files in made for of_file in files))
    assert found == winners(chunks, sequenced=bool(sequence))
    assert counts["inserted"] == len(found)
    assert counts["read"] == sum(map(len, chunks.values())) == sum(counts.values()) - counts["read"]


@pytest.mark.usefixtures("every_load_is_large")
@pytest.mark.parametrize("sequence", [None, "version"])
@settings(QUICK, max_examples=10)
@given(made=deliveries)
def test_any_deliveries_by_any_way_end_in_the_same_rows_on_sqlite(sequence: str | None, made: Deliveries) -> None:
    check_deliveries(lambda: "sqlite:///{}/landed.db", sequence, made)


@pytest.mark.usefixtures("every_load_is_large")
@settings(QUICK, max_examples=8)
@given(made=deliveries, sequence=st.sampled_from([None, "version"]))
def test_any_deliveries_by_any_way_end_in_the_same_rows_on_postgres(
    postgres_url: str, sequence: str | None, made: Deliveries
) -> None:
    def emptied() -> str:
        database = holdfast.connect(postgres_url)
        with database.transaction() as tx:
            tx.execute("DROP SCHEMA IF EXISTS ops CASCADE")
            tx.execute(f"DROP TABLE IF EXISTS {TABLE}")
        database.close()
        return postgres_url

    check_deliveries(emptied, sequence, made)
