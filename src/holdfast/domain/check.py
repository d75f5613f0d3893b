"""Checks: what must hold of a table's data, as a contract or a model declares it in `[[checks]]`.

A check has a kind, a severity, perhaps a name, and its kind's own parameters (`check_kinds`), whose names end in their
units. What it asks of the database is `quality/`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from holdfast.domain.formats import Strict
from holdfast.domain.types import Kind

ANY: frozenset[Kind] = frozenset()
TITLE_CHARS_MAX = 200
BUILT_IN_NAMES = ("rows_have_one_fate", "files_are_accounted_for", "table_count", "partitions_current")
Severity = Literal["warn", "error"]


def about(**parameters: frozenset[Kind]) -> Mapping[str, frozenset[Kind]]:
    """Parameters that name columns, with the types these may have (ANY: every one)."""
    return parameters


class Check(Strict):
    """What all checks have. `uses`: parameters that name columns, and of which types these may be (none: any)."""

    kind: str
    name: str = Field(default="", max_length=120)
    severity: Severity = "error"
    uses: ClassVar[Mapping[str, frozenset[Kind]]] = {}
    needs_day: ClassVar[bool] = False  # a column of days: its own `day_column`, or that of the table's partition

    @property
    def title(self) -> str:
        """How results call it: its name, or `range(amount)`."""
        return self.name or (self.kind + (f"({', '.join(self.subjects)})" if self.subjects else ""))[:TITLE_CHARS_MAX]

    @property
    def subjects(self) -> list[str]:
        """The columns it is about, in the order they were named."""
        named = [getattr(self, parameter) for parameter in self.uses]
        return [column for value in named for column in (value if isinstance(value, list) else [value]) if column]


def _check_from(value: object) -> object:
    """A declaration as the class of its kind. The kinds are imported where there is one: most contracts have none."""
    if not isinstance(value, dict):
        return value
    from holdfast.domain.check_kinds import check_from

    return check_from(value)


AnyCheck = Annotated[SerializeAsAny[Check], BeforeValidator(_check_from)]
