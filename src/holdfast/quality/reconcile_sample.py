"""What a sample leaves open: rows of its chunks that the table does not have under their own `_origin`.

Another delivery of the key may have won, or the same row may have come before: then it is there, with another origin.
So the whole table is looked through once more, but only where there is such a row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from holdfast.domain.chunk import ChunkState
from holdfast.domain.origin import ROW_BITS
from holdfast.ports.database import Database
from holdfast.quality.reconcile_compare import Ids, Mask, Verdict, among, outranks
from holdfast.quality.reconcile_hash import KEY, KEY_2, ORIGIN, VALUES, Printer, Prints
from holdfast.quality.reconcile_table import table_rows


def settled(
    database: Database, printer: Printer, dataset: str, open_rows: Prints, go_on: Callable[[], None]
) -> Verdict:
    """What is missing or different after all; what is fine elsewhere is no longer expected of the sample."""
    nothing = open_rows[:0]
    if not len(open_rows):
        return Verdict(0, nothing, nothing, (nothing, nothing), nothing, nothing)
    source = open_rows[np.argsort(open_rows[:, KEY], kind="stable")]
    table, is_met, chunks = _looked_up(database, printer, dataset, source, go_on)
    wins = (source[:, VALUES] == table[:, VALUES]) | outranks(table, source)
    is_fine = is_met & wins & among(table[:, ORIGIN] >> ROW_BITS, chunks)
    differs = is_met & ~is_fine
    return Verdict(
        expected=-int(is_fine.sum()),
        missing=source[~is_met],
        extra=nothing,
        different=(source[differs], table[differs]),
        unverified=nothing,
        mended=nothing,
    )


def _looked_up(
    database: Database, printer: Printer, dataset: str, source: Prints, go_on: Callable[[], None]
) -> tuple[Prints, Mask, Ids]:
    """For each source row (in order of KEY) the table's row of that key, and whether there is one; the chunks that are
    in the table by then, for a load may have come between."""
    met = np.zeros(len(source), np.bool_)
    table = np.zeros_like(source)
    with database.reading() as tx:
        chunks = [
            row["number"] for row in tx.run("verify_chunks", dataset=dataset).rows if row["state"] == ChunkState.DONE
        ]
        for rows in table_rows(database, tx, printer.contract):
            go_on()
            prints = printer.prints(rows)
            at = np.minimum(np.searchsorted(source[:, KEY], prints[:, KEY]), len(source) - 1)
            found = (source[at, KEY] == prints[:, KEY]) & (source[at, KEY_2] == prints[:, KEY_2])
            met[at[found]] = True
            table[at[found]] = prints[found]
    return table, met, np.array(chunks, np.int64)
