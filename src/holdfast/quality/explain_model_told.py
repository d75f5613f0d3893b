"""Explanations of models' cells as plain objects: the fields of `--json` (docs/explain.md)."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.observe.log import mask
from holdfast.ports.database import Row
from holdfast.quality.explain_cells import ModelCells
from holdfast.quality.explain_key import SHOWN_MAX
from holdfast.quality.explain_model import CellStory, InputStory
from holdfast.quality.explain_told import Told
from holdfast.quality.explain_values import text_of

_FATES = ("rows_inserted", "rows_updated", "rows_removed")


def cells_told(found: Sequence[ModelCells]) -> list[Told]:
    """The cells of models that a row is in."""
    return [
        {
            "model": model.model,
            "cells": [
                {"partition": c.partition, "key": c.key, "row": c.values, "is_current": c.is_current}
                for c in model.cells
            ],
            "more": model.more,
            "shown_max": SHOWN_MAX,
        }
        for model in found
    ]


def cell_told(story: CellStory) -> Told:
    """A cell of a model."""
    state = story.state
    return {
        "model": story.model,
        "partition": story.partition,
        "row": story.values,
        "is_current": not story.why_dirty and not story.stale_upstream,
        "why_not": story.why_dirty,
        "stale_upstream": list(story.stale_upstream),
        "row_now": story.now if story.why_dirty else story.values,
        "built": {
            "status": state["status"],
            "built_at": text_of(None, state["built_at"]),
            "first_built_at": text_of(None, state["first_built_at"]),
            "run_id": state["run_id"],
            "rows": state["rows"],
            "error": state["error"] and mask(state["error"]),
        }
        if state
        else None,
        "inputs": [_input(found) for found in story.inputs],
    }


def _input(found: InputStory) -> Told:
    return {
        "relation": found.relation,
        "from": found.first,
        "to": found.last,
        "is_model": found.is_model,
        "is_current": found.is_current,
        "totals": found.totals,
        "sources": [_source(row) for row in found.sources],
        "changes_since_build": found.new_touches,
        "since_build": [_source(row) for row in found.new],
        "inputs": [_input(inner) for inner in found.behind],
    }


def _source(row: Row) -> Told:
    return {
        "file": row["uri"] and mask(row["uri"]),
        "version": row["version"],
        "dataset": row["dataset"],
        "chunk": row["chunk"],
        "run_id": row["run_id"],
        "command": row["command"],
        **{name: row[name] for name in _FATES},
        "put_together": row["put_together"],
        "touched_at": text_of(None, row["touched_at"]),
    }
