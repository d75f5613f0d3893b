"""What a sample leaves open: rows of its chunks that the table does not have under their own `_origin`.

Another delivery of the key may have won, or the same row may have come before: then it is there, with another origin.
So the whole table is looked through once more, but only where there is such a row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from holdfast.ports.database import Database
from holdfast.quality.reconcile_compare import Known, Mask, outranks
from holdfast.quality.reconcile_findings import Difference, Findings
from holdfast.quality.reconcile_hash import KEY, KEY_2, ORIGIN, VALUES, Printer, Prints
from holdfast.quality.reconcile_table import printed_rows


def settle_missing(
    database: Database, printer: Printer, findings: Findings, known: Known, most: int, go_on: Callable[[], None]
) -> None:
    """Take back what is only elsewhere, and leave `most` differences."""
    missing = [difference for difference in findings.first if difference.kind == "missing"]
    rest = [difference for difference in findings.first if difference.kind != "missing"]
    if missing:
        source = np.stack([difference.source for difference in missing if difference.source is not None])
        source = source[np.argsort(source[:, KEY], kind="stable")]
        table, is_met = _looked_up(database, printer, source, go_on)
        same = is_met & (source[:, VALUES] == table[:, VALUES])
        is_known = known.is_any(table[:, ORIGIN])
        settled = is_known & (same | (is_met & outranks(table, source)))
        differs = is_met & ~settled
        rest += [Difference("missing", row, None) for row in source[~is_met]]
        rest += [Difference("different", source[i], table[i]) for i in np.flatnonzero(differs).tolist()]
        findings.settle(source[settled], rest, int(differs.sum()))
    findings.first = rest
    findings.first = findings.in_order()[:most]


def _looked_up(database: Database, printer: Printer, source: Prints, go_on: Callable[[], None]) -> tuple[Prints, Mask]:
    """For each source row (in order of KEY) the table's row of that key, and whether there is one."""
    met = np.zeros(len(source), np.bool_)
    table = np.zeros_like(source)
    for _, prints in printed_rows(database, printer, (), go_on):
        at = np.searchsorted(source[:, KEY], prints[:, KEY])
        at = np.minimum(at, len(source) - 1)
        found = (source[at, KEY] == prints[:, KEY]) & (source[at, KEY_2] == prints[:, KEY_2])
        met[at[found]] = True
        table[at[found]] = prints[found]
    return table, met
