"""Rows in key order, one a key: the same as plain Python would choose, however the table is cut into chunks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.origin import ORIGIN_COLUMN, ROW_COLUMN, origin_of
from holdfast.engine.ordering import dedupe, order_and_dedupe, with_origins

rows = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"]), st.integers(0, 2)), max_size=12)


def contract(sequence: str | None) -> Contract:
    columns = [{"name": "day", "type": "int"}, {"name": "bill", "type": "string"}, {"name": "version", "type": "int"}]
    return contract_from(
        {"name": "c", "table": "c", "primary_key": ["day", "bill"], "sequence": sequence, "columns": columns}
    )


def table_of(rows: list[tuple[int, str, int]], cuts: list[int]) -> pa.Table:
    names = ["day", "bill", "version", ROW_COLUMN]
    whole = pa.table(
        [
            pa.array([row[0] for row in rows], pa.int32()),
            pa.array([row[1] for row in rows], pa.string()),
            pa.array([row[2] for row in rows], pa.int32()),
            pa.array(range(len(rows)), pa.int32()),
        ],
        names=names,
    )
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return pa.concat_tables([whole.slice(a, b - a) for a, b in pairwise(edges)])


@given(rows=rows, cuts=st.lists(st.integers(0, 12), max_size=3), by_version=st.booleans())
def test_the_greatest_of_each_key_stays_in_key_order(
    rows: list[tuple[int, str, int]], cuts: list[int], by_version: bool
) -> None:
    got, superseded = order_and_dedupe(
        with_origins(table_of(rows, cuts), 7), contract("version" if by_version else None)
    )
    best: dict[tuple[int, str], tuple[int, int, int]] = {}
    for number, (day, bill, version) in enumerate(rows):
        rank = (version if by_version else 0, origin_of(7, number), version)
        best[day, bill] = max(best.get((day, bill), rank), rank)
    expected = [(day, bill, version, origin) for (day, bill), (_, origin, version) in sorted(best.items())]
    found = [(row["day"], row["bill"], row["version"], row[ORIGIN_COLUMN]) for row in got.to_pylist()]
    assert (found, superseded) == (expected, len(rows) - len(best))
    assert all(column.num_chunks <= 1 for column in got.columns)


@given(rows=rows, cuts=st.lists(st.integers(0, 12), max_size=3))
def test_without_an_order_the_same_rows_stay(rows: list[tuple[int, str, int]], cuts: list[int]) -> None:
    table = with_origins(table_of(rows, cuts), 7)
    got, superseded = dedupe(table, contract(None))
    ordered, lost = order_and_dedupe(table, contract(None))
    by_key = [("day", "ascending"), ("bill", "ascending")]
    assert (got.sort_by(by_key).to_pylist(), superseded) == (ordered.to_pylist(), lost)
    if not superseded:
        assert got.column(ORIGIN_COLUMN).to_pylist() == table.column(ORIGIN_COLUMN).to_pylist(), "nothing was moved"


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, 2, 3], pa.int64()),
        ([date(2024, 1, 1), date(2024, 1, 2), date(1969, 1, 1)], pa.date32()),
        ([datetime(2024, 1, 1, 0, 0, s, tzinfo=UTC) for s in range(3)], pa.timestamp("us", "UTC")),
        ([Decimal("1.5"), Decimal("1.50") + 1, Decimal("-1.5")], pa.decimal128(10, 2)),
        ([0.5, -0.5, 1e300], pa.float64()),
        (["", "a", "A"], pa.string()),
    ],
)
def test_keys_of_every_type_are_told_apart(values: list[object], type_: pa.DataType) -> None:
    """Distinct keys are never sorted, and one that comes twice is always found."""
    columns = [{"name": "k", "type": "string"}]  # the table's own types count
    of = contract_from({"name": "c", "table": "c", "primary_key": ["k"], "columns": columns})
    distinct = pa.table({"k": pa.array(reversed(values), type_), ORIGIN_COLUMN: pa.array(range(len(values)))})
    assert dedupe(distinct, of) == (distinct, 0)
    twice = pa.concat_tables([distinct, distinct.slice(1, 1)])
    assert dedupe(twice, of)[1] == 1
