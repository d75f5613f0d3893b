"""A contract proposed for a file of any format: a sample of it, read as its form has it."""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from holdfast.domain.compression import compression_of
from holdfast.domain.formats import format_of_name
from holdfast.engine.opening import opened
from holdfast.ports.source import Source

if TYPE_CHECKING:
    from holdfast.parsing.infer import Inference

_HEAD_BYTES = 4 * 1024 * 1024
_SLICE_BYTES = 512 * 1024
_SAMPLE_ROWS = 10_000


def propose(
    source: Source, uri: str, *, name: str = "", key: list[str] | None = None, write_disposition: str | None = None
) -> Inference:
    """Raises SourceError for what cannot be read, ContractError for a key that names no column."""
    from holdfast.parsing.infer import infer_from, sql_names
    from holdfast.parsing.infer_layout import read_layout
    from holdfast.parsing.infer_proof import proved
    from holdfast.parsing.infer_records import json_layout, sheet_layout, typed_layout

    name = name or sql_names([PurePosixPath(uri).name.split(".")[0]])[0]
    infer = partial(infer_from, name=name, key=key or [], write_disposition=write_disposition, source=[uri])
    form = format_of_name(uri)
    if form == "parquet":
        from holdfast.engine.forms.parquet import first_table

        with opened(source, uri, "") as handle:
            table, is_whole = first_table(handle, source.stamp(uri).size_bytes, uri, _SAMPLE_ROWS)
        layout, guesses = typed_layout(table)
        return infer(layout, at_eof=is_whole, guesses=guesses)
    if form == "excel":
        from holdfast.engine.forms.workbook import FILE_BYTES_MAX, sheet_rows
        from holdfast.parsing.sheet import rows_as_text

        with opened(source, uri, "") as handle:
            rows = sheet_rows(handle.read(0, FILE_BYTES_MAX + 1), None, uri)
        inference = infer(sheet_layout(rows, file_name=uri), at_eof=True)
        return proved(inference, rows_as_text(rows, inference.contract), at_eof=True)
    samples, at_eof = _samples(source, uri)
    if form == "jsonl":
        layout = json_layout(samples, file_name=uri)
    else:
        layout = read_layout(samples, at_eof=at_eof, file_name=uri)
    return proved(infer(layout, at_eof=at_eof), samples[0], at_eof=at_eof)


def _samples(source: Source, uri: str) -> tuple[list[bytes], bool]:
    """The file when it is small; else its head, and slices from its rest, where things often look different."""
    compression = compression_of(uri)
    with opened(source, uri, compression) as handle:
        head = handle.read(0, _HEAD_BYTES)
        if len(head) < _HEAD_BYTES:
            return [head], True
        if compression:
            return [head], False  # what comes later is behind all that is before it
        size_bytes = source.stamp(uri).size_bytes
        if size_bytes == len(head):
            return [head], True
        starts = sorted({max(_HEAD_BYTES, size_bytes * part // 4 - _SLICE_BYTES) for part in (2, 3, 4)})
        return [head, *(handle.read(start, start + _SLICE_BYTES) for start in starts)], False
