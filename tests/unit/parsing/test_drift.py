"""Differences between a delivery and its contract, and how sure a rename is."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.parsing.drift import Delivery, Difference, Finding, differences
from holdfast.parsing.renames import APPLY_FROM, name_likeness

COLUMNS = [
    {"name": "date", "type": "date(%Y-%m-%d)"},
    {"name": "bill_id", "type": "bigint"},
    {"name": "customer_name", "type": "string(10)"},
    {"name": "revenue_1", "type": "decimal(6,2)"},
    {"name": "quantity", "type": "int"},
]
NAMES = tuple(str(column["name"]) for column in COLUMNS)
VALUES = {
    "date": [f"2024-01-{day:02d}" for day in range(1, 29)],
    "bill_id": [str(10_000_000_000 + i) for i in range(28)],
    "customer_name": ["Acme", "Bolt", "Core", "Dyn"] * 7,
    "revenue_1": [f"{i}.50" for i in range(28)],
    "quantity": [str(i) for i in range(28)],
}


def contract(**more: Any) -> Contract:
    return contract_from({"name": "t", "table": "t", "primary_key": ["bill_id"], "columns": COLUMNS, **more})


def delivery(names: tuple[str, ...], values: dict[str, list[str]] | None = None) -> Delivery:
    known = {**VALUES, **(values or {})}
    return Delivery(names, {place: known[name] for place, name in enumerate(names) if name in known})


def found(given: Delivery) -> dict[Difference, Finding]:
    return {finding.kind: finding for finding in differences(contract(), given)}


def renamed(old: str, new: str, values: list[str] | None = None) -> Finding | None:
    names = tuple(new if name == old else name for name in NAMES)
    return found(delivery(names, {new: values or VALUES[old]})).get(Difference.RENAMED)


def test_what_the_contract_asks_for_differs_in_nothing() -> None:
    assert differences(contract(), delivery(NAMES)) == []


def test_added_missing_and_reordered_are_told_apart() -> None:
    given = delivery(("bill_id", "date", "customer_name", "revenue_1", "zzz"), {"zzz": ["x"]})
    kinds = {finding.kind for finding in differences(contract(), given)}
    assert kinds == {Difference.ADDED, Difference.MISSING, Difference.REORDERED}


@pytest.mark.parametrize(
    ("old", "new"), [("customer_name", "CustomerNames"), ("bill_id", "ID bill"), ("quantity", "quantitiy")]
)
def test_a_spelling_or_an_order_of_words_is_a_rename_to_be_sure_of(old: str, new: str) -> None:
    finding = renamed(old, new)
    assert finding is not None
    assert (finding.column, finding.field, finding.is_tied) == (old, new, False)
    assert finding.confidence >= APPLY_FROM


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        ("revenue_1", "revenue_2", None),  # another number is another thing
        ("bill_id", "bill_ids", ["red", "green"] * 14),  # like in name, not in values
        ("quantity", "amount", None),  # like in values, not in name
        ("customer_name", "customer_names", ["12", "7"] * 14),  # numbers where there were words
    ],
)
def test_one_witness_is_not_enough(old: str, new: str, values: list[str] | None) -> None:
    finding = renamed(old, new, values)
    assert finding is None or finding.confidence < APPLY_FROM


def test_two_likely_fields_are_a_tie() -> None:
    names = ("date", "bill_id", "customer_nam", "customer_nme", "revenue_1", "quantity")
    values = dict.fromkeys(("customer_nam", "customer_nme"), VALUES["customer_name"])
    finding = found(delivery(names, values))[Difference.RENAMED]
    assert finding.is_tied


def test_names_without_values_are_proposed_at_most() -> None:
    names = tuple("customer_names" if name == "customer_name" else name for name in NAMES)
    finding = found(Delivery(names))[Difference.RENAMED]
    assert finding.confidence < APPLY_FROM


def test_a_type_that_reads_next_to_nothing_has_changed() -> None:
    finding = found(delivery(NAMES, {"quantity": ["many", "few"] * 14}))[Difference.TYPE_CHANGED]
    assert finding.column == "quantity"
    assert "28 of 28 sampled values are no int" in finding.detail


def test_some_bad_rows_are_rejects_and_no_drift() -> None:
    assert found(delivery(NAMES, {"quantity": ["many"] * 10 + ["7"] * 18})) == {}


@pytest.mark.parametrize(
    ("column", "texts", "wide"),
    [
        ("quantity", ["7", "3000000000"], "bigint"),
        ("customer_name", ["Acme", "x" * 11], "string(16)"),
        ("customer_name", ["x" * 400], "string(512)"),
        ("revenue_1", ["1.125", "7"], "decimal(7,3)"),
        ("revenue_1", ["123456.5"], "decimal(8,2)"),
        ("revenue_1", ["123456.5", "0.125"], "decimal(9,3)"),
    ],
)
def test_values_that_need_more_room_say_how_much(column: str, texts: list[str], wide: str) -> None:
    finding = found(delivery(NAMES, {column: texts}))[Difference.WIDENED]
    assert str(finding.type) == wide


def test_no_decimal_is_wide_enough_for_everything() -> None:
    assert found(delivery(NAMES, {"revenue_1": ["1" * 40, "1.5"]})) == {}
    assert found(delivery(NAMES, {"revenue_1": ["1e5", "NaN"] * 2})) == {}


@pytest.mark.parametrize(("one", "other"), [("Bill-ID", "bill_id"), ("Prénom", "prenom"), ("orderDate", "date order")])
def test_case_accents_and_order_do_not_count(one: str, other: str) -> None:
    assert name_likeness(one, other) >= 0.98
