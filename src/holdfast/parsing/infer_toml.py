"""A contract as TOML that a person can go on with: notes as comments, only keys that differ from their defaults.

Promises that the text reads back as the identical contract.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.domain.contract import Column, Contract


def contract_toml(
    contract: Contract,
    *,
    general: Sequence[str] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
    offers: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The contract's TOML. `general` stands at the top, `notes` and `offers` (lines of TOML) at their columns."""
    data = contract.model_dump(by_alias=True, exclude_defaults=True)
    tables = {"format", "columns", "indexes"}
    lines = [part for note in general for part in _comment(note)]
    lines += ["", *(f"{key} = {_value(value)}" for key, value in data.items() if key not in tables)]
    if data.get("format"):
        lines += ["", "[format]", *(f"{key} = {_value(value)}" for key, value in data["format"].items())]
    for column in contract.columns:
        lines += ["", "[[columns]]", *column_lines(column)]
        lines += [part for note in (notes or {}).get(column.name, ()) for part in _comment(note)]
        lines += [f"# {_on_one_line(offer)}" for offer in (offers or {}).get(column.name, ())]
    for index in data.get("indexes", []):
        lines += ["", "[[indexes]]", *(f"{key} = {_value(value)}" for key, value in index.items())]
    return "\n".join(lines).strip("\n") + "\n"


def column_lines(column: Column) -> list[str]:
    """A column's keys as a contract has them, without the heading."""
    data = column.model_dump(by_alias=True, exclude_defaults=True)
    sources = data.get("from")
    if sources and len(sources) == 1:
        data["from"] = sources[0]
    order = ["name", "from", "type", *(key for key in data if key not in ("name", "from", "type"))]
    return [f"{key} = {_value(data[key])}" for key in order if key in data]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML wants DEL spelled out too
    return repr(value)


def _comment(note: str) -> list[str]:
    return [f"# {part}" for part in textwrap.wrap(_on_one_line(note), 100, break_long_words=False)]


def _on_one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
