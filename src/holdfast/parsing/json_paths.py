"""Paths into a JSON object (`a.b.c`, `items[0].price`), and the text of what they lead to, just as it was delivered."""

from __future__ import annotations

import re
from json.decoder import JSONDecoder
from typing import Any

WHOLE = "$"
Step = str | int
MISSING = object()
_STEP = re.compile(r"(?:^|\.)([^.\[\]]+)|\[([0-9]{1,9})\]")
_SPACE = re.compile(r"[ \t\n\r]*")
_raw_decode = JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).raw_decode


def steps_of(path: str) -> tuple[Step, ...] | None:
    """The path's steps; None where the text is no path of more than one step."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if not found or (not at and found[2] is not None):
            return None
        steps.append(found[1] if found[1] is not None else int(found[2]))
        at = found.end()
    return tuple(steps) if len(steps) > 1 else None


def follow(value: Any, steps: tuple[Step, ...]) -> Any:
    """What the steps lead to; MISSING where one of them leads nowhere."""
    for step in steps:
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return MISSING
            value = value[step]
        elif not isinstance(value, dict) or step not in value:
            return MISSING
        else:
            value = value[step]
    return value


def text_at(text: str, steps: tuple[Step, ...]) -> str:
    """The piece of a valid JSON text that the steps, which lead somewhere, lead to."""
    at = _skip(text, 0)
    for step in steps:
        at = _member(text, at, step)
    return text[at : _raw_decode(text, at)[1]]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _member(text: str, at: int, step: Step) -> int:
    """Where the value of one key, or the item of one number, begins in the object or list that begins at `at`."""
    at, number = _skip(text, at + 1), 0
    while True:
        key: Step = number
        if isinstance(step, str):
            key, at = _raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)  # the colon
        if key == step:
            return at
        at = _skip(text, _raw_decode(text, at)[1])
        at, number = _skip(text, at + 1), number + 1  # the comma
