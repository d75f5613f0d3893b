"""Rows in, the same rows out, by every way there is: insert_many, upsert, copy_in."""
# ruff: noqa: PT012 - the block that raises is the transaction's

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.domain.errors import ConstraintViolation, StatementFailed, UniqueViolation
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.parsing.parsed import arrow_type
from holdfast.ports.database import Database, Row

HOLDS_NUL = {"sqlite", "duckdb", "mysql"}  # in text, and gives it back
NASTY = 'we"ird :name %s {x} "" ñ'
TYPES = {
    NASTY: "bigint",
    "s": "string",
    "s3": "string(3)",
    "i": "int",
    "b": "bigint",
    "d": "decimal(15,4)",
    "f": "float",
    "t": "bool",
    "day": "date",
    "at": "timestamp(%Y-%m-%d %H:%M:%S)",
    "moment": "timestamp(%Y-%m-%d %H:%M:%S, UTC)",
    "u": "uuid",
    "j": "json",
}
EVERYTHING = TableDefinition(
    f"every{NASTY}thing",
    tuple(ColumnDefinition(name, parse_type(text), name != NASTY) for name, text in TYPES.items()),
    (NASTY,),
)
SCHEMA = pa.schema([(name, arrow_type(parse_type(text))) for name, text in TYPES.items()])


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def natural(column: str, value: Any) -> Any:
    """One spelling for what engines give back differently: text for dates, numbers for decimals."""
    if value is None:
        return None
    match column:
        case "d":
            return Decimal(str(value))
        case "day":
            return value.isoformat() if isinstance(value, date) else value
        case "at" | "moment":
            moment = datetime.fromisoformat(value) if isinstance(value, str) else value
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        case "t":
            return bool(value)
        case "u":
            return UUID(str(value))
        case "j":
            return json.loads(value) if isinstance(value, str) else value
        case _:
            return value


def stored(database: Database) -> list[Row]:
    with database.transaction() as tx:
        rows = tx.query(f"SELECT * FROM {quoted(EVERYTHING.name)} ORDER BY {quoted(NASTY)}")
    return [{name: natural(name, value) for name, value in row.items()} for row in rows]


def expected(rows: list[Row]) -> list[Row]:
    return [{name: natural(name, row[name]) for name in TYPES} for row in sorted(rows, key=lambda row: row[NASTY])]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
values: dict[str, st.SearchStrategy[Any]] = {
    "s": texts,
    "s3": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3),
    "i": st.integers(-(2**31), 2**31 - 1),
    "b": st.integers(-(2**63), 2**63 - 1),
    "d": st.decimals(Decimal("-99999999999.9999"), Decimal("99999999999.9999"), places=4),
    "f": st.floats(allow_nan=False, allow_infinity=False),
    "t": st.booleans(),
    "day": st.dates(),
    "at": moments,
    "moment": moments.map(lambda moment: moment.replace(tzinfo=UTC)),
    "u": st.uuids(),
    "j": st.sampled_from(['{"a": [1, null, "x"]}', "[]", "1.50", "null", "true"]),
}
row_lists = st.lists(
    st.fixed_dictionaries({name: st.none() | strategy for name, strategy in values.items()}), min_size=1, max_size=8
)


def as_arrow(rows: list[Row]) -> pa.Table:
    plain = [{name: str(v) if isinstance(v, UUID) else v for name, v in row.items()} for row in rows]
    return pa.Table.from_pylist(plain, schema=SCHEMA)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=row_lists)
def test_what_goes_in_by_any_way_comes_out_unaltered(database: Database, rows: list[Row]) -> None:
    numbered = [{NASTY: i, **row} for i, row in enumerate(rows)]
    with database.transaction() as tx:
        tx.create_table(EVERYTHING)
    for way in ("insert_many", "copy_in", "upsert"):
        with database.transaction() as tx:
            tx.execute(f"DELETE FROM {quoted(EVERYTHING.name)}")
            if way == "insert_many":
                assert tx.insert_many(EVERYTHING.name, numbered) == len(rows)
            elif way == "upsert":
                assert tx.upsert(EVERYTHING.name, iter(numbered), key=[NASTY]) == len(rows)
            else:
                assert tx.copy_in(EVERYTHING.name, as_arrow(numbered)) == len(rows)
        assert stored(database) == expected(numbered), way


PAIRS = TableDefinition(
    "pairs",
    tuple(ColumnDefinition(n, parse_type("bigint"), n == "v") for n in ("a", "b", "v")),
    ("a", "b"),
)


def pairs(database: Database) -> list[tuple[int, ...]]:
    with database.transaction() as tx:
        return [tuple(row.values()) for row in tx.query("SELECT a, b, v FROM pairs ORDER BY a, b")]


def test_upsert_overwrites_and_the_later_row_of_one_key_wins(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
        tx.insert_many("pairs", [{"a": 1, "b": 1, "v": 1}, {"a": 1, "b": 2, "v": 2}])
        rows: list[Row] = [{"a": 1, "b": 1, "v": 3}, {"a": 2, "b": 2, "v": 4}, {"a": 1, "b": 1, "v": None}]
        assert tx.upsert("pairs", rows, key=["a", "b"]) == 3
    assert pairs(database) == [(1, 1, None), (1, 2, 2), (2, 2, 4)]


def test_upsert_of_keys_alone_adds_what_is_missing(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
        tx.insert_many("pairs", [{"a": 1, "b": 1, "v": 1}])
        tx.upsert("pairs", [{"a": 1, "b": 1}, {"a": 2, "b": 2}], key=["a", "b"])
    assert pairs(database) == [(1, 1, 1), (2, 2, None)]


@pytest.mark.parametrize("way", ["insert_many", "upsert"])
def test_rows_of_different_shape_are_refused_whole(database: Database, way: str) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
    for bad in ({"a": 2, "b": 2}, {"a": 2, "b": 2, "v": 1, "w": 1}):
        with pytest.raises(ConstraintViolation, match="row 1 for 'pairs'"), database.transaction() as tx:
            rows: list[Row] = [{"a": 1, "b": 1, "v": 1}, bad]
            tx.insert_many("pairs", rows) if way == "insert_many" else tx.upsert("pairs", rows, key=["a", "b"])
    with pytest.raises(ConstraintViolation, match="'b'"), database.transaction() as tx:
        tx.upsert("pairs", [{"a": 1}], key=["a", "b"])
    assert pairs(database) == []


def test_no_rows_are_no_work(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
        assert tx.insert_many("pairs", []) == 0
        assert tx.upsert("pairs", [], key=["a"]) == 0
        assert tx.copy_in("pairs", pa.table({"a": pa.array([], pa.int64())})) == 0


def test_more_rows_than_one_batch(database: Database) -> None:
    numbers = list(range(70_001))
    with database.transaction() as tx:
        tx.create_table(PAIRS)
        table = pa.table({name: pa.chunked_array([numbers[:1], numbers[1:]], pa.int64()) for name in ("v", "a", "b")})
        assert tx.copy_in("pairs", table) == len(numbers)
        assert tx.insert_many("pairs", ({"a": -n, "b": n, "v": n} for n in range(1, 2502))) == 2501
        found = tx.query("SELECT COUNT(*) AS n, SUM(a) AS s FROM pairs WHERE a = b AND v = a")[0]
    assert (found["n"], int(found["s"])) == (len(numbers), sum(numbers))


@pytest.mark.parametrize("way", ["insert_many", "copy_in"])
def test_a_key_that_exists_is_a_unique_violation(database: Database, way: str) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
    with pytest.raises(UniqueViolation), database.transaction() as tx:
        rows = [{"a": 1, "b": 1, "v": 1}, {"a": 1, "b": 1, "v": 2}]
        tx.insert_many("pairs", rows) if way == "insert_many" else tx.copy_in("pairs", pa.Table.from_pylist(rows))
    assert pairs(database) == []


@pytest.mark.parametrize(("column", "value"), [("s3", "wxyz"), ("t", None), ("s", "nul\0")])
def test_copy_in_refuses_what_a_column_cannot_hold(database: Database, column: str, value: str | None) -> None:
    strict = TableDefinition("strict", (ColumnDefinition(column, parse_type(TYPES[column]), False),))
    with database.transaction() as tx:
        tx.create_table(strict)
    if "\0" in (value or "") and database.engine_name in HOLDS_NUL:
        with database.transaction() as tx:
            tx.copy_in("strict", pa.table({column: [value]}))
            assert tx.query(f"SELECT {column} FROM strict") == [{column: value}]
        return
    with pytest.raises(ConstraintViolation) as caught, database.transaction() as tx:
        tx.copy_in("strict", pa.table({column: pa.array([value], SCHEMA.field(column).type)}))
    assert "wxyz" not in caught.value.message


@pytest.mark.parametrize("way", ["insert_many", "upsert", "copy_in"])
def test_a_number_that_would_be_rounded_is_refused(database: Database, way: str) -> None:
    """SQLite rounds nothing: its columns hold what comes, up to the digits it is exact to."""
    columns = (ColumnDefinition("k", parse_type("int"), False), ColumnDefinition("d", parse_type("decimal(12,2)")))
    with database.transaction() as tx:
        tx.create_table(TableDefinition("exact", columns, ("k",)))
    values: list[Any] = [Decimal("12.345"), Decimal("1E-7")]
    if way != "copy_in":
        values += ["12.345", 0.125]
    for value in values if database.engine_name != "sqlite" else []:
        with pytest.raises(ConstraintViolation, match="'d'") as caught, database.transaction() as tx:
            if way == "copy_in":
                tx.copy_in("exact", pa.table({"k": [1], "d": [value]}))
            elif way == "upsert":
                tx.upsert("exact", [{"k": 1, "d": value}], key=["k"])
            else:
                tx.insert_many("exact", [{"k": 1, "d": value}])
        assert "345" not in caught.value.message
    with database.transaction() as tx:
        good: list[Row] = [
            {"k": 1, "d": Decimal("12.3400")},
            {"k": 2, "d": 0.1},
            {"k": 3, "d": "1.50"},
            {"k": 4, "d": 7},
        ]
        tx.insert_many("exact", [*good, {"k": 5, "d": None}])
        found = [row["d"] for row in tx.query("SELECT d FROM exact ORDER BY k")]
    assert [None if d is None else Decimal(str(d)) for d in found] == [
        *(Decimal(text) for text in ("12.34", "0.1", "1.5", "7")),
        None,
    ]


def test_a_column_or_table_that_does_not_exist(database: Database) -> None:
    with database.transaction() as tx:
        tx.create_table(PAIRS)
    for table, column in (("pairs", "nonesuch"), ("nonesuch", "a")):
        with pytest.raises(StatementFailed, match="nonesuch"), database.transaction() as tx:
            tx.copy_in(table, pa.table({column: [1]}))


def test_time_passes_between_now_and_later(database: Database) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    with database.transaction() as tx:
        clock = TableDefinition(
            "clock",
            (
                ColumnDefinition("id", parse_type("int"), False),
                ColumnDefinition("at", parse_type("timestamp(%Y, UTC)"), False, default_now=True),
            ),
        )
        tx.create_table(clock)
        tx.insert_many("clock", [{"id": 1}])
        at = natural("moment", tx.query("SELECT * FROM clock")[0]["at"]).replace(tzinfo=UTC)
    assert before < at < datetime.now(UTC) + timedelta(seconds=2)
