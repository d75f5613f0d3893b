"""CSV: the doors of this room. What the planner, the worker and `contract check` call."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.parsing.header import BoundColumn, Header, Layout, bind, read_header

if TYPE_CHECKING:
    from holdfast.parsing.exact import parse_chunk_exact
    from holdfast.parsing.fast import parse_chunk
    from holdfast.parsing.lookup import fields_of, last_record

_HOMES = {
    "fields_of": "holdfast.parsing.lookup",
    "last_record": "holdfast.parsing.lookup",
    "parse_chunk": "holdfast.parsing.fast",
    "parse_chunk_exact": "holdfast.parsing.exact",
}

__all__ = [
    "BoundColumn",
    "Header",
    "Layout",
    "bind",
    "fields_of",
    "last_record",
    "parse_chunk",
    "parse_chunk_exact",
    "read_header",
]


def __getattr__(name: str) -> Any:
    """What needs Arrow is imported when it is first used: a load that finds every file known does without."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast.parsing.csv' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
