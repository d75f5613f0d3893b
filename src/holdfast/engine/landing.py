"""Landing tables: where the rows of a load wait that becomes visible as a whole.

One unindexed table a load, beside the target, dropped when the load is published or given up.
"""

from __future__ import annotations

import zlib

from holdfast.domain.table import MergeShape
from holdfast.engine.ledger import Load
from holdfast.engine.merge import merge_shape


def landing_table(load: Load) -> str:
    """In the target's schema. Short enough for any engine; the checksum tells apart datasets that begin alike."""
    told_apart = f"{zlib.crc32(load.dataset.encode()):08x}"
    name = f"holdfast_landing_{load.dataset[:20]}_{told_apart}_{load.number}".lower()
    schema, dot, table = load.contract.table.partition(".")
    return f"{schema}.{name}" if dot and schema and table else name


def landing_shape(load: Load) -> MergeShape:
    """The names a load's publishing is made of."""
    return merge_shape(load.contract, landing_table(load))
