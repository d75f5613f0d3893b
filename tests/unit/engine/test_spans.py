"""P2: whatever a file holds, its chunks cover it, do not overlap, and are pinned by their own bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.chunk import ChunkState
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import SourceChanged
from holdfast.engine.ledger import ChunkRow, FileLayout
from holdfast.engine.pinning import hash_bytes
from holdfast.engine.spans import CutFile, Cutter
from holdfast.parsing import csv

HEADER = b"group,text\n"


def contract(**more: object) -> Contract:
    columns = [{"name": "group", "type": "string"}, {"name": "text", "type": "string"}]
    form = {"chunk_bytes": 64, "max_record_bytes": 64}
    return contract_from(
        {"name": "c", "table": "c", "write_disposition": "append", "columns": columns, "format": form} | more
    )


class Bytes:
    """A file that is a piece of memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]

    def close(self) -> None:
        """Nothing to close."""


def cut(data: bytes, of: Contract) -> CutFile:
    layout = FileLayout(("group", "text"), "lf", "utf-8", len(HEADER), len(data))
    return Cutter(Bytes(data), len(data), layout, of, "c.csv").cut()


pieces = st.sampled_from(
    [b"a", b",", b"\n", b'"', b"\r\n", b'""', b",x\n", b'a,"b\nc"\n', "é".encode(), b"\0", b"\xff"]
)


@given(data=st.lists(pieces, max_size=200).map(b"".join))
def test_chunks_cover_the_file(data: bytes) -> None:
    data = HEADER + data
    chunks = cut(data, contract()).chunks
    ends = [0, *(chunk.span.end for chunk in chunks)]
    assert [chunk.span.start for chunk in chunks] == ends[:-1]
    assert ends[-1] == len(data)
    assert all(chunk.span.size_bytes > 0 for chunk in chunks)
    assert [chunk.span_hash for chunk in chunks] == [hash_bytes(data[c.span.start : c.span.end]) for c in chunks]
    assert [chunk.first_line for chunk in chunks] == [1 + data[: c.span.start].count(b"\n") for c in chunks]


@given(data=st.lists(pieces, max_size=200).map(b"".join))
def test_chunks_hold_the_records_of_the_whole(data: bytes) -> None:
    data = HEADER + data
    of = contract()
    layout = csv.bind(of, csv.Header(("group", "text"), len(HEADER), "lf", "utf-8"), "c.csv")

    def fates(start: int, end: int) -> list[tuple[str, int]]:
        parsed = csv.parse_chunk(data[start:end], layout, of, first_line=1, base_offset=start)
        return [("reject", reject.byte_offset) for reject in parsed.rejects] + [("row", 0)] * parsed.table.num_rows

    whole = fates(len(HEADER), len(data))
    by_chunk = [
        fate for chunk in cut(data, of).chunks for fate in fates(max(chunk.span.start, len(HEADER)), chunk.span.end)
    ]
    assert sorted(by_chunk) == sorted(whole)


@given(groups=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 12)), min_size=1, max_size=20))
def test_rows_of_one_entity_stay_together(groups: list[tuple[str, int]]) -> None:
    """No chunk ends between two consecutive rows of one entity."""
    data = HEADER + b"".join(f"{group},text {i}\n".encode() for group, count in groups for i in range(count))
    for chunk in cut(data, contract(entity=["group"])).chunks[:-1]:
        before = data[: chunk.span.end].splitlines()[-1].partition(b",")[0]
        after = data[chunk.span.end :].partition(b",")[0]
        assert before != after


def test_a_file_that_changes_while_it_is_planned_is_refused() -> None:
    """P8: an old chunk was recognised by its bytes, and by the time the version is pinned they are others."""
    old = HEADER + b"a,1\n" * 40
    older = [
        ChunkRow(100 * (i + 1), i, c.span, c.span_hash, c.first_line, c.lines, ChunkState.DONE)
        for i, c in enumerate(cut(old, contract()).chunks)
    ]

    class Rewritten(Bytes):
        reads = 0

        def read(self, start: int, end: int) -> bytes:
            self.reads += 1
            data = super().read(start, end)
            return data if self.reads <= len(older) else data.replace(b"a,1", b"a,2")

    layout = FileLayout(("group", "text"), "lf", "utf-8", len(HEADER), len(old))
    with pytest.raises(SourceChanged, match="changed while it was planned"):
        Cutter(Rewritten(old), len(old), layout, contract(), "c.csv", older).cut()
