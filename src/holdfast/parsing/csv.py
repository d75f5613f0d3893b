"""CSV: the doors of this room. What the planner, the worker and `contract check` call."""

from __future__ import annotations

import csv as python_csv
import io
from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.domain.contract import Contract, CsvFormat, Format
from holdfast.parsing.header import BoundColumn, Header, Layout, bind, read_header

if TYPE_CHECKING:
    from holdfast.parsing.exact import parse_chunk_exact
    from holdfast.parsing.fast import parse_chunk
    from holdfast.parsing.lookup import fields_of, last_record, records_at

_HOMES = {
    "fields_of": "holdfast.parsing.lookup",
    "last_record": "holdfast.parsing.lookup",
    "parse_chunk": "holdfast.parsing.fast",
    "parse_chunk_exact": "holdfast.parsing.exact",
    "records_at": "holdfast.parsing.lookup",
}

__all__ = [
    "BoundColumn",
    "Header",
    "Layout",
    "bind",
    "fields_of",
    "last_record",
    "marks",
    "parse_chunk",
    "parse_chunk_exact",
    "read_header",
    "read_top",
    "records_at",
    "texts_of",
]


def marks(fmt: Format) -> CsvFormat:
    return fmt


def read_top(head: bytes, contract: Contract, at_eof: bool, file_name: str) -> Header:
    return read_header(head, contract.format, at_eof, file_name)


def texts_of(raw: str, layout: Layout, contract: Contract) -> list[str | None]:
    form = contract.format
    reader = python_csv.reader(
        io.StringIO(raw.rstrip("\r\n"), newline=""),
        delimiter=form.delimiter,
        quotechar=form.quote or None,
        quoting=python_csv.QUOTE_MINIMAL if form.quote else python_csv.QUOTE_NONE,
        escapechar=form.escape or None,
    )
    try:
        cells = next(reader, [])
    except python_csv.Error:
        cells = raw.split(form.delimiter)
    return [
        None if bound.place is None else cells[bound.place] if bound.place < len(cells) else ""
        for bound in layout.columns
    ]


def __getattr__(name: str) -> Any:
    """What needs Arrow is imported when it is first used: a load that finds every file known does without."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast.parsing.csv' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
