"""Model files for tests."""

from __future__ import annotations

from pathlib import Path

from holdfast.models.model import Model, read_models

HEAD = """key = ["month", "currency"]
partition = { column = "month", grain = "month" }
[columns]
month = "date"
currency = "string(3)"
revenue = "decimal(18,2)"
"""
SELECT = """SELECT DATE_TRUNC('month', date)::date AS month, currency, SUM(revenue) AS revenue
FROM usage_data GROUP BY 1, 2"""


def written(directory: Path, name: str, head: str = HEAD, select: str = SELECT) -> Path:
    path = directory / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"/*---\n{head}---*/\n{select}\n" if head else select)
    return path


def read(directory: Path) -> list[Model]:
    return read_models(directory)
