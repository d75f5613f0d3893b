"""Why a partition is out of date, in words a person can follow: which file, which chunk, how many rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from holdfast.models.fingerprint import window_binds, window_of
from holdfast.models.graph import Input
from holdfast.models.partitions import EVERYTHING
from holdfast.models.planning import Dirty
from holdfast.ports.database import Transaction

SHOWN_MAX = 3
LOOKED_AT_MAX = 50
Source = tuple[str, int | None, str]  # file (or '' for what is no file's), chunk, run
_FATES = (("rows_inserted", "new"), ("rows_updated", "changed"), ("rows_removed", "gone"))


def told(tx: Transaction, dirty: Dirty) -> str:
    """`late file data/x.csv, chunk 12: 3 rows new`; the reason itself where nothing more is known."""
    parts = [text for given, count in dirty.changed for text in _changes(tx, given, dirty.key, count)]
    return "; ".join(parts) or dirty.reason


def _changes(tx: Transaction, given: Input, key: str, count: int) -> Iterator[str]:
    """The newest touches, as many as were added since the fingerprint, by what they came from."""
    binds = window_binds(window_of(given, key) or EVERYTHING)
    most = min(max(count, 1), LOOKED_AT_MAX)
    found: dict[Source, Counter[str]] = {}
    for row in tx.run("model_touches_newest", relation=given.relation.key, most=most, **binds).rows:
        source = (row["uri"] or "", row["chunk"], row["run_id"])
        found.setdefault(source, Counter()).update({word: int(row[name]) for name, word in _FATES})
    for source, counts in list(found.items())[:SHOWN_MAX]:
        yield _sentence(given, source, counts)
    if len(found) > SHOWN_MAX or count > LOOKED_AT_MAX:
        yield f"and more changes of {given.relation.name}"


def _sentence(given: Input, source: Source, counts: Counter[str]) -> str:
    uri, chunk, run_id = source
    rows = [f"{counts[word]:,} row{'s' * (counts[word] != 1)} {word}" for _, word in _FATES if counts[word]]
    came = f"late file {uri}, chunk {chunk}" if uri else f"{given.relation.name} changed by run {run_id}"
    return f"{came}: {', '.join(rows)}" if rows else came
