"""Binary COPY gives back every value of every type it encodes, NULLs and extremes included."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from holdfast.adapters.databases import connect
from holdfast.adapters.databases.postgres_copy import NoBinaryForm, binary_stream
from holdfast.adapters.databases.postgres_numeric import numeric_record
from holdfast.domain.errors import ConstraintViolation
from holdfast.ports.database import Database


def exact(unscaled: int, scale: int) -> Decimal:
    """Decimal's own arithmetic would round to 28 digits."""
    return Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
moments = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001
COLUMNS: dict[str, tuple[str, pa.DataType, st.SearchStrategy[Any]]] = {
    "i2": ("smallint", pa.int32(), st.integers(-(2**15), 2**15 - 1)),
    "i4": ("integer", pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "i8": ("bigint", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "f4": ("real", pa.float32(), st.floats(width=32)),
    "f8": ("double precision", pa.float64(), st.floats()),
    "b": ("boolean", pa.bool_(), st.booleans()),
    "d": ("date", pa.date32(), st.dates()),
    "ts": ("timestamp", pa.timestamp("us"), moments),
    "tz": ("timestamptz", pa.timestamp("us", tz="UTC"), moments.map(lambda m: m.replace(tzinfo=UTC))),
    "t": ("text", pa.string(), text),
    "v": ("varchar(20)", pa.large_string(), text),
    "one": ("char(3)", pa.string(), st.sampled_from(["ILS", "EUR", "é€𝄞"])),
    "low": ("text", pa.dictionary(pa.int32(), pa.string()), st.sampled_from(["a", "bb", ""])),
    "u": ("uuid", pa.string(), st.uuids().map(str)),
    "j": ("jsonb", pa.string(), st.sampled_from(['{"a": [1, "é"]}', "[]", "1"])),
    "raw": ("bytea", pa.binary(), st.binary(max_size=9)),
    "n0": ("numeric(38,0)", pa.decimal128(38, 0), st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: exact(n, 0))),
    "n2": (
        "numeric(18,2)",
        pa.decimal128(18, 2),
        st.integers(-(10**18) + 1, 10**18 - 1).map(lambda n: exact(n, 2)),
    ),
    "n38": (
        "numeric",
        pa.decimal128(38, 38),
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: exact(n, 38)),
    ),
    "n5": (
        "numeric(19,5)",
        pa.decimal128(19, 5),
        st.integers(-(10**19) + 1, 10**19 - 1).map(lambda n: exact(n, 5)),
    ),
    "whole": ("numeric", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "span": ("interval", pa.string(), st.just("01:02:03")),
}
BINARY = [name for name in COLUMNS if name != "span"]


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    database = connect(postgres_url)
    with database.transaction() as tx:
        tx.execute(f"CREATE TABLE t ({', '.join(f'{name} {sql}' for name, (sql, _, _) in COLUMNS.items())})")
    yield database
    database.close()


def spelled(column: str, value: Any) -> Any:
    """One spelling for NaN, and for what a four-byte float prints as."""
    if isinstance(value, float):
        return str(np.float32(value)) if column == "f4" else str(value)
    return str(value) if isinstance(value, UUID) else value


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_type_goes_in_and_comes_out(postgres: Database, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(BINARY), min_size=1, max_size=6, unique=True))
    row = st.tuples(*(st.none() | COLUMNS[name][2] for name in names))
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    table = pa.table({n: pa.array([r[i] for r in rows], COLUMNS[n][1]) for i, n in enumerate(names)})
    cut = data.draw(st.integers(0, len(rows)))
    with postgres.transaction() as tx:
        tx.execute("DELETE FROM t")
        tx.copy_in("t", table.slice(0, cut))  # slices: arrays that begin within their buffers
        tx.copy_in("t", pa.concat_tables([table.slice(cut), table.slice(0, 0)]))
        wanted = [name if name != "j" else "CAST(j AS text) AS j" for name in names]
        found = [tuple(spelled(n, v) for n, v in r.items()) for r in tx.query(f"SELECT {', '.join(wanted)} FROM t")]
    assert found == [tuple(map(spelled, names, r)) for r in rows]


def test_a_type_without_a_binary_form_goes_by_text(postgres: Database) -> None:
    with pytest.raises(NoBinaryForm):
        binary_stream(pa.table({"span": ["1 day"]}), [1186])
    table = pa.table(
        {"span": ["01:00:00", None], "t": ["", None], "n2": pa.array([Decimal("1.10"), None], pa.decimal128(9, 2))}
    )
    with postgres.transaction() as tx:
        tx.copy_in("t", table)
        found = tx.query("SELECT CAST(span AS text) AS span, t, n2 FROM t ORDER BY span")
    assert [tuple(row.values()) for row in found] == [("01:00:00", "", Decimal("1.10")), (None, None, None)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("i2", pa.array([70_000], pa.int64())),
        ("n2", pa.array([Decimal("1.239")], pa.decimal128(18, 3))),
        ("n2", pa.array([Decimal(10**16)], pa.decimal128(38, 2))),
        ("u", pa.array(["not-a-uuid"])),
        ("u", pa.array(["g" * 32])),
        ("v", pa.array(["x" * 21])),
        ("t", pa.array(["nul \0"])),
        ("j", pa.array(["{not json"])),
        ("raw", pa.array([[1]])),
        ("span", pa.array([b"\x00"])),
    ],
)
def test_what_does_not_fit_is_refused_and_not_repeated(postgres: Database, column: str, values: pa.Array) -> None:
    with pytest.raises(ConstraintViolation) as caught, postgres.transaction() as tx:
        tx.copy_in("t", pa.table({column: values}))
    assert str(values[0].as_py()) not in caught.value.message
    with postgres.transaction() as tx:
        assert tx.query("SELECT COUNT(*) AS n FROM t") == [{"n": 0}]


def test_a_longer_scale_of_zeros_loses_nothing(postgres: Database) -> None:
    with postgres.transaction() as tx:
        tx.copy_in("t", pa.table({"n2": pa.array([Decimal("1.2300")], pa.decimal128(10, 4))}))
        assert tx.query("SELECT n2 FROM t") == [{"n2": Decimal("1.23")}]


def test_dates_and_naive_moments_do_not_depend_on_the_session(postgres: Database) -> None:
    moment = datetime(2024, 3, 31, 2, 30, 0, 1)  # noqa: DTZ001
    with postgres.transaction() as tx:
        tx.execute("SET LOCAL TimeZone = 'Asia/Jerusalem'")
        tx.copy_in("t", pa.table({"tz": pa.array([moment], pa.timestamp("us")), "d": pa.array([date(2024, 1, 2)])}))
        found = tx.query("SELECT tz, d = DATE '2024-01-02' AS same FROM t")[0]
    assert found["tz"].astimezone(UTC) == moment.replace(tzinfo=UTC)
    assert found["same"]


@given(
    st.lists(st.none() | st.integers(-(10**38) + 1, 10**38 - 1), min_size=1, max_size=5),
    st.integers(0, 38),
)
@example([0], 0)
@example([2**63, -(2**63), 2**64, -(2**64), 2**127 // 2], 7)
def test_numeric_digits_are_the_number(numbers: list[int | None], scale: int) -> None:
    """The wire format read back by its definition: sum of digit * 10000 ** (weight - place)."""
    values = [None if n is None else exact(n, scale) for n in numbers]
    record = numeric_record(pa.array(values, pa.decimal128(38, scale)))
    digits = [name for name in record.dtype.names or () if name.startswith("d")]
    for number, row in zip(numbers, record, strict=True):
        assert all(0 <= row[name] < 10_000 for name in digits)
        if number is None:
            continue
        after = len(digits) - 1 - int(row["weight"])
        unscaled = sum(int(row[name]) * 10_000**place for place, name in enumerate(reversed(digits)))
        sign = -1 if row["sign"] else 1
        assert sign * unscaled * 10**scale == number * 10_000**after
        assert row["scale"] == scale


def test_long_text_is_cut_into_slices_of_bounded_size() -> None:
    table = pa.table({"t": ["x" * 1_000_000] * 40, "n": np.arange(40)})
    parts = [len(part) for part in binary_stream(table, [25, 20])]
    assert max(parts) < 20_000_000
    assert sum(parts) == 19 + 2 + 40 * (2 + 4 + 1_000_000 + 4 + 8)
    assert math.isclose(len(parts), 2 + 3)
