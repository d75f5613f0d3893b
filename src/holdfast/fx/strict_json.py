"""JSON read without loss: a number stays the text it was, so no float ever stands between a provider and the store."""

from __future__ import annotations

import json
from typing import Any


class NumberText(str):
    """A JSON number as it was written; a JSON string is a plain `str`."""

    __slots__ = ()


def read_strict(body: bytes) -> Any:
    """The document. Raises ValueError where it is none, has NaN, a name twice in an object, or is too deep."""
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            parse_float=NumberText,
            parse_int=NumberText,
            parse_constant=_refused,
            object_pairs_hook=_without_repeats,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    return found
