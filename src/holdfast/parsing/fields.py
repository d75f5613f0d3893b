"""The fields of one well-formed record. Slow and plain: the vectorised path must give what this gives."""

from __future__ import annotations

from functools import cache

from holdfast.domain.contract import CsvFormat


def split_fields(record: str, fmt: CsvFormat) -> list[str]:
    """The fields of a record whose quotes stand where they may, given without its line end."""
    if fmt.escape and fmt.escape in record:
        return _split_escaped(record, fmt)
    if not fmt.quote or fmt.quote not in record:
        return record.split(fmt.delimiter)
    fields, place = [], 0
    while True:
        if record.startswith(fmt.quote, place):
            text, place = _quoted(record, place + 1, fmt.quote)
        else:
            end = record.find(fmt.delimiter, place)
            end = len(record) if end < 0 else end
            text, place = record[place:end], end
        fields.append(text)
        if place >= len(record):
            return fields
        place += 1  # the delimiter


def _quoted(record: str, place: int, quote: str) -> tuple[str, int]:
    """The text of a quoted field that begins at `place`, and where its closing quote is behind us."""
    parts = []
    while True:
        end = record.index(quote, place)
        parts.append(record[place:end])
        if not record.startswith(quote, end + 1):
            return "".join(parts), end + 1
        parts.append(quote)
        place = end + 2


def _split_escaped(record: str, fmt: CsvFormat) -> list[str]:
    fields, field, inside, place = [], "", False, 0
    is_start = True
    while place < len(record):
        char = record[place]
        if char == fmt.escape and place + 1 < len(record):
            field, place, is_start = field + record[place + 1], place + 2, False
            continue
        if inside and char == fmt.quote and record.startswith(fmt.quote, place + 1):
            field, place = field + char, place + 2
            continue
        if char == fmt.quote and (inside or is_start):
            inside, is_start = not inside, False
        elif char == fmt.delimiter and not inside:
            fields.append(field)
            field, is_start = "", True
        else:
            field, is_start = field + char, False
        place += 1
    return [*fields, field]


def without_line_end(record: bytes, newline: str, encoding: str) -> bytes:
    """A record's bytes without its line end: LF, CRLF, or in a "cr" file CR."""
    lf, cr = _line_ends(encoding)
    if newline == "cr":
        return record.removesuffix(cr)
    return record.removesuffix(lf).removesuffix(cr) if record.endswith(lf) else record


@cache
def _line_ends(encoding: str) -> tuple[bytes, bytes]:
    return "\n".encode(encoding), "\r".encode(encoding)
