"""What the parser hands to the engine: one chunk's rows, typed, and its rejects."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from holdfast.domain.reject import Reject
from holdfast.domain.types import ColumnType, Kind


@dataclass(frozen=True, slots=True)
class ParsedChunk:
    """One chunk, parsed. `read == table.num_rows + len(rejects)` always.

    `table` has the contract's columns in the contract's order, typed as `arrow_type` says, plus a last one,
    `ROW_COLUMN` (int32): the record's number within the chunk, from 0, rejects counted, blank lines and comments not.
    """

    table: pa.Table
    rejects: list[Reject]
    blank_lines: int = 0
    comment_lines: int = 0

    @property
    def read(self) -> int:
        return int(self.table.num_rows) + len(self.rejects)


def joined(parts: list[ParsedChunk]) -> ParsedChunk:
    """One chunk of its parts in order, whose rows are numbered through."""
    return ParsedChunk(
        pa.concat_tables([part.table for part in parts]),
        [reject for part in parts for reject in part.rejects],
        sum(part.blank_lines for part in parts),
        sum(part.comment_lines for part in parts),
    )


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """The Arrow type a contract's column is parsed to. UUID and JSON are text (canonical UUID; JSON as delivered)."""
    match column_type.kind:
        case Kind.INT:
            return pa.int32()
        case Kind.BIGINT:
            return pa.int64()
        case Kind.DECIMAL:
            return pa.decimal128(column_type.precision or 38, column_type.scale or 0)
        case Kind.FLOAT:
            return pa.float64()
        case Kind.BOOL:
            return pa.bool_()
        case Kind.DATE:
            return pa.date32()
        case Kind.TIMESTAMP:
            return pa.timestamp("us", tz="UTC" if is_aware(column_type) else None)
        case _:
            return pa.string()


def is_aware(column_type: ColumnType) -> bool:
    """Does a timestamp column name moments (stored in UTC) rather than wall-clock readings?"""
    return bool(column_type.zone) or "%z" in (column_type.format or "")
