"""How long checks take: the first time, when nothing was touched since, and after a late row.

    python bench/scripts/check_again.py URL [ROWS]

URL names an empty database. The rows are a year of usage with a key and a partition a day; the checks are six of single
rows, and one each of unique, volume, currency_coverage and revenue_outlier, besides what every dataset is checked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.usage_data import make_usage

CONTRACT = """
table = "usage_data"
source = "data/*.csv"
primary_key = ["date", "bill_id"]
partition = "date"
check_after_load = false
columns = [
    { name = "date", type = "date(%d/%m/%Y)" },
    { name = "bill_id", type = "bigint" },
    { name = "currency", type = "string(3)" },
    { name = "name", type = "string(200)" },
    { name = "product1_revenue", type = "decimal(15,2)" },
    { name = "product2_revenue", type = "decimal(15,2)" },
]
checks = [
    { kind = "not_null", column = "name" },
    { kind = "accepted_values", column = "currency", values = ["USD", "EUR", "GBP", "ILS"] },
    { kind = "range", column = "product1_revenue", min = 0, max = 100000 },
    { kind = "not_negative", column = "product2_revenue" },
    { kind = "pattern", column = "currency", pattern = "[A-Z]{3}" },
    { kind = "null_share", column = "currency", share_max_percent = 1 },
    { kind = "unique", columns = ["date", "bill_id"] },
    { kind = "volume" },
    { kind = "currency_coverage", column = "currency" },
    { kind = "revenue_outlier", column = "product1_revenue", by = "currency" },
]
"""


def main(url: str, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "contracts").mkdir()
        (directory / "data").mkdir()
        (directory / "holdfast.toml").touch()
        (directory / "contracts" / "usage.toml").write_text(CONTRACT)
        make_usage(directory / "data" / "usage.csv", rows=rows)
        told(directory, url, "load, for comparison", "load")
        told(directory, url, "checks, the first time")
        told(directory, url, "again, nothing touched")
        late = (directory / "data" / "usage.csv").read_text("utf-8").splitlines()[:2]
        late[1] = late[1].replace(late[1].split(",")[1], "1", 1)
        (directory / "data" / "late.csv").write_text("\n".join(late) + "\n", "utf-8")
        told(directory, url, "a late row is loaded", "load")
        told(directory, url, "again, one day touched")
        told(directory, url, "again, --full", "check", "--full")


def told(directory: Path, url: str, what: str, command: str = "check", *more: str) -> None:
    holdfast = Path(sys.executable).with_name("holdfast")
    began = time.monotonic()
    ended = subprocess.run(
        [holdfast, command, "usage", "--json", "--db", url, *more], cwd=directory, capture_output=True, check=True
    )
    seconds = time.monotonic() - began
    checks = json.loads(ended.stdout).get("checks", [])
    slowest = sorted(checks, key=lambda c: -c["duration_ms"])[:3]
    words = ", ".join(f"{c['check']} {c['duration_ms']:,} ms" for c in slowest)
    statuses = sorted({c["status"] for c in checks})
    print(f"{what:<24} {seconds:7.2f} s  {' '.join(statuses)}  {words}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
