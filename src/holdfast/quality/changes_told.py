"""The history of values as plain objects: the fields of `changes --json` (docs/explain.md). Sums are texts too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from holdfast.domain.contract import Contract
from holdfast.ports.database import Row
from holdfast.quality.changes import ChangeReport, ChangeSum, is_closed, value_text
from holdfast.quality.explain_history import key_texts
from holdfast.quality.explain_source import Delivery
from holdfast.quality.explain_told import Told, delivery_told
from holdfast.quality.explain_values import decimal_text, text_of


def changes_told(contract: Contract, report: ChangeReport, deliveries: Mapping[int, Delivery]) -> Told:
    """All sums, and the rows that were asked for; `deliveries` by origin."""
    sums = sorted(report.sums.values(), key=lambda found: (found.column, found.partition))
    return {
        "dataset": contract.name,
        "table": contract.table,
        "history_is_kept": contract.keeps_history,
        "pruned_before": report.pruned_before or None,
        "values": report.values,
        "closed": report.closed,
        "sums": [_sum(found) for found in sums],
        "rows": list(rows_told(contract, report.rows, deliveries)),
    }


def _sum(found: ChangeSum) -> Told:
    scale = found.type.scale if found.type else None

    def shown(number: Decimal | None) -> str | None:
        return None if number is None else decimal_text(number, scale)

    return {
        "column": found.column,
        "partition": found.partition,
        "values": found.values,
        "moved": found.moved,
        "closed": found.closed,
        "empty_before": found.empty_before,
        "empty_after": found.empty_after,
        "sum_before": shown(found.before),
        "sum_after": shown(found.after),
        "difference": shown(found.difference),
    }


def rows_told(contract: Contract, rows: Iterable[Row], deliveries: Mapping[int, Delivery]) -> Iterable[Told]:
    """Each change with its key, its values, and the line that made it."""
    for row in rows:
        told: dict[str, Any] = {
            "key": key_texts(contract, row),
            "column": row["column_name"],
            "old": value_text(contract, row["column_name"], row["old_value"]),
            "new": value_text(contract, row["column_name"], row["new_value"]),
            "partition": row["partition_key"],
            "old_partition": row["old_partition"],
            "is_closed": is_closed(contract, row),
            "changed_at": text_of(None, row["changed_at"]),
            "run_id": row["run_id"],
            "origin": row["origin"],
            "old_origin": row["old_origin"],
            "by": delivery_told(deliveries[row["origin"]]),
        }
        yield told
