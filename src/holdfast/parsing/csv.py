"""CSV: the doors of this room. What the planner, the worker and `contract check` call."""

from __future__ import annotations

from holdfast.parsing.exact import parse_chunk_exact
from holdfast.parsing.fast import parse_chunk
from holdfast.parsing.header import BoundColumn, Header, Layout, bind, read_header
from holdfast.parsing.lookup import fields_of, last_record

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
