"""A chunk's rows before the database sees them: numbered by origin, in key order, one row a key.

In key order workers meet at a key from the same side, and an index is filled from one end to the other. Of several rows
with one key the one with the greatest (sequence, _origin) stays: the database would come to the same (P5).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from holdfast.domain.contract import Contract
from holdfast.domain.origin import ORIGIN_COLUMN, ROW_COLUMN, origin_of


def with_origins(table: pa.Table, chunk: int) -> pa.Table:
    """The parser's table with its row numbers turned into `_origin`."""
    rows = table.column(ROW_COLUMN).cast(pa.int64())
    place = table.schema.get_field_index(ROW_COLUMN)
    return table.set_column(place, ORIGIN_COLUMN, pc.add(rows, pa.scalar(origin_of(chunk, 0), pa.int64())))


def order_and_dedupe(table: pa.Table, contract: Contract) -> tuple[pa.Table, int]:
    """Rows in key order with one row a key, and how many lost. Without a key: as they are.

    Only the columns that decide are looked at; each of the others is copied once, and not at all if nothing moves.
    """
    key = contract.primary_key
    if not key or table.num_rows < 2:
        return table.combine_chunks(), 0
    rank = list(dict.fromkeys([*key, *([contract.sequence] if contract.sequence else []), ORIGIN_COLUMN]))
    ranked = table.select(rank).combine_chunks()
    if _strictly_increasing(ranked, key):
        return table.combine_chunks(), 0
    order = pc.sort_indices(ranked, sort_keys=[(name, "ascending") for name in rank])
    is_last_of_key = np.append(~_same_as_next(ranked.select(key).take(order), key), True)
    superseded = int(len(is_last_of_key) - np.count_nonzero(is_last_of_key))
    if superseded:
        order = order.filter(pa.array(is_last_of_key))
    return table.take(order).combine_chunks(), superseded


def dedupe(table: pa.Table, contract: Contract) -> tuple[pa.Table, int]:
    """One row a key, in any order, and how many lost: for where the database sorts all rows later anyway."""
    if not contract.primary_key or table.num_rows < 2 or _surely_distinct(table.select(contract.primary_key)):
        return table.combine_chunks(), 0
    return order_and_dedupe(table, contract)


def _surely_distinct(keys: pa.Table) -> bool:
    """Do all keys have hashes of their own? Sorting numbers costs a tenth of sorting rows by their keys."""
    hashes = np.zeros(keys.num_rows, np.uint64)
    for column in keys.combine_chunks().columns:
        hashes = (hashes ^ _words(column)) * np.uint64(0x9E3779B97F4A7C15)  # odd, so that no two words become one
        hashes ^= hashes >> np.uint64(29)
    hashes.sort()
    return not (hashes[1:] == hashes[:-1]).any()


def _words(column: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """A column as numbers, equal where its values are."""
    values = pa.concat_arrays(column.chunks)
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(kind):
        values = values.cast(pa.int64())
    elif not pa.types.is_integer(kind):
        values = values.dictionary_encode().indices
    words: npt.NDArray[np.int64] = values.to_numpy().astype(np.int64)
    return words.view(np.uint64)


def _same_as_next(table: pa.Table, key: list[str]) -> npt.NDArray[np.bool_]:
    same = np.ones(table.num_rows - 1, dtype=bool)
    for name in key:
        column = table.column(name)
        same &= pc.equal(column[:-1], column[1:]).to_numpy()
    return same


def _strictly_increasing(table: pa.Table, key: list[str]) -> bool:
    """Is the table in key order without equal neighbours? A cheap question that spares most sorted files the sort."""
    undecided = np.ones(table.num_rows - 1, dtype=bool)
    for name in key:
        column = table.column(name)
        before, after = column[:-1], column[1:]
        if (undecided & pc.greater(before, after).to_numpy()).any():
            return False
        undecided &= pc.equal(before, after).to_numpy()
    return not undecided.any()
