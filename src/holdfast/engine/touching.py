"""Which partitions a dataset's rows belong to: of rows on their way, and of what the database says it did with them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from holdfast.domain.table import Partition
from holdfast.ports.database import Row
from holdfast.touches import Touched, Touches

if TYPE_CHECKING:
    import pyarrow as pa


def touches_of(rows: pa.Table, partition: Partition | None) -> Touches:
    """What inserting all of these rows touches."""
    if not rows.num_rows:
        return {}
    if partition is None:
        return {"": Touched(inserted=rows.num_rows)}
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, int] = defaultdict(int)
    for day in pc.value_counts(pc.cast(rows.column(partition.column), pa.date32(), safe=False)).to_pylist():
        found[day["values"].isoformat()[: partition.key_chars]] += day["counts"]
    return {key: Touched(inserted=count) for key, count in found.items()}


def touches_of_moves(rows: list[Row]) -> Touches:
    """Of rows that stood in `old_partition` (None: nowhere) and stand in `new_partition` (None: nowhere) now."""
    found: dict[str, Touched] = defaultdict(Touched)
    for row in rows:
        old, new, count = row.get("old_partition"), row.get("new_partition"), int(row["row_count"])
        if old is not None and old == new:
            found[old] += Touched(updated=count)
            continue
        if old is not None:  # a row that moves is gone from one and new in the other
            found[old] += Touched(removed=count)
        if new is not None:
            found[new] += Touched(inserted=count)
    return dict(found)
