"""How quick rows get into MariaDB or MySQL: LOAD DATA from memory, and inserts of many rows where it is switched off.

    python -m bench.mysql_copy mysql://root@127.0.0.1:3306/a_database [--rows 200000]

Makes the table `holdfast_bench` in that database, fills it each way, and drops it.
"""

from __future__ import annotations

import argparse
import time
from unittest.mock import patch

import numpy as np
import pyarrow as pa

import holdfast
from holdfast.adapters.databases.mysql_session import StrictConnection
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import parse_type

TYPES = {"id": "bigint", "name": "string(40)", "amount": "decimal(15,2)"}
TABLE = TableDefinition(
    "holdfast_bench", tuple(ColumnDefinition(name, parse_type(text), False) for name, text in TYPES.items()), ("id",)
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("url")
    arguments.add_argument("--rows", type=int, default=200_000)
    given = arguments.parse_args()
    rows = sorted_rows(given.rows)
    for may_load, way in ((True, "LOAD DATA"), (False, "inserts")):
        with patch.object(
            StrictConnection, "may_load", property(lambda _, on=may_load: on, lambda _self, _found: None)
        ):
            print(f"{way}: {given.rows / seconds(given.url, rows):,.0f} rows/s")


def sorted_rows(count: int) -> pa.Table:
    ids = np.arange(count)
    cents = pa.array(ids * 37 % 1_000_000, pa.int64()).cast(pa.decimal128(21, 2))
    return pa.table({"id": ids, "name": [f"item {number}" for number in ids], "amount": cents})


def seconds(url: str, rows: pa.Table) -> float:
    database = holdfast.connect(url)
    with database.transaction() as tx:
        tx.create_table(TABLE)
    began = time.perf_counter()
    with database.transaction() as tx:
        tx.copy_in(TABLE.name, rows)
    took = time.perf_counter() - began
    with database.transaction() as tx:
        tx.execute(f"DROP TABLE {TABLE.name}")
    database.close()
    return took


if __name__ == "__main__":
    main()
