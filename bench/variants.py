"""Files made of others: a file in two halves, and files with many columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WIDE_BLOCK_CELLS = 2_000_000
MONEY_WIDTH = 8


def cut_in_two(file: Path) -> list[Path]:
    """Two files with the same header, cut at an end of line near the middle; made once.

    The cut is at a line that begins with a date, so not within a quoted field with a line break in it.
    """
    halves = [file.with_suffix(f".{half}.csv") for half in (1, 2)]
    if all(half.exists() for half in halves):
        return halves
    with file.open("rb") as source:
        header = source.readline()
        source.seek(file.stat().st_size // 2)
        source.readline()
        cut = source.tell()
        while (line := source.readline()) and not line[:1].isdigit():
            cut = source.tell()
        for half, start, end in ((halves[0], 0, cut), (halves[1], cut, file.stat().st_size)):
            source.seek(start)
            with half.open("wb") as target:
                target.write(header if start else b"")
                while rest := min(end - source.tell(), 2**24):
                    target.write(source.read(rest))
    return halves


def make_wide(file: Path, columns: int, bytes_wanted: int, seed: int = 1) -> tuple[int, int]:
    """A file of about so many bytes: a key, an amount, small whole numbers. Gives its rows and the sum in cents."""
    rng = np.random.default_rng(seed)
    rows = max(1, bytes_wanted // (2 * MONEY_WIDTH + 4 * (columns - 2)))
    block = max(1, WIDE_BLOCK_CELLS // columns)
    cents_sum = 0
    with file.open("w") as out:
        out.write(",".join(wide_names(columns)) + "\n")
        for start in range(0, rows, block):
            count = min(block, rows - start)
            cents = rng.integers(1, 10_000_000, count)
            cents_sum += int(cents.sum())
            cells = rng.integers(100, 1000, (count, columns - 2))
            for i, (amount, others) in enumerate(zip(cents.tolist(), cells.tolist(), strict=True), 1_000_000 + start):
                out.write(f"{i},{amount // 100}.{amount % 100:02},{','.join(map(str, others))}\n")
    return rows, cents_sum


def wide_names(columns: int) -> list[str]:
    return ["id", "amount", *(f"c{number}" for number in range(3, columns + 1))]


def wide_contract(table: str, columns: int) -> str:
    """The contract of a wide file, as TOML. JSON's strings and lists are TOML's."""
    types = {"id": "bigint", "amount": "decimal(15,2)"}
    parts = [f"table = {json.dumps(table)}\nprimary_key = {json.dumps(['id'])}\n"]
    parts += [f'[[columns]]\nname = "{name}"\ntype = "{types.get(name, "int")}"\n' for name in wide_names(columns)]
    return "\n".join(parts)
