"""Names of landing tables: where the rows of a load wait that becomes visible as a whole.

One unindexed table a load, in the ledger's own namespace of names, dropped when the load is published or given up.
"""

from __future__ import annotations

from holdfast.domain.table import MergeShape
from holdfast.engine.ledger import Load
from holdfast.engine.merge import merge_shape


def landing_table(load: Load) -> str:
    return f"holdfast_landing_{load.dataset[:30]}_{load.number}".lower()


def landing_shape(load: Load) -> MergeShape:
    """The target's shape with the landing table in the place of the staging table."""
    return merge_shape(load.contract, staging=landing_table(load))
