"""Texts of records, whatever their syntax: what the engine asks of CSV, JSON Lines and fixed-width files alike.

Each is a module of this room; `marks` is how all of them tell the engine where a record may end.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from holdfast.domain.contract import Contract, CsvFormat, Format
from holdfast.parsing.header import Header, Layout, bind

if TYPE_CHECKING:
    from holdfast.parsing.parsed import ParsedChunk

_HOMES = {
    "excel": "holdfast.parsing.sheet",
    "csv": "holdfast.parsing.csv",
    "jsonl": "holdfast.parsing.jsonl",
    "fixed": "holdfast.parsing.fixed",
}


class TextFormat(Protocol):
    """One syntax. All of it is pure: bytes in, values and rejects out."""

    def marks(self, fmt: Format) -> CsvFormat:
        """Where records end, said in CSV's terms: a format without quotes ends each record at its line's end."""
        ...

    def read_top(self, head: bytes, contract: Contract, at_eof: bool, file_name: str) -> Header:
        """The fields' names and where records begin, from a file's top. Raises SourceError."""
        ...

    def parse_chunk(
        self,
        data: bytes,
        layout: Layout,
        contract: Contract,
        *,
        first_line: int,
        base_offset: int,
        digits_max: int | None = None,
    ) -> ParsedChunk: ...

    def fields_of(self, record: bytes, layout: Layout, contract: Contract, names: Sequence[str]) -> list[str] | None:
        """The texts of some columns of one record; None where the record is no row."""
        ...

    def texts_of(self, raw: str, layout: Layout, contract: Contract) -> list[str | None]:
        """A rejected record's texts by column of the contract, as a lenient reader sees them; None: it has none."""
        ...

    def records_at(
        self, data: bytes, layout: Layout, contract: Contract, rows: Sequence[int]
    ) -> dict[int, tuple[int, int]]:
        """The bytes [start, end) of some of a chunk's records, by number (from 0, rejects counted)."""
        ...


def text_format(form: str) -> TextFormat:
    return cast(TextFormat, import_module(_HOMES[form]))


def bound(
    contract: Contract,
    names: Sequence[str],
    file_name: str,
    *,
    newline: str = "lf",
    encoding: str = "utf-8",
    heading: str = "",
) -> Layout:
    """The layout of a file whose fields have these names. Raises DriftRefused, ContractError."""
    header = Header(tuple(names), 0, newline, encoding, heading.encode(encoding))
    return bind(contract, header, file_name)
