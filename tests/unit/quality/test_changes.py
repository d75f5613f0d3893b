"""Sums of what upserts replaced."""

from __future__ import annotations

from decimal import Decimal

import pytest

from holdfast.domain.types import parse_type
from holdfast.quality.changes import ChangeSum


@pytest.mark.parametrize("odd", ["abc", "NaN", "-inf", ""])
def test_a_value_that_is_no_number_adds_nothing(odd: str) -> None:
    """Somebody wrote it into a table of SQLite, where any column takes any text; then an upsert replaced it."""
    found = ChangeSum("amount", "2024-06", parse_type("decimal(10,2)"))
    places = {"old_partition": "2024-06", "partition_key": "2024-06"}
    for old, new in ((odd, "5.00"), ("1.10", "2.20"), (None, "1")):
        found.add({"old_value": old, "new_value": new, **places}, is_closed=False)
    assert (found.before, found.after, found.empty_before) == (Decimal("1.10"), Decimal("8.20"), 1)
