"""Make usage in four currencies, the rates to USD of its days, and the truth about their revenue.

    python make_billing.py [--bills 40] [--seed 7] [--months 3] [--days 28] [--to DIRECTORY]

Writes `data/usage.csv` (bills of every day; some delivered twice, the later one counts), `rates.csv` (working days
only: a weekend goes by Friday's rate), and what comes later: `late/usage.csv`, a bill of a month long closed, and
`late/rates.csv`, the same rates with one Friday corrected. `truth.json` has the revenue by month, currency and product
that the models must show at first, after the late bill, and after the correction, as decimal texts.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

HEADER = ("Date", "Bill_ID", "Currency", "Name", "Product1_revenue", "Product2_revenue")
NAMES = ("Acme", "Globex", "Zoë & Söhne", "Smith, Jones", 'The "Best" Ltd')
USD_PER_UNIT = {"EUR": Decimal("1.08"), "GBP": Decimal("1.26"), "ILS": Decimal("0.27")}
FIRST_MONTH = date(2024, 1, 1)
CENT = Decimal("0.01")
Bill = tuple[date, int, str, str, Decimal, Decimal]
Rates = dict[tuple[date, str], Decimal]


def starts_of(months: int) -> list[date]:
    return [date(FIRST_MONTH.year + at // 12, at % 12 + 1, 1) for at in range(months)]


def make_rates(pick: random.Random, billed: list[date]) -> Rates:
    """Four decimals, on the working days among these and of the three days before each."""
    rates: Rates = {}
    for day in sorted({day - timedelta(days=n) for day in billed for n in range(4)}):
        if day.weekday() < 5:
            for code, near in USD_PER_UNIT.items():
                rates[day, code] = near + Decimal(pick.randint(-99, 99)) / 10_000
    return rates


def make_bills(pick: random.Random, days: Iterable[date], bills: int) -> list[Bill]:
    """`bills` a day; every twentieth is delivered once more with other amounts, right behind its first delivery."""
    made: list[Bill] = []
    for day in days:
        for number in range(1_000, 1_000 + bills):
            currency, name = pick.choice(("USD", *USD_PER_UNIT)), pick.choice(NAMES)
            for _ in range(2 if pick.random() < 0.05 else 1):
                amounts = (Decimal(pick.randint(0, 99_999)).scaleb(-2) for _ in range(2))
                made.append((day, number, currency, name, *amounts))
    return made


def rate_of(rates: Rates, day: date, currency: str) -> Decimal:
    """The last one on or before the day."""
    if currency == "USD":
        return Decimal(1)
    return next(rates[at, currency] for at in (day - timedelta(days=n) for n in range(8)) if (at, currency) in rates)


def revenue(bills: list[Bill], rates: Rates) -> dict[str, dict[str, str]]:
    """By `month currency product`: how many bills, their revenue, and what it is in USD, rounded once."""
    latest = {(day, number): bill for bill in bills for day, number in [bill[:2]]}
    found: dict[str, list[Decimal]] = {}
    for day, _, currency, _, *amounts in latest.values():
        for product, amount in zip(("product1", "product2"), amounts, strict=True):
            row = found.setdefault(f"{day:%Y-%m} {currency} {product}", [Decimal(0)] * 3)
            row[0], row[1], row[2] = row[0] + 1, row[1] + amount, row[2] + amount * rate_of(rates, day, currency)
    return {
        key: {"bill_count": str(n), "revenue": str(total), "revenue_usd": str(usd.quantize(CENT, ROUND_HALF_UP))}
        for key, (n, total, usd) in sorted(found.items())
    }


def write_bills(file: Path, bills: Iterable[Bill]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows([f"{day:%d/%m/%Y}", *rest] for day, *rest in bills)


def write_rates(file: Path, rates: Rates) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{day},{currency},{rate}" for (day, currency), rate in sorted(rates.items())]
    file.write_text("\n".join(["date,currency,rate", *lines]) + "\n")


def make_billing(directory: Path, *, bills: int = 40, seed: int = 7, months: int = 3, days: int = 28) -> dict[str, Any]:
    """Write the files; returns the truth. Each month is billed on its first `days` days, at least 7."""
    pick, starts = random.Random(seed), starts_of(months)
    billed = [start + timedelta(days=n) for start in starts for n in range(days)]
    rates, made = make_rates(pick, billed), make_bills(pick, billed, bills)
    closed = starts[-2] if months > 1 else starts[0]
    late: Bill = (closed + timedelta(days=2), 9_999, "EUR", "Acme, late", Decimal("100.01"), Decimal("7.77"))
    friday = closed + timedelta(days=(4 - closed.weekday()) % 7)
    used = {day for day, _, currency, *_ in made if currency == "GBP" and 0 <= (day - friday).days < 3}
    corrected = rates | {(friday, "GBP"): rates[friday, "GBP"] + Decimal("0.0101")}
    write_bills(directory / "data" / "usage.csv", made)
    write_bills(directory / "late" / "usage.csv", [late])
    write_rates(directory / "rates.csv", rates)
    write_rates(directory / "late" / "rates.csv", corrected)
    truth = {
        "bills": len({bill[:2] for bill in made}),
        "first_rate_day": str(min(rates)[0]),
        "last_day": str(billed[-1]),
        "late": {"day": str(late[0]), "month": f"{closed:%Y-%m}"},
        "corrected": {
            "day": str(friday),
            "month": f"{closed:%Y-%m}",
            "days_used": sorted(map(str, used)),
        },
        "at_first": revenue(made, rates),
        "after_late_bill": revenue([*made, late], rates),
        "after_correction": revenue([*made, late], corrected),
    }
    (directory / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bills", type=int, default=40, help="a day")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--months", type=int, default=3)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent)
    asked = parser.parse_args()
    told = make_billing(asked.to, bills=asked.bills, seed=asked.seed, months=asked.months, days=asked.days)
    print(f"{told['bills']:,} bills; rates: holdfast fx fetch --from {told['first_rate_day']} --to {told['last_day']}")
