"""A spreadsheet's rows as CSV text: what a workbook is cut, pinned and parsed as.

Numbers are written by their shortest exact text, days and moments in their column's own format, truths in its words.
Two readings of the same rows give the same bytes.
"""

from __future__ import annotations

import csv as python_csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from holdfast.domain.contract import Column, Contract, CsvFormat, Format, header_key
from holdfast.domain.types import Kind
from holdfast.parsing import csv
from holdfast.parsing.header import Header, Layout, read_header

if TYPE_CHECKING:
    from holdfast.parsing.parsed import ParsedChunk

_WHOLE_MAX = 2**53  # beyond, a sheet's numbers are not the ones that were meant: no type but float takes `1.2e+16`


def marks(fmt: Format) -> CsvFormat:
    """The CSV that `rows_as_text` writes, whatever the contract says of other files."""
    kept = ("header", "skip_lines", "skip_footer_lines", "max_record_bytes", "chunk_bytes")
    return Format(**{name: getattr(fmt, name) for name in kept})


def _as_csv(contract: Contract) -> Contract:
    return contract.model_copy(update={"format": marks(contract.format)})


def read_top(head: bytes, contract: Contract, at_eof: bool, file_name: str) -> Header:
    return read_header(head, marks(contract.format), at_eof, file_name)


def parse_chunk(
    data: bytes,
    layout: Layout,
    contract: Contract,
    *,
    first_line: int,
    base_offset: int,
    digits_max: int | None = None,
) -> ParsedChunk:
    return csv.parse_chunk(
        data, layout, _as_csv(contract), first_line=first_line, base_offset=base_offset, digits_max=digits_max
    )


def fields_of(record: bytes, layout: Layout, contract: Contract, names: Sequence[str]) -> list[str] | None:
    return csv.fields_of(record, layout, _as_csv(contract), names)


def texts_of(raw: str, layout: Layout, contract: Contract) -> list[str | None]:
    return csv.texts_of(raw, layout, _as_csv(contract))


def records_at(data: bytes, layout: Layout, contract: Contract, rows: Sequence[int]) -> dict[int, tuple[int, int]]:
    return csv.records_at(data, layout, _as_csv(contract), rows)


def rows_as_text(rows: Sequence[Sequence[Any]], contract: Contract) -> bytes:
    """Rows of a sheet, from its top; empty ones become blank lines, and what is right of all values is left out."""
    width = max((place + 1 for row in rows for place, cell in enumerate(row) if cell != ""), default=0)
    columns = _columns_of(rows, width, contract)
    out = io.StringIO()
    writer = python_csv.writer(out, lineterminator="\n")
    for row in rows:
        if any(cell != "" for cell in row):
            writer.writerow([cell_text(cell, column) for cell, column in zip(row, columns, strict=False)])
        else:
            out.write("\n")
    return out.getvalue().encode()


def _columns_of(rows: Sequence[Sequence[Any]], width: int, contract: Contract) -> list[Column | None]:
    """Which column each field of the sheet is for."""
    fmt = contract.format
    names: Sequence[Any] = fmt.header if isinstance(fmt.header, list) else []
    if fmt.header is True:
        names = next((row for row in rows[fmt.skip_lines :] if any(cell != "" for cell in row)), [])
    elif not names:
        names = [f"column_{number + 1}" for number in range(width)]
    by_key = {header_key(name): column for column in contract.columns for name in column.header_names}
    found = [by_key.get(header_key(cell_text(name, None))) for name in names[:width]]
    return [*found, *[None] * (width - len(found))]


def cell_text(cell: Any, column: Column | None) -> str:
    kind = column.type.kind if column else None
    if isinstance(cell, bool):
        words = (column.true_values, column.false_values) if column and kind is Kind.BOOL else ([], [])
        return next(iter(words[0]), "true") if cell else next(iter(words[1]), "false")
    if isinstance(cell, float):
        if abs(cell) > _WHOLE_MAX:
            return repr(cell)
        return str(int(cell)) if cell.is_integer() else format(Decimal(repr(cell)), "f")
    if isinstance(cell, date):
        return _moment(cell, column if kind in (Kind.DATE, Kind.TIMESTAMP) else None)
    return str(cell)


def _moment(cell: date, column: Column | None) -> str:
    """In the column's format where that says all of it, else ISO: which a column of another format rejects."""
    moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
    form = column.type.format if column else None
    if form:
        written = moment.strftime(form)
        try:
            if datetime.strptime(written, form) == moment:  # noqa: DTZ007 - a sheet knows no zones
                return written
        except ValueError:
            pass
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
