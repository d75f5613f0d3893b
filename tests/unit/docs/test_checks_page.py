"""The page about checks: every kind and parameter stands in a table, and what is shown can be declared."""

from __future__ import annotations

import re
import tomllib

from pydantic import TypeAdapter

from holdfast.domain.check import AnyCheck
from holdfast.domain.check_kinds import KINDS, class_of
from tests.unit.docs.pages import blocks, text_of

PAGE = text_of("docs/checks.md")


def test_every_kind_is_shown_and_can_be_declared() -> None:
    shown = [tomllib.loads(block)["checks"] for block in blocks("docs/checks.md", "toml")]
    declared = [check for checks in shown for check in TypeAdapter(list[AnyCheck]).validate_python(checks)]
    assert {check.kind for check in declared} == set(KINDS)


def test_every_parameter_stands_in_its_kinds_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)
    for kind in KINDS:
        told = " ".join(text for name, text in rows if name == kind)
        for parameter in set(class_of(kind).model_fields) - {"kind", "name", "severity", "day_column"}:
            assert re.search(rf"`{parameter}\b", told), f"{kind} takes {parameter}, which its row does not tell"
