"""Contracts that are refused before anything is done with them."""

from __future__ import annotations

import pytest

from holdfast.domain.contract import Column, Contract, contract_from
from holdfast.domain.errors import ContractError


@pytest.mark.parametrize("name", ["_origin", "_Origin", "_holdfast_row", "_HOLDFAST_fate"])
@pytest.mark.parametrize("place", ["column", "processed_at"])
def test_names_that_holdfast_needs_itself(name: str, place: str) -> None:
    more = {"processed_at": name} if place == "processed_at" else {}
    columns = [{"name": "id", "type": "int"}, {"name": name if place == "column" else "row", "type": "int"}]
    with pytest.raises(ContractError, match=f"column name '{name.lower()}' is taken by Holdfast"):
        contract_from({"name": "items", "table": "items", "primary_key": "id", "columns": columns, **more})


def test_a_moment_of_writing_is_no_column_of_the_source() -> None:
    columns = [Column(name="id", type="int"), Column(name="seen", type="int")]
    with pytest.raises(ValueError, match="column name 'seen' is taken by Holdfast"):
        Contract(name="items", table="items", primary_key=["id"], columns=columns, processed_at="Seen")


@pytest.mark.parametrize(
    "more",
    [{"write_disposition": "append"}, {"write_disposition": "replace"}, {"primary_key": ["day"], "history": False}],
)
def test_a_closed_period_needs_something_to_look_at(more: dict[str, object]) -> None:
    """Where no history of values is kept, it would pass whatever happens."""
    check = {"kind": "closed_period", "closed_before": "2024-03-01"}
    given = {
        "name": "sales",
        "table": "sales",
        "columns": [{"name": "day", "type": "date"}],
        "partition": "day",
        **more,
    }
    with pytest.raises(ContractError, match=r"looks for values that upserts replaced.*set late_rows and since"):
        contract_from({**given, "checks": [check]})
    late = contract_from({**given, "checks": [{**check, "late_rows": True, "since": "2024-03-05"}]})
    assert not late.keeps_history
