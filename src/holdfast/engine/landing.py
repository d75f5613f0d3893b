"""Names of landing tables: where the rows of a load wait that becomes visible as a whole.

One unindexed table a load, in the ledger's own namespace of names, dropped when the load is published or given up.
"""

from __future__ import annotations

import zlib

from holdfast.domain.table import MergeShape
from holdfast.engine.ledger import Load
from holdfast.engine.merge import merge_shape


def landing_table(load: Load) -> str:
    """Short enough for any engine; the checksum tells datasets apart whose names begin alike."""
    told_apart = f"{zlib.crc32(load.dataset.encode()):08x}"
    return f"holdfast_landing_{load.dataset[:20]}_{told_apart}_{load.number}".lower()


def landing_shape(load: Load) -> MergeShape:
    """The target's shape with the landing table in the place of the staging table."""
    return merge_shape(load.contract, staging=landing_table(load))
