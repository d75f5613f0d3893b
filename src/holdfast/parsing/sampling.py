"""Some of a CSV file's values, as texts and without Arrow: a plan looks at a few, and shall start at once."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.domain.contract import CsvFormat
from holdfast.parsing.fields import split_fields, without_line_end
from holdfast.parsing.headings import is_heading
from holdfast.parsing.records import Kind, scan


def sampled_texts(
    data: bytes, fmt: CsvFormat, *, fields: int, newline: str, encoding: str, heading: bytes
) -> list[list[str]]:
    """By field, the texts of the well-formed records in `data`, which begins and ends at record ends."""
    texts: list[list[str]] = [[] for _ in range(fields)]
    for record in _well_formed(data, fmt, newline, encoding):
        row = split_fields(record.decode(encoding), fmt)
        if len(row) == fields and not is_heading(record, heading, encoding):
            for column, text in zip(texts, row, strict=True):
                column.append(text)
    return texts


def _well_formed(data: bytes, fmt: CsvFormat, newline: str, encoding: str) -> Iterator[bytes]:
    records = scan(data, fmt, newline, encoding)
    for start, end, kind in zip(records.start.tolist(), records.end.tolist(), records.kind.tolist(), strict=True):
        if kind == Kind.DATA:
            yield without_line_end(data[start:end], newline, encoding)
