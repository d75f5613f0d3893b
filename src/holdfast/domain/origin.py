"""The row's `_origin`: 63 bits that order duplicates and lead back to the source line.

`_origin = chunk number * 2**24 + row in the chunk`. Chunk numbers count up within a dataset in the order its files were
registered, so a later delivery has a greater origin. They count in hundreds: a chunk that a newer version of a file has
changed gets a number just above the one it replaces, so its rows win over those but not over rows further down the
file. Rows count from 0 over the chunk's records, blank lines and comments left out, rejected records included.
"""

from __future__ import annotations

CHUNK_STEP = 100
ROW_BITS = 24
ROWS_MAX = 1 << ROW_BITS
ORIGIN_COLUMN = "_origin"
RESERVED_PREFIX = "_holdfast_"  # columns that go along with rows, and never reach a table
ROW_COLUMN = f"{RESERVED_PREFIX}row"  # a parsed row's number in its chunk
ODD_COLUMN = f"{RESERVED_PREFIX}odd"  # what a table holds that is no value of its column's type


def origin_of(chunk: int, row: int) -> int:
    """The origin of row `row` (0-based) of chunk number `chunk`."""
    return (chunk << ROW_BITS) | row


def chunk_of(origin: int) -> int:
    return origin >> ROW_BITS


def row_of(origin: int) -> int:
    return origin & (ROWS_MAX - 1)


def origin_range(chunk: int) -> tuple[int, int]:
    """The half-open range of origins that belong to a chunk."""
    return chunk << ROW_BITS, (chunk + 1) << ROW_BITS
