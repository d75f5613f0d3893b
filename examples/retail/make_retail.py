"""Make data like a shop's: lines of invoices with everything that makes monthly totals wrong elsewhere, and the truth.

    python make_retail.py [--rows 5000] [--seed 7] [--months 4] [--days 28] [--to DIRECTORY]

Writes `data/transactions.csv`, `late/late.csv` (three lines of one day of a month long closed, to be loaded later) and
`truth.json`: what the models must say before and after the late lines, as decimal texts, and what these lines touch.

In it: exact duplicates (legitimate: two equal lines are two sales), credit notes (C..., negative quantities), prices
with three decimals, lines without a customer or a description, and products sold under two descriptions.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

HEADER = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Norway", "Israel")
THINGS = ("LANTERN", "TEACUP", "CUSHION", "CLOCK", "BUNTING", "CANDLE", "TRAY", "DOORMAT", "PURSE", "RIBBON")
FIRST_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a shop's clock has no zone
LATE_ROWS = 3
THREE_DECIMALS = 5  # the product whose price has them
Line = tuple[str, ...]


class Shop:
    """Sells at random, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._invoice = 500_000
        things = [(f"{20_000 + place * 7}{'AB'[place % 2]}", thing) for place, thing in enumerate(THINGS * 4)]
        self._products = [
            (code, thing, Decimal(self._random.randint(10, 3_000)).scaleb(-3 if place == THREE_DECIMALS else -2))
            for place, (code, thing) in enumerate(things)
        ]

    def invoice(self, day: datetime) -> list[Line]:
        """The lines of one invoice, or of one credit note."""
        pick, self._invoice = self._random, self._invoice + 1
        is_credit = pick.random() < 0.05
        number = f"{'C' if is_credit else ''}{self._invoice}"
        moment = day + timedelta(minutes=pick.randint(7 * 60, 20 * 60))
        customer = "" if pick.random() < 0.25 else str(pick.randint(12_000, 18_000))
        country = pick.choices(COUNTRIES, (80, 6, 6, 4, 2, 2))[0]
        lines: list[Line] = []
        for _ in range(pick.randint(1, 12)):
            code, thing, price = pick.choice(self._products)
            spelled = pick.choices((f"RED {thing}", f"RED {thing}, LARGE", ""), (90, 8, 2))[0]
            quantity = pick.randint(1, 48) * (-1 if is_credit else 1)
            line = (number, code, spelled, str(quantity), f"{moment:%Y-%m-%d %H:%M:%S}", str(price), customer, country)
            lines += [line] * (2 if pick.random() < 0.02 else 1)
        return lines


def sell(shop: Shop, days: Iterable[datetime], rows: int) -> list[Line]:
    """About `rows` lines, spread over the days."""
    days = list(days)
    lines: list[Line] = []
    for place, day in enumerate(days):
        while len(lines) * len(days) < rows * (place + 1):
            lines += shop.invoice(day)
    return lines


def figures(lines: Iterable[Line]) -> dict[str, Any]:
    """What the gold models must say: by month, by month and product, by month and country."""
    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in ("monthly", "products", "countries")}
    for number, code, _, quantity, moment, price, customer, country in lines:
        amount, month = int(quantity) * Decimal(price), moment[:7]
        for name, key in (("monthly", month), ("products", f"{month} {code}"), ("countries", f"{month} {country}")):
            row = found[name].setdefault(key, defaultdict(Decimal))
            row["line_count"] += 1
            row["lines_without_customer"] += not customer
            row["quantity"] += int(quantity)
            row["revenue"] += amount
            row["credited"] += amount if number.startswith("C") else 0
    return {
        name: {key: {k: str(v) for k, v in row.items()} for key, row in rows.items()} for name, rows in found.items()
    }


def facts(lines: list[Line], late: list[Line]) -> dict[str, Any]:
    return {
        "rows": len(lines),
        "duplicate_rows": len(lines) - len(set(lines)),
        "credit_note_rows": sum(line[0].startswith("C") for line in lines),
        "rows_without_customer": sum(not line[6] for line in lines),
        "rows_with_three_decimals": sum(len(line[5].partition(".")[2]) == 3 for line in lines),
        "late": {
            "rows": len(late),
            "day": late[0][4][:10],
            "month": late[0][4][:7],
            "products": sorted({line[1] for line in late}),
            "countries": sorted({line[7] for line in late}),
        },
        "before": figures(lines),
        "after": figures(lines + late),
    }


def write_lines(file: Path, lines: Iterable[Line]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(lines)


def make_retail(
    directory: Path, *, rows: int = 5_000, seed: int = 7, months: int = 4, days: int = 28
) -> dict[str, Any]:
    """Write the files; returns the truth. Each month is sold on its first `days` days."""
    shop = Shop(seed)
    starts = [FIRST_DAY.replace(year=FIRST_DAY.year + at // 12, month=at % 12 + 1) for at in range(months)]
    lines = sell(shop, [start + timedelta(days=day) for start in starts for day in range(days)], rows)
    late_day = starts[min(1, months - 1)] + timedelta(days=days // 2)
    late = sell(shop, [late_day], LATE_ROWS)[:LATE_ROWS]
    write_lines(directory / "data" / "transactions.csv", lines)
    write_lines(directory / "late" / "late.csv", late)
    truth = facts(lines, late)
    (directory / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--months", type=int, default=4)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    told = make_retail(asked.to, rows=asked.rows, seed=asked.seed, months=asked.months, days=asked.days)
    print(f"{told['rows']:,} lines and {told['late']['rows']:,} late ones of {told['late']['day']}; see truth.json")
