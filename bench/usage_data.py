"""Makes a usage-billing CSV of any size, and the truth a correct load of it must arrive at.

    python bench/usage_data.py OUT.csv --rows 1000000 --dup 0.01 --bad 0.001

Owns the shape of the data that tests, demo and benchmarks load. Promises: the same arguments give the same bytes; rows
are written in blocks, so 20 million of them stay under 1 GB of memory; OUT.csv.truth.json beside the file says how
many rows there are, how many break the contract and in which way, and what must be left: the last good row of every
(date, bill_id), with the exact sums of money by currency, in cents.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HEADER = "Date,Bill_ID,Currency,Name,Product1_revenue,Product2_revenue"
CURRENCIES = ("USD", "EUR", "GBP", "ILS")
PLAIN_NAMES = ("Northwind Ltd", "Contoso", "Fabrikam", "Tailspin Toys")
HARD_NAMES = ('"Levi, Cohen & Co"', '"The ""Old"" Mill"', '"Line one\nline two"', "Ærø Kraft", "東京電力", "שירותי ענן")
HARD_NAME_SHARE = 0.02
BLOCK_ROWS = 500_000
FIRST_DAY = np.datetime64("2024-01-01")
FIRST_BILL = 4_000_000_000
BILL_STEP = 6007
CENTS1_MAX = 9_999_999
DATE, ISO_DATE = "%d/%m/%Y", "%Y-%m-%d"

Fields = tuple[str, str, str, str, str, str]
BROKEN: dict[str, Callable[..., str]] = {
    "impossible_date": lambda d, b, c, n, p, q: f"30/02/{d[6:]},{b},{c},{n},{p},{q}",
    "not_an_integer": lambda d, b, c, n, p, q: f"{d},{b}.0,{c},{n},{p},{q}",
    "empty_key": lambda d, b, c, n, p, q: f"{d},,{c},{n},{p},{q}",
    "unknown_currency": lambda d, b, c, n, p, q: f"{d},{b},ZZZ,{n},{p},{q}",
    "not_a_number": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},unknown,{q}",
    "too_many_decimals": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},{p}5,{q}",
    "too_large": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},88888888888888888888.00,{q}",
    "negative": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},{p},-{q}",
    "missing_field": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},{p}",
    "extra_field": lambda d, b, c, n, p, q: f"{d},{b},{c},{n},{p},{q},1.00",
    "bare_quote": lambda d, b, c, n, p, q: f'{d},{b},{c},Con"toso,{p},{q}',
    "open_quote": lambda d, b, c, n, p, q: f'{d},{b},{c},"Contoso,{p},{q}',
}
"""Every way a row can break the contract: how to write a good row's fields so that it does."""


@dataclass(frozen=True)
class _Rows:
    """All rows as narrow columns: 15 bytes a row. `key` numbers the pair (day, bill); `broken` is -1 for a good row."""

    key: np.ndarray
    currency_name: np.ndarray
    cents1: np.ndarray
    cents2: np.ndarray
    broken: np.ndarray


def make_usage(  # each argument is one property of the file
    path: str | Path,
    *,
    rows: int = 100_000,
    order: str = "random",
    dup: float = 0.0,
    bad: float = 0.0,
    seed: int = 1,
    days: int = 365,
    crlf: bool = False,
    plain_names: bool = False,
    changed: float = 0.0,
    first_bill: int = FIRST_BILL,
    date_format: str = DATE,
) -> dict[str, Any]:
    """Write the CSV to `path` and its truth to `path`.truth.json; give the truth back.

    `dup` is the share of rows that repeat an earlier row's key with other values, `bad` the share that break the
    contract. `order` is "random" or "sorted" (by date, then bill). `changed` is the share of rows, evenly spread, whose
    first amount is another than without it; all else stays. Another `first_bill` within `BILL_STEP` gives other keys
    that lie between the first ones.
    """
    made = _draw(np.random.default_rng(seed), rows, order, dup, bad, days, plain_names)
    if changed:
        made.cents1[:: round(1 / changed)] %= CENTS1_MAX
        made.cents1[:: round(1 / changed)] += 1
    with Path(path).open("wb") as out:
        _write(out, made, days, "\r\n" if crlf else "\n", first_bill, date_format)
    truth = _truth(made)
    Path(f"{path}.truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return truth


def _draw(
    rng: np.random.Generator, rows: int, order: str, dup: float, bad: float, days: int, plain_names: bool
) -> _Rows:
    key = np.arange(rows, dtype=np.int32)
    if order == "random":
        rng.shuffle(key)
    elif order == "sorted":
        key = np.concatenate([np.arange(day, rows, days, dtype=np.int32) for day in range(min(days, max(rows, 1)))])
    else:
        raise ValueError(f"order {order!r}: expected 'random' or 'sorted'")
    again = np.flatnonzero(rng.random(rows, dtype=np.float32) < dup)
    again = again[again > 0]
    key[again] = key[rng.integers(0, again)]
    name = rng.integers(0, len(PLAIN_NAMES), rows, dtype=np.uint8)
    if not plain_names:
        hard = np.flatnonzero(rng.random(rows, dtype=np.float32) < HARD_NAME_SHARE)
        name[hard] = rng.integers(len(PLAIN_NAMES), len(PLAIN_NAMES + HARD_NAMES), len(hard), dtype=np.uint8)
    currency = rng.integers(0, len(CURRENCIES), rows, dtype=np.uint8)
    broken = np.full(rows, -1, np.int8)
    wrong = np.flatnonzero(rng.random(rows, dtype=np.float32) < bad)
    broken[wrong] = rng.integers(0, len(BROKEN), len(wrong), dtype=np.int8)
    return _Rows(
        key=key,
        currency_name=currency * np.uint8(len(PLAIN_NAMES + HARD_NAMES)) + name,
        cents1=rng.integers(1, CENTS1_MAX + 1, rows, dtype=np.int32),
        cents2=rng.integers(1, 5_000_000, rows, dtype=np.int32),
        broken=broken,
    )


def _write(out: BinaryIO, made: _Rows, days: int, line_end: str, first_bill: int, date_format: str) -> None:
    """Write header and rows. The separators are part of the looked-up texts, so one join makes a whole line."""
    dates = pc.strftime(pa.array(FIRST_DAY + np.arange(days), pa.date32()), format=f"{date_format},")
    middles = pa.array([f",{c},{n}," for c in CURRENCIES for n in PLAIN_NAMES + HARD_NAMES])
    cents = pa.array([f".{part:02}," for part in range(100)])
    cents_last = pa.array([f".{part:02}{line_end}" for part in range(100)])
    out.write((HEADER + line_end).encode())
    for start in range(0, len(made.key), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        bill, day = np.divmod(made.key[part], days)
        lines = pc.binary_join_element_wise(
            dates.take(pa.array(day)),
            pa.array(first_bill + bill.astype(np.int64) * BILL_STEP).cast(pa.string()),
            middles.take(pa.array(made.currency_name[part])),
            *_money(made.cents1[part], cents),
            *_money(made.cents2[part], cents_last),
            "",
        )
        out.write(_text_of(_break_rows(lines, made.broken[part], line_end)))


def _money(cents: np.ndarray, cents_texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    whole, rest = np.divmod(cents, 100)
    return pa.array(whole).cast(pa.string()), cents_texts.take(pa.array(rest))


def _break_rows(lines: pa.Array, broken: np.ndarray, line_end: str) -> pa.Array:
    where = np.flatnonzero(broken >= 0)
    if not len(where):
        return lines
    ways = list(BROKEN.values())
    good = lines.take(pa.array(where)).to_pylist()
    texts = [ways[way](*_fields(line.removesuffix(line_end))) for way, line in zip(broken[where], good, strict=True)]
    return pc.replace_with_mask(lines, pa.array(broken >= 0), pa.array([text + line_end for text in texts]))


def _fields(line: str) -> Fields:
    """A good line's six fields; only the name may hold commas, so it is what remains between the others."""
    date, bill, currency, rest = line.split(",", 3)
    name, revenue1, revenue2 = rest.rsplit(",", 2)
    return date, bill, currency, name, revenue1, revenue2


def _text_of(lines: pa.Array) -> memoryview:
    offsets = np.frombuffer(lines.buffers()[1], np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(lines.buffers()[2])[offsets[0] : offsets[-1]]


def _truth(made: _Rows) -> dict[str, Any]:
    rows = len(made.key)
    good = np.flatnonzero(made.broken < 0)
    last = np.full(rows, -1, np.int32)
    last[made.key[good]] = good  # numpy stores repeated indices in order: the last good row of a key stays
    kept = last[last >= 0]
    kinds = np.bincount(made.broken[made.broken >= 0], minlength=len(BROKEN))
    currency = made.currency_name[kept] // len(PLAIN_NAMES + HARD_NAMES)
    return {
        "rows": rows,
        "rejected": rows - len(good),
        "rejected_by_kind": {kind: int(count) for kind, count in zip(BROKEN, kinds, strict=True) if count},
        "keys": len(kept),
        "superseded": len(good) - len(kept),
        "by_currency": {code: _sums(made, kept[currency == i]) for i, code in enumerate(CURRENCIES)},
    }


def _sums(made: _Rows, kept: np.ndarray) -> dict[str, int]:
    return {
        "rows": len(kept),
        "product1_cents": int(made.cents1[kept].sum(dtype=np.int64)),
        "product2_cents": int(made.cents2[kept].sum(dtype=np.int64)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a usage-billing CSV and the truth about it.")
    parser.add_argument("path", metavar="OUT.csv")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--order", choices=["random", "sorted"], default="random")
    parser.add_argument("--dup", type=float, default=0.0, help="share of rows that repeat an earlier key")
    parser.add_argument("--bad", type=float, default=0.0, help="share of rows that break the contract")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--crlf", action="store_true", help="end lines with CR LF")
    parser.add_argument("--plain-names", action="store_true", help="no quotes, commas, line breaks or accents")
    truth = make_usage(**vars(parser.parse_args()))
    print(json.dumps({name: truth[name] for name in ("rows", "rejected", "keys", "superseded")}))


if __name__ == "__main__":
    main()
