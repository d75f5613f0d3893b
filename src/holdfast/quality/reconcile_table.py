"""Rows of the table looked up by what is known of them: their prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.domain.contract import Contract
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.types import ColumnType, Kind
from holdfast.ports.database import Database, Transaction
from holdfast.quality.reconcile_hash import Printer, Prints

if TYPE_CHECKING:
    import pyarrow as pa

RANGES_MAX = 1000  # a statement with more of them takes longer to be planned than the table to be read


def columns_of(contract: Contract) -> list[tuple[str, ColumnType]]:
    """The columns of a table that are compared."""
    return [*((c.name, c.type) for c in contract.columns), (ORIGIN_COLUMN, ColumnType(Kind.BIGINT))]


def table_rows(
    database: Database, tx: Transaction, contract: Contract, origins: Sequence[tuple[int, int]] = ()
) -> Iterator[pa.Table]:
    """The table's rows in batches; with `origins`, those whose `_origin` is in one of these half-open ranges."""
    if len(origins) <= RANGES_MAX:
        yield from database.scan(tx, contract.table, columns_of(contract), origins)
        return
    starts, ends = (np.array(sorted(bounds), np.int64) for bounds in zip(*origins, strict=True))
    for rows in database.scan(tx, contract.table, columns_of(contract)):
        found = rows.column(ORIGIN_COLUMN).fill_null(-1).to_numpy()
        at = np.searchsorted(starts, found, side="right") - 1
        yield rows.filter((at >= 0) & (found < ends[at]))


def printed_rows(
    database: Database,
    printer: Printer,
    origins: Sequence[tuple[int, int]],
    go_on: Callable[[], None],
) -> Iterator[tuple[pa.Table, Prints]]:
    """The table as it is now, with the prints of its rows."""
    with database.reading() as tx:
        for rows in table_rows(database, tx, printer.contract, origins):
            go_on()
            yield rows, printer.prints(rows)
