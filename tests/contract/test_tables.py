"""Tables from definitions and back, on every engine."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.adapters.databases import connect
from holdfast.adapters.databases.identifiers import INDEX_NAME_BYTES_MAX, index_name
from holdfast.domain.errors import ConstraintViolation, ContractError
from holdfast.domain.table import CheckRule, ColumnDefinition, IndexDefinition, TableDefinition
from holdfast.domain.types import parse_type
from holdfast.ports.database import Database

TYPES = (
    "string",
    "string(3)",
    "int",
    "bigint",
    "decimal(15,2)",
    "decimal(38,0)",
    "float",
    "bool",
    "date",
    "timestamp",
    "timestamp(%Y-%m-%d %H:%M:%S, UTC)",
    "uuid",
    "json",
)
EVERY_TYPE = tuple(ColumnDefinition(f"c{i}", parse_type(text), i % 2 == 1) for i, text in enumerate(TYPES))


def made(database: Database, definition: TableDefinition) -> TableDefinition | None:
    with database.transaction() as tx:
        tx.create_table(definition)
    with database.transaction() as tx:
        return tx.reflect(definition.name)


@pytest.mark.parametrize("name", ["plain", 'q"uo:te %s', "ünïcode", "select"])
def test_a_table_is_read_back_as_it_was_defined(database: Database, name: str) -> None:
    moment = ColumnDefinition("made", parse_type("timestamp(%Y-%m-%d %H:%M:%S, UTC)"), False, default_now=True)
    indexes = (IndexDefinition(("c3",)), IndexDefinition(("c1", "c2"), unique=True))
    definition = TableDefinition(name, (*EVERY_TYPE, moment), ("c2", "c4"), indexes)
    found = made(database, definition)
    assert found is not None
    assert (found.name, found.columns, found.primary_key) == (name, definition.columns, ("c2", "c4"))
    assert set(found.indexes) == set(indexes)


@pytest.mark.parametrize("key", [(), ("c2",), ("c3",), ("c8", "c1")])
def test_any_key_is_read_back(database: Database, key: tuple[str, ...]) -> None:
    columns = tuple(ColumnDefinition(c.name, c.type, c.nullable and c.name not in key) for c in EVERY_TYPE)
    found = made(database, TableDefinition("t", columns, key))
    assert found is not None
    assert found.primary_key == key
    assert found.columns == columns


def test_no_table_is_none(database: Database) -> None:
    with database.transaction() as tx:
        assert tx.reflect("nonesuch") is None


def test_a_foreign_type_holds_nothing_a_contract_asks_for(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute("CREATE TABLE foreign_types (a SMALLINT, b REAL, c NUMERIC, d CHAR(3))")
        found = tx.reflect("foreign_types")
    assert found is not None
    smallint = found.column("a")
    assert smallint is not None
    assert str(smallint.type).lower() == "smallint"
    assert smallint.type not in [parse_type(text) for text in TYPES]


def test_rules_are_enforced(database: Database) -> None:
    rules = {
        "n": ("bigint", CheckRule(min=0, max="10"), 10, 11),
        "d": ("decimal(10,2)", CheckRule(min="0.50"), "0.5", "0.49"),
        "day": ("date(%d/%m/%Y)", CheckRule(min="31/12/2023"), "2024-01-01", "2023-12-30"),
        "cur": ("string(3)", CheckRule(one_of=("ILS", "O'R")), "O'R", "EUR"),
        "yes": ("bool", CheckRule(), True, None),
    }
    columns = tuple(ColumnDefinition(n, parse_type(t), False, rule) for n, (t, rule, _, _) in rules.items())
    good = {name: value for name, (_, _, value, _) in rules.items()}
    with database.transaction() as tx:
        tx.create_table(TableDefinition("ruled", columns))
        tx.insert_many("ruled", [good])
    for name, (_, _, _, bad) in rules.items():
        with pytest.raises(ConstraintViolation), database.transaction() as tx:
            tx.insert_many("ruled", [{**good, name: bad}])


def test_a_rule_that_is_no_value_of_its_column_is_refused(database: Database) -> None:
    column = ColumnDefinition("day", parse_type("date(%d/%m/%Y)"), True, CheckRule(min="2024-01-01"))
    with pytest.raises(ContractError, match="'day'"), database.transaction() as tx:
        tx.create_table(TableDefinition("t", (column,)))


def test_many_create_the_same_table_at_once(database_url: str) -> None:
    definition = TableDefinition("race", EVERY_TYPE, ("c2",), (IndexDefinition(("c1",)),))
    barrier = threading.Barrier(6)

    def create(_worker: int) -> None:
        database = connect(database_url)
        barrier.wait()
        with database.transaction() as tx:
            tx.create_table(definition)
        database.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(create, range(6)))


def test_index_names_are_short_and_differ() -> None:
    names = [
        index_name(table, columns, unique=unique)
        for table in ("t", "t_a", "é" * 63)
        for columns in (("a",), ("a", "b"), ("a_b",), ("x" * 63,))
        for unique in (False, True)
    ]
    assert len(set(names)) == len(names)
    assert max(len(name.encode()) for name in names) <= INDEX_NAME_BYTES_MAX
