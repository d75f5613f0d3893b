"""Drift from the file to the table, on every engine: what is applied, refused, remembered, and where values end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import DriftRefused, HoldfastError
from holdfast.engine.drifting import history

COLUMNS = [
    {"name": "id", "type": "int"},
    {"name": "customer_name", "type": "string(20)"},
    {"name": "amount", "type": "decimal(6,2)", "nullable": True},
]
HEADER = "id,customer_name,amount"


def contract(**more: Any) -> Contract:
    top = {"name": "t", "table": "t", "source": "*.csv", "primary_key": "id", "columns": COLUMNS}
    return contract_from({**top, **more})


class Place:
    def __init__(self, project: holdfast.Project, directory: Path) -> None:
        self.project, self.directory = project, directory

    def write(self, name: str, header: str, rows: list[str]) -> None:
        self.directory.joinpath(name).write_text("\n".join([header, *rows, ""]))

    def load(self, asked: Contract) -> holdfast.LoadResult:
        result = self.project.load(asked, [])
        assert result.error is None
        return result

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        with self.project.database.reading() as tx:
            return tx.query(f"SELECT {columns} FROM t ORDER BY id")

    def drift(self) -> set[tuple[str, str, str, str]]:
        rows = history(self.project.database, "t", 50)
        return {(row["kind"], row["column_name"], row["field"], row["action"]) for row in rows}


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Iterator[Place]:
    with holdfast.open_project(holdfast.Settings(url=database_url, project_dir=str(tmp_path))) as project:
        yield Place(project, tmp_path)


def lines(start: int, end: int, text: str) -> list[str]:
    return [text.replace("#", str(i)) for i in range(start, end)]


def test_evolve_adds_columns_and_remembers_them(place: Place) -> None:
    asked = contract(drift="evolve")
    place.write("1.csv", HEADER, lines(1, 3, "#,Ann,1.50"))
    place.load(asked)
    place.write("2.csv", f"{HEADER},Discount Rate,note", lines(3, 5, "#,Bob,2.50,0.25,text #"))
    place.load(asked)
    place.write("3.csv", f"{HEADER},note", lines(5, 6, "#,Cy,3.50,n"))
    place.load(asked)
    found = [(row["id"], str(row["discount_rate"]), row["note"]) for row in place.rows("id, discount_rate, note")]
    assert found == [
        (1, "None", None),
        (2, "None", None),
        (3, "0.25", "text 3"),
        (4, "0.25", "text 4"),
        (5, "None", "n"),
    ]
    assert place.drift() == {
        ("added", "discount_rate", "Discount Rate", "applied"),
        ("added", "note", "note", "applied"),
        ("missing", "discount_rate", "", "recorded"),
    }


def test_a_replay_and_a_contract_that_says_it_itself_know_the_new_column(place: Place) -> None:
    asked = contract(drift="evolve")
    place.write("1.csv", f"{HEADER},note", ["1,Ann,1.50,a", "2,Bob,much,b"])
    place.load(asked)
    _, report = place.project.replay(
        contract(drift="evolve", columns=[*COLUMNS[:2], {**COLUMNS[2], "null_values": ["much"]}]), None
    )
    assert report.inserted == 1
    assert [row["note"] for row in place.rows()] == ["a", "b"]
    said = [*COLUMNS, {"name": "note", "type": "string", "nullable": True}]
    place.write("2.csv", f"{HEADER},note", ["3,Cy,1.00,c"])
    place.load(contract(drift="evolve", columns=said))
    assert [row["note"] for row in place.rows()] == ["a", "b", "c"]


def test_evolve_widens_where_the_engine_can(place: Place) -> None:
    asked = contract(drift="evolve")
    place.write("1.csv", HEADER, lines(1, 3, "#,Ann,1.50"))
    place.load(asked)
    place.write("2.csv", HEADER, [f"3,{'x' * 30},123456.125", "4,Bob,2.50"])
    result = place.load(asked)
    if place.project.database.traits.can_widen:
        assert [str(row["amount"]).rstrip("0") for row in place.rows()] == ["1.5", "1.5", "123456.125", "2.5"]
        assert {kind for kind, *_, action in place.drift() if action == "applied"} == {"widened"}
    else:
        assert result.report.counts.rejected == 1
        assert {action for *_, action in place.drift()} == {"recorded"}


def test_a_refused_load_leaves_nothing_to_remember(place: Place) -> None:
    asked = contract(drift="evolve")
    place.write("1.csv", f"{HEADER},typo", ["1,Ann,1.50,x"])
    place.write("2.csv", "id", ["2"])
    with pytest.raises(DriftRefused):
        place.load(asked)
    assert ("added", "typo", "typo", "proposed") in place.drift()
    for name in ("1.csv", "2.csv"):
        (place.directory / name).unlink()
    place.write("3.csv", HEADER, ["1,Ann,1.50"])
    place.load(asked)
    assert "typo" not in place.rows()[0]


def test_every_widening_of_a_column_is_remembered(place: Place) -> None:
    if not place.project.database.traits.can_widen:
        return  # where nothing is widened there is nothing to remember
    asked = contract(drift="evolve")
    for number, digits in enumerate((6, 9, 12), 1):
        place.write(f"{number}.csv", HEADER, [f"{number},Ann,{'1' * digits}.00"])
        place.load(asked)
    late = [*lines(10, 4010, "#,Ann,1.00"), f"5000,Ann,{'2' * 12}.00"]  # beyond what is looked at
    place.write("4.csv", HEADER, late)
    assert place.load(asked).report.counts.rejected == 0


def test_a_new_field_of_json_lines_gets_the_type_of_all_its_values_nested_ones_too(place: Place) -> None:
    asked = contract(drift="evolve", source="*.jsonl")
    rows = [f'{{"id": {i}, "customer_name": "A", "amount": 1, "of": {{"a": {i}}}, "n": {i}}}' for i in range(1, 4)]
    place.write("1.jsonl", rows[0], rows[1:])
    assert place.load(asked).report.counts.rejected == 0
    assert [row["n"] for row in place.rows("id, n")] == [1, 2, 3]
    rules = {row["field"]: row["detail"] for row in history(place.project.database, "t", 50)}
    assert set(rules) == {"of", "n"}


def test_names_that_no_ledger_could_hold_are_told_not_tripped_over(place: Place) -> None:
    asked = contract(drift="discard_column", source="[12].*", columns=COLUMNS[:2])
    row = '"id": 1, "customer_name": "A"'
    place.write("1.jsonl", f"{{{row}}}", [f'{{{row}, "a{odd}": 1}}' for odd in ("\\u0000", "\\ud800")])
    place.write("2.csv", f"id,customer_name,{'long' * 1000},twice,twice", ["2,B,x,y,z"])
    result = place.load(asked).report.counts
    assert (result.inserted, result.rejected) == (2, 2)
    assert [len(row["field"]) for row in history(place.project.database, "t", 50)] == [5, 2000]


def test_freeze_refuses_and_leaves_everything(place: Place) -> None:
    place.write("1.csv", f"{HEADER},note", ["1,Ann,1.50,a"])
    with pytest.raises(DriftRefused, match="field 'note' is not in the contract"):
        place.project.load(contract(), [])
    assert place.drift() == {("added", "", "note", "refused")}
    with place.project.database.reading() as tx:
        assert tx.reflect("t") is None


def test_a_column_that_holds_other_things_now_is_refused(place: Place) -> None:
    place.write("1.csv", HEADER, lines(1, 30, "#,Ann,much"))
    for policy in ("freeze", "discard_column", "evolve"):
        with pytest.raises(DriftRefused, match="29 of 29 sampled values are no decimal"):
            place.project.load(contract(drift=policy), [])


@pytest.mark.parametrize("rename", ["propose", "auto"])
def test_a_rename_is_applied_only_where_the_contract_says_so(place: Place, rename: str) -> None:
    place.write("1.csv", "id,CustomerNames,amount", lines(1, 30, "#,Ann #,1.50"))
    if rename == "auto":
        place.load(contract(rename=rename))
        place.write("2.csv", "id,CustomerNames,amount", ["30,Bob,2.50"])  # one row would not be evidence enough
        place.load(contract(rename=rename))
        assert [row["customer_name"] for row in place.rows()] == [f"Ann {i}" for i in range(1, 30)] + ["Bob"]
        return
    with pytest.raises(DriftRefused) as caught:
        place.project.load(contract(rename=rename), [])
    assert "under column 'customer_name' write from = [\"CustomerNames\"] (confidence 0.90)" in caught.value.hint
    assert ("renamed", "customer_name", "CustomerNames", "proposed") in place.drift()


def test_another_header_in_a_later_chunk_refuses_the_file_whole(place: Place) -> None:
    rows = [*lines(1, 200, "#,Ann,1.50"), "amount,id,customer_name", *lines(200, 300, "9,#,Bob")]
    place.write("1.csv", HEADER, rows)
    with pytest.raises(DriftRefused, match=r"1.csv, line 201 \(byte [\d,]+\): another header"):
        place.project.load(contract(format={"chunk_bytes": 1024}), [])
    assert ("heading", "", "", "refused") in place.drift()
    with place.project.database.reading() as tx:
        assert tx.reflect("t") is None


def test_the_same_header_again_is_rejected(place: Place) -> None:
    place.write("1.csv", HEADER, [*lines(1, 3, "#,Ann,1.50"), HEADER, *lines(3, 5, "#,Bob,1.50")])
    counts = place.load(contract()).report.counts
    assert (counts.inserted, counts.rejected) == (4, 1)


NAMES = [
    "id",
    "customer_name",
    "amount",
    "customer_nam",
    "customer name 2",
    "Amount",
    "amounts",
    "AMOUNT_NET",
    "x",
    "y",
]
numbers = count()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=7),
    policy=st.sampled_from(["freeze", "discard_column", "evolve"]),
    rename=st.sampled_from(["propose", "auto"]),
)
def test_no_value_is_ever_put_into_another_column(tmp_path: Path, names: list[str], policy: str, rename: str) -> None:
    """Every field's values say which field they are of; so a shifted one would show, whatever was decided."""
    directory = tmp_path / str(next(numbers))
    directory.mkdir()
    values = [
        [str(row * 100 + place) if name != "id" else str(row) for place, name in enumerate(names)]
        for row in range(1, 25)
    ]
    directory.joinpath("1.csv").write_text("\n".join(",".join(line) for line in [names, *values]) + "\n")
    columns = [{"name": "id", "type": "int"}, *({"name": n, "type": "bigint", "nullable": True} for n in NAMES[1:3])]
    asked = contract(columns=columns, drift=policy, rename=rename)
    settings_ = holdfast.Settings(url=f"sqlite:///{directory}/t.db", project_dir=str(directory))
    with holdfast.open_project(settings_) as project:
        try:
            result = project.load(asked, [])
        except HoldfastError:
            return
        assert result.error is None
        with project.database.reading() as tx:
            rows = tx.query("SELECT * FROM t ORDER BY id")
        applied = {
            row["column_name"]: row["field"] for row in history(project.database, "t", 99) if row["action"] == "applied"
        }
    origin = {"customer_name": {"customer_name"}, "amount": {"amount", "Amount"}}
    for row in rows:
        for column, value in row.items():
            if column in ("id", "_origin") or value is None:
                continue
            field = names[int(value) % 100]
            assert field in origin.get(column, set()) or field == applied.get(column)
