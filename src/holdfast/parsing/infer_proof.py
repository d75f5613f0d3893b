"""The proof of a proposal: the real parser reads the sample by the inferred contract, and what it rejects is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from holdfast.domain.contract import CHUNK_BYTES_MAX
from holdfast.domain.errors import DriftRefused
from holdfast.domain.formats import format_of_name
from holdfast.domain.reject import REASON_CODES
from holdfast.parsing.formats import text_format
from holdfast.parsing.header import bind
from holdfast.parsing.infer import Inference
from holdfast.parsing.lines import line_end_of
from holdfast.parsing.parsed import ParsedChunk
from holdfast.parsing.records import count_lines


def proved(inference: Inference, head: bytes, *, at_eof: bool) -> Inference:
    """The inference with a note on the rows of the file's head that its contract rejects, by reason."""
    try:
        parsed = _parsed(inference, head[:CHUNK_BYTES_MAX], at_eof=at_eof and len(head) <= CHUNK_BYTES_MAX)
    except DriftRefused as error:
        note = f"DOUBT: the parser does not find these columns in the file: {error.message}"
        return replace(inference, general=[*inference.general, note])
    codes = Counter(reject.reasons[0].code for reject in parsed.rejects)
    if not codes:
        note = f"Tried on {parsed.read:,} rows: all of them fit."
    else:
        listed = "; ".join(
            f"{count:,} x {code}, {REASON_CODES[code]}, first in line {_first_line(parsed, code):,}"
            for code, count in codes.most_common()
        )
        note = f"DOUBT: tried on {parsed.read:,} rows, {sum(codes.values()):,} would be rejected: {listed}."
    return replace(inference, general=[*inference.general, note])


def _parsed(inference: Inference, head: bytes, *, at_eof: bool) -> ParsedChunk:
    contract = inference.contract
    file_name = contract.source[0] if contract.source else "the file"
    form = format_of_name(file_name) if contract.format.type == "auto" else contract.format.type
    text = text_format(form)
    header = text.read_top(head, contract, at_eof, file_name)
    data = head[header.data_start :]
    if not at_eof:
        mark = line_end_of(header.newline).decode().encode(header.encoding)
        data = data[: data.rfind(mark) + len(mark)]
    first_line = 1 + count_lines(head[: header.data_start], header.newline, header.encoding)
    layout = bind(contract, header, file_name)
    parsed = text.parse_chunk(data, layout, contract, first_line=first_line, base_offset=header.data_start)
    if at_eof:
        return parsed
    whole = [r for r in parsed.rejects if r.byte_offset + len(r.raw) < header.data_start + len(data)]
    return replace(parsed, rejects=whole)  # the last record may only be broken by where the sample ends


def _first_line(parsed: ParsedChunk, code: str) -> int:
    return next(reject.line for reject in parsed.rejects if reject.reasons[0].code == code)
