"""How a sample of a file is written: encoding, delimiter, quote, preamble, header; and its records with their lines.

Evidence only, no types. Reads with Python's csv module, which is lenient: a guess must not fail on the one bad record
that the exact parser will later reject. A quote that is never closed costs one line here, never the rest of the sample.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.domain.contract import CsvFormat, header_key
from holdfast.domain.errors import SourceError
from holdfast.parsing.infer_dates import looks_like_moment

DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE_LINES_MAX = 20
_RECORD_LINES_MAX = 200  # a longer record is taken for a quote that was never closed
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*(?:[eE][+-]?[0-9]+)?%?")


@dataclass(frozen=True, slots=True)
class Record:
    """Fields as text, and the physical line (1-based) the record starts on; None where a slice hides the number."""

    fields: list[str]
    line: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A sample, read. `headers` is None where the file has none; `rows` all have `width` fields, `ragged` do not."""

    format: CsvFormat
    width: int
    headers: list[str] | None
    rows: list[Record]
    ragged: list[Record]
    notes: list[str] = field(default_factory=list)


def read_layout(samples: list[bytes], *, at_eof: bool, file_name: str) -> Layout:
    """Read samples: the first is the file's head, others are slices of its middle. `at_eof`: the head is all of it."""
    notes: list[str] = []
    encoding, text = _decoded(samples[0], at_eof=at_eof, file_name=file_name, notes=notes)
    if not text.strip():
        raise SourceError(
            f"{file_name} is empty: there is nothing to infer a contract from", hint="give a file with rows"
        )
    lines = _physical_lines(text, whole=at_eof)
    quote, escape = _quoting(text, notes)
    delimiter, width = _delimiter(lines, quote, escape, notes)
    shape = CsvFormat.model_validate(
        {"delimiter": delimiter, "quote": quote, "escape": escape, "encoding": encoding, "header": True}
    )
    records = list(read_records(lines, shape, width))
    skipped = _preamble(records, width, notes)
    records = [r for r in records[skipped:] if r.fields]
    skip_lines = (records[0].line or 1) - 1 if skipped else 0
    headers, header, more_lines = _header(records, skip_lines, notes)
    body = records[1:] if headers is not None else records
    for sample in samples[1:]:
        body += _slice_records(sample, shape, width)
    chosen = shape.model_copy(update={"header": header, "skip_lines": skip_lines + more_lines})
    return Layout(
        format=CsvFormat.model_validate(chosen.model_dump()),
        width=width,
        headers=headers,
        rows=[r for r in body if len(r.fields) == width],
        ragged=[r for r in body if len(r.fields) != width],
        notes=notes,
    )


def read_records(lines: list[str], shape: CsvFormat, width: int | None, *, numbered: bool = True) -> Iterator[Record]:
    """Records from physical lines; a blank line gives one without fields. `width`: how many there should be."""
    at = 0
    while at < len(lines):
        start = at
        ends = [start]
        reader = csv.reader(
            _window(lines, start, ends),
            delimiter=shape.delimiter,
            quotechar=shape.quote or None,
            quoting=csv.QUOTE_MINIMAL if shape.quote else csv.QUOTE_NONE,
            escapechar=shape.escape or None,
        )
        try:
            for fields in reader:
                taken = start + reader.line_num - at
                if taken > 1 and (len(fields) != (width or len(fields)) or taken >= _RECORD_LINES_MAX):
                    break  # a stray quote has swallowed lines: take them one by one again
                yield Record(fields, at + 1 if numbered else None)
                at = ends[0] = start + reader.line_num
        except csv.Error:
            pass  # a field too large for the module: its line counts as a broken record
        if at < len(lines):
            yield Record([lines[at].rstrip("\r\n")], at + 1 if numbered else None)
            at += 1


def _window(lines: list[str], start: int, ends: list[int]) -> Iterator[str]:
    """Lines from `start` on, as long as the last record's end (kept in `ends` by the reader's loop) is near."""
    for i in range(start, len(lines)):
        if i - ends[0] >= _RECORD_LINES_MAX:
            return
        yield lines[i]


def _decoded(head: bytes, *, at_eof: bool, file_name: str, notes: list[str]) -> tuple[str, str]:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", head.decode("utf-16", "replace")
    nul_share = [head[i:4096:2].count(0) / max(1, len(head[i:4096:2])) for i in (0, 1)]
    if max(nul_share) > 0.3 and min(nul_share) < 0.05:
        encoding = "utf-16-le" if nul_share[1] > nul_share[0] else "utf-16-be"
        return encoding, head.decode(encoding, "replace")
    if b"\x00" in head[:65536]:
        raise SourceError(
            f"{file_name} holds NUL bytes and is not UTF-16: it is not text", hint="give a CSV file, unpacked"
        )
    return _decoded_bytes(head.removeprefix(b"\xef\xbb\xbf"), at_eof, notes)


def _decoded_bytes(head: bytes, at_eof: bool, notes: list[str]) -> tuple[str, str]:
    text = head.decode("utf-8", "surrogateescape")
    wrong = [i for i, letter in enumerate(text) if "\udc80" <= letter <= "\udcff"] if not text.isascii() else []
    if wrong and not at_eof and wrong[0] >= len(text) - 3:
        wrong = []  # the sample ends inside a letter
    if not wrong:
        return "utf-8", text.encode("utf-8", "surrogateescape").decode("utf-8", "ignore")
    line = text.count("\n", 0, wrong[0]) + 1
    letters = sum(not letter.isascii() for letter in text) - len(wrong)
    if letters > 10 * len(wrong):
        notes.append(
            f"DOUBT: {len(wrong):,} bytes are not UTF-8 (the first in line {line}) although the rest is; "
            "their rows will be rejected with E_ENCODING."
        )
        return "utf-8", head.decode("utf-8", "replace")
    notes.append(
        f'DOUBT: line {line} is not UTF-8, so encoding = "latin-1" was chosen. Every byte is a letter there, so '
        "nothing is rejected, but if the file was written in another encoding its accents will be wrong. Look at some."
    )
    return "latin-1", head.decode("latin-1")


def _physical_lines(text: str, *, whole: bool) -> list[str]:
    lines = list(io.StringIO(text, newline=""))
    return lines if whole or len(lines) < 2 else lines[:-1]


def _quoting(text: str, notes: list[str]) -> tuple[str, str]:
    escape = ""
    if re.search(r'\\"(?![,;\t|\r\n])', text) and not re.search(r'[^,;\t|\r\n"]""', text):
        escape = "\\"
        notes.append('Quotes inside fields are written \\" here, so escape is set.')
    if '"' not in text:
        single = len(re.findall(r"(?:^|[,;\t|])'[^'\r\n]*'(?=[,;\t|\r\n]|$)", text, re.MULTILINE))
        if single >= 2 and single * 5 > text.count("\n"):
            notes.append("Fields are quoted with ' instead of \".")
            return "'", escape
    return '"', escape


def _delimiter(lines: list[str], quote: str, escape: str, notes: list[str]) -> tuple[str, int]:
    """The character that splits most records into the same number of fields, and that number."""
    best: tuple[tuple[float, int], str, int] = ((0.0, 0), ",", 1)
    for delimiter in DELIMITERS:
        shape = CsvFormat(delimiter=delimiter, quote=quote, escape=escape)
        widths = [len(r.fields) for r in read_records(lines[:500], shape, None) if r.fields]
        width, times = Counter(widths).most_common(1)[0] if widths else (1, 0)
        first_fits = bool(widths) and widths[0] == width  # `a;b` over `1,5;2,5`: the header knows better
        score = (round(times / max(1, len(widths)), 1) + 0.25 * first_fits, width)
        if width > 1 and score > best[0]:
            best = (score, delimiter, width)
    if best[2] == 1:
        notes.append("No delimiter splits the lines evenly: the file was taken to have one column.")
    return best[1], best[2]


def _preamble(records: list[Record], width: int, notes: list[str]) -> int:
    """How many records stand before the table."""
    first = next((i for i, r in enumerate(records) if len(r.fields) == width), 0)
    if not first or first > _PREAMBLE_LINES_MAX:
        return 0
    notes.append(
        f"The first {first} lines do not have {width} fields and were taken for a preamble: skip_lines leaves them out."
    )
    return first


def _header(records: list[Record], skip_lines: int, notes: list[str]) -> tuple[list[str] | None, bool | list[str], int]:
    """The header's cells (None: there is none), what `format.header` shall be, and how many more lines to skip."""
    cells = [cell.strip() for cell in records[0].fields]
    line = skip_lines + 1
    if not _is_header(cells, records):
        notes.append(f"Line {line} looks like data, so the columns were named by position: give them real names.")
        return None, [f"column_{i + 1}" for i in range(len(cells))], 0
    keys = [header_key(cell) for cell in cells]
    if len(set(keys)) == len(keys) and all(keys):
        if len(records) == 1:
            notes.append("The file has a header and no rows: every type below is a guess without evidence.")
        return records[0].fields, True, 0
    notes.append(
        f"Header names in line {line} are empty or stand twice, so that line is skipped and columns go by position."
    )
    taken = (records[1].line or line + 1) - line if len(records) > 1 else 1
    return records[0].fields, [f"column_{i + 1}" for i in range(len(cells))], taken


def _is_header(cells: list[str], records: list[Record]) -> bool:
    if any(_NUMBER.fullmatch(cell) or looks_like_moment(cell) for cell in cells) or not any(cells):
        return False
    body = [r.fields for r in records[1:1001] if len(r.fields) == len(cells)]
    again = sum(any(row[i].strip() == cell for row in body) for i, cell in enumerate(cells) if cell)
    return again * 2 <= len(cells)


def _slice_records(sample: bytes, shape: CsvFormat, width: int) -> list[Record]:
    """A slice starts and ends anywhere: its first and last line are left out, and whatever is not a whole row."""
    if shape.encoding.startswith("utf-16"):
        return []  # where a slice starts inside a code unit every letter would be wrong
    text = sample.decode(shape.encoding, "replace")
    lines = list(io.StringIO(text, newline=""))[1:-1]
    return [r for r in read_records(lines, shape, width, numbered=False) if len(r.fields) == width]
