"""Landing tables: where the rows of a load wait that becomes visible as a whole.

One unindexed table a load, beside the target, dropped when the load is published or given up.
"""

from __future__ import annotations

import zlib

from holdfast.domain.table import MergeShape
from holdfast.engine.ledger import Load
from holdfast.engine.merge import merge_shape
from holdfast.ports.database import Transaction
from holdfast.touches import relation_of


def landing_table(load: Load) -> str:
    """In the target's schema. Short enough for any engine; the checksum tells apart datasets that begin alike."""
    told_apart = f"{zlib.crc32(load.dataset.encode()):08x}"
    name = f"holdfast_landing_{load.dataset[:20]}_{told_apart}_{load.number}".lower()
    schema, dot, table = load.contract.table.partition(".")
    return f"{schema}.{name}" if dot and schema and table else name


def waiting_relation(load: Load) -> str:
    """Under which name a load's touches wait to become those of its table."""
    return f"{relation_of(load.contract.table)}#{load.number}"


def forget_landed(tx: Transaction, load: Load) -> None:
    """What landed is given up."""
    tx.run("drop_landing", landing_shape(load))
    tx.run("touches_forget", waiting=waiting_relation(load))


def landing_shape(load: Load) -> MergeShape:
    """The names a load's publishing is made of."""
    return merge_shape(load.contract, landing_table(load))
