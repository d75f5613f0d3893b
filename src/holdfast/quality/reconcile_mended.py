"""Rows that were rejected, mended and loaded. No source says them; the ledger keeps what they were loaded with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from holdfast.domain.contract import Contract
from holdfast.domain.origin import ORIGIN_COLUMN, chunk_of
from holdfast.parsing.parsed import arrow_type
from holdfast.ports.database import Row, Transaction
from holdfast.quality.reconcile_compare import Ids
from holdfast.quality.reconcile_scope import Scope, mended_pages


def mended_rows(tx: Transaction, scope: Scope, unsaid: list[int]) -> Iterator[pa.Table]:
    """Mended rows of the scope's chunks, in its columns. Origins of those that cannot be told go to `unsaid`."""
    chunks = {chunk.claim.number for chunk in scope.chunks}
    for rows in mended_pages(tx, scope.dataset):
        page = [row for row in rows if chunk_of(row["origin"]) in chunks]
        if page:
            yield _table(scope.contract, page, unsaid)


def only(table: pa.Table, origins: Ids) -> list[dict[str, Any]]:
    """The rows with these origins."""
    found: list[dict[str, Any]] = table.filter(pa.array(np.isin(table.column(ORIGIN_COLUMN), origins))).to_pylist()
    return found


def _table(contract: Contract, page: list[Row], unsaid: list[int]) -> pa.Table:
    try:
        return _typed(contract, page)
    except (pa.ArrowException, TypeError):
        return pa.concat_tables([_alone(contract, row, unsaid) for row in page])


def _alone(contract: Contract, row: Row, unsaid: list[int]) -> pa.Table:
    try:
        return _typed(contract, [row])
    except (pa.ArrowException, TypeError):
        unsaid.append(row["origin"])
        return _typed(contract, [])


def _typed(contract: Contract, page: list[Row]) -> pa.Table:
    said = [json.loads(row["mended"]) for row in page]
    arrays = [
        pa.array([values.get(column.name) for values in said], pa.string()).cast(arrow_type(column.type))
        for column in contract.columns
    ]
    arrays.append(pa.array([row["origin"] for row in page], pa.int64()))
    return pa.Table.from_arrays(arrays, [*contract.column_names, ORIGIN_COLUMN])
