"""The usage project with its file in another format: the same rows, so the same truth."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.support.usage_project import UsageProject

_MONEY = ("product1_revenue", "product2_revenue")


@dataclass
class UsageInForm(UsageProject):
    """`form` is jsonl or parquet. Only files without broken rows can be rewritten."""

    form: str = "jsonl"
    bad: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        source = self.directory / "data" / "usage.csv"
        with source.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        target = source.with_suffix(f".{self.form}")
        {"jsonl": _write_jsonl, "parquet": _write_parquet}[self.form](target, rows)
        source.unlink()
        contract = self.directory / "contracts" / "usage.toml"
        contract.write_text(contract.read_text().replace("data/*.csv", f"data/*.{self.form}"))


def _write_jsonl(path: Path, rows: list[dict[str, str]]) -> None:
    """Amounts and ids as numbers, as they were written."""
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            texts = {name: text if name in (*_MONEY, "bill_id") else json.dumps(text) for name, text in row.items()}
            out.write("{" + ", ".join(f'"{name}": {text}' for name, text in texts.items()) + "}\n")


def _write_parquet(path: Path, rows: list[dict[str, str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name in rows[0]:
        texts = [row[name] for row in rows]
        if name == "bill_id":
            columns[name] = pa.array([int(text) for text in texts], pa.int64())
        elif name in _MONEY:
            columns[name] = pa.array([Decimal(text) for text in texts], pa.decimal128(15, 2))
        else:
            columns[name] = pa.array(texts, pa.string())
    pq.write_table(pa.table(columns), path, row_group_size=len(rows) // 60)
