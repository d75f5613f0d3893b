"""Explanations as plain objects: the fields of `--json` (docs/explain.md), from which the text for people is made too.

Values are texts, so that a decimal keeps its digits; no value is null.
"""

from __future__ import annotations

from typing import Any

from holdfast.observe.log import mask
from holdfast.quality.explain_history import RowHistory
from holdfast.quality.explain_key import SHOWN_MAX
from holdfast.quality.explain_row import Difference, NoRow, RowStory, SeveralRows
from holdfast.quality.explain_source import Delivery
from holdfast.quality.explain_values import text_of

Told = dict[str, Any]


def row_told(story: RowStory) -> Told:
    """A row that was found."""
    return {
        "dataset": story.dataset,
        "table": story.table,
        "partition": story.partition,
        "row": story.values,
        "source": delivery_told(story.delivery),
        "mended": story.mended,
        "differs_from_source": None if story.differences is None else [_difference(d) for d in story.differences],
        "history": history_told(story.history),
        "rejects": {"total": story.rejects.total, "first": story.rejects.first},
    }


def several_told(found: SeveralRows) -> Told:
    """More rows than one."""
    return {"rows": found.keys, "more": found.more, "shown_max": SHOWN_MAX}


def none_told(found: NoRow) -> Told:
    """No row."""
    return {
        "history": history_told(found.history),
        "rejects": {"total": found.rejects.total, "first": found.rejects.first},
        "chunks_waiting": found.chunks_waiting,
        "otherwise": found.otherwise,
    }


def history_told(history: RowHistory) -> Told:
    """What a row was before, oldest first."""
    changes = [
        {
            "changed_at": text_of(None, found.changed_at),
            "run_id": found.run_id,
            "columns": [{"column": name, "old": old, "new": new} for name, old, new in found.columns],
            "by": delivery_told(found.by),
            "replaced": delivery_told(found.replaced),
            "partition": found.partition,
            "old_partition": found.old_partition,
        }
        for found in history.latest
    ]
    pruned = history.pruned_before or None
    return {"is_kept": history.is_kept, "pruned_before": pruned, "total": history.total, "changes": changes}


def delivery_told(delivery: Delivery) -> Told:
    """Where a row came from: `state` says whether the source could be read back, `why` why it could not."""
    run = delivery.run or {}
    return {
        "origin": delivery.origin,
        "state": str(delivery.source),
        "why": mask(delivery.why),
        "chunk": delivery.chunk,
        "row_in_chunk": delivery.row,
        "file": delivery.uri and mask(delivery.uri),
        "version": delivery.version,
        "is_current": delivery.file_status == "current" if delivery.file_status else None,
        "content_hash": delivery.content_hash,
        "format": delivery.form,
        "compression": delivery.compression,
        "page": delivery.page,
        "line": delivery.line,
        "byte_offset": delivery.byte_offset,
        "byte_length": delivery.byte_length,
        "raw": delivery.raw,
        "way": delivery.way,
        "committed_at": text_of(None, delivery.committed_at),
        "run": {
            "id": run.get("id"),
            "command": run.get("command"),
            "host": run.get("host"),
            "pid": run.get("pid"),
            "status": run.get("status"),
            "started_at": text_of(None, run.get("started_at")),
        }
        if run
        else None,
    }


def _difference(difference: Difference) -> Told:
    return {"column": difference.column, "table": difference.table, "source": difference.source}
