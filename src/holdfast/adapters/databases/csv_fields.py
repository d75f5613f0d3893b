"""SQL that spells a row as a line of CSV, for engines whose drivers cost more a row than the server does.

Text stands in quotes, NULL is nothing at all: so an empty text and NULL are told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdfast.domain.types import ColumnType, Kind

TEXTS = (Kind.STRING, Kind.UUID, Kind.JSON)


def line_of(columns: Sequence[tuple[str, ColumnType]], spelled: Callable[[str, ColumnType], str]) -> str:
    """An expression for the row's line. `spelled` gives a column's value as text."""
    return "CONCAT_WS(',', " + ", ".join(_field(spelled(name, kind), kind) for name, kind in columns) + ")"


def _field(text: str, kind: ColumnType) -> str:
    if kind.kind in TEXTS:
        text = f"""'"' || REPLACE({text}, '"', '""') || '"'"""
    return f"COALESCE({text}, '')"
