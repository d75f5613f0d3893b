"""Fixed-width exports: a record a line, each field so many characters, padded with spaces that are no part of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from holdfast.domain.contract import Contract, CsvFormat, Format
from holdfast.domain.reject import Reason
from holdfast.parsing.header import Header, Layout, read_header

if TYPE_CHECKING:
    from holdfast.parsing.parsed import ParsedChunk


def marks(fmt: Format) -> CsvFormat:
    """Lines are lines: no character of them quotes, or splits."""
    return CsvFormat(
        quote="",
        delimiter="\x1f" if fmt.comment != "\x1f" else "\x1e",
        comment=fmt.comment,
        encoding=fmt.encoding,
        header=fmt.header,
        skip_lines=fmt.skip_lines,
        max_record_bytes=fmt.max_record_bytes,
    )


def read_top(head: bytes, contract: Contract, at_eof: bool, file_name: str) -> Header:
    header = read_header(head, marks(contract.format), at_eof, file_name)
    return Header(header.names, header.data_start, "lf", header.encoding)


def parse_chunk(
    data: bytes,
    layout: Layout,
    contract: Contract,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None = None,
) -> ParsedChunk:
    """Parse a chunk of lines. The arguments are those of CSV's `parse_chunk`."""
    from holdfast.parsing.line_rows import BadLine, Texts, parse_lines

    cuts = _cuts(contract)
    chosen = [None if bound.place is None else cuts[bound.place] for bound in layout.columns]

    def read_line(text: str) -> Texts:
        if len(text) != cuts[-1][1]:
            told = f"expected {cuts[-1][1]} characters, found {len(text)}"
            raise BadLine(Reason("E_RAGGED", told))
        return [None if cut is None else text[cut[0] : cut[1]].strip(" ") for cut in chosen]

    return parse_lines(
        data,
        layout,
        contract,
        read_line,
        first_line=first_line,
        base_offset=base_offset,
        digits_max=digits_max,
        comment=contract.format.comment,
    )


def fields_of(record: bytes, layout: Layout, contract: Contract, names: Sequence[str]) -> list[str] | None:
    text = record.decode(layout.encoding, "replace").rstrip("\r\n")
    cuts = _cuts(contract)
    if len(text) != cuts[-1][1]:
        return None
    by_name = dict(zip(contract.column_names, texts_of(text, layout, contract), strict=True))
    return [by_name[name] or "" for name in names]


def texts_of(raw: str, layout: Layout, contract: Contract) -> list[str | None]:
    cuts, text = _cuts(contract), raw.rstrip("\r\n")
    return [
        None if bound.place is None else text[cuts[bound.place][0] : cuts[bound.place][1]].strip(" ")
        for bound in layout.columns
    ]


def records_at(data: bytes, _: Layout, contract: Contract, rows: Sequence[int]) -> dict[int, tuple[int, int]]:
    from holdfast.parsing.line_rows import lines_at

    return lines_at(data, rows, contract.format.comment)


def _cuts(contract: Contract) -> list[tuple[int, int]]:
    """Where each field begins and ends."""
    return list(pairwise(accumulate(contract.format.widths, initial=0)))
