"""The records in a JSON document, each as its own text: numbers are never read, so none is altered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from holdfast.parsing.json_paths import MISSING, follow, text_at

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_SPACE = re.compile(r"[ \t\n\r]*")
_LINE_ENDS = str.maketrans("\r\n", "  ")  # only between tokens: inside a text JSON writes them as escapes


class NoRecords(ValueError):
    """Why there are no records in a document; for a person to read."""


def decode(text: str) -> Any:
    """The whole document; numbers as their texts. Raises NoRecords where it is no JSON."""
    try:
        value, end = _DECODER.raw_decode(text, _after_space(text, 0))
    except json.JSONDecodeError as error:
        raise NoRecords(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NoRecords("nested deeper than can be read") from None
    rest = _after_space(text, end)
    if rest != len(text):
        raise NoRecords(f"not one JSON document: more text after character {end:,}")
    return value


def value_at(document: Any, path: str) -> Any:
    """What stands at a path of keys (`meta.next`); None where there is nothing."""
    found = follow(document, _keys(path))
    return None if found is MISSING else found


def records_at(text: str, document: Any, path: str) -> list[bytes]:
    """The items of the list at a path, as UTF-8 without line ends. `document`: `text`, decoded. Raises NoRecords."""
    walked = "the body"
    for key in _keys(path):
        if not isinstance(document, dict):
            raise NoRecords(f"{walked} is {_kind(document)}, expected an object with the key {key!r}")
        if key not in document:
            raise NoRecords(f"expected the key {key!r} in {walked}, which has {_names(document)}")
        document, walked = document[key], key if walked == "the body" else f"{walked}.{key}"
    if not isinstance(document, list):
        raise NoRecords(f"{walked} is {_kind(document)}, expected a list of records")
    texts: list[bytes] = []
    for item, value in _items(text_at(text, _keys(path))):
        if len(texts) == len(document) or value != document[len(texts)]:
            raise NoRecords(f"{walked} stands twice in one object")  # its text is the first, its value the last
        texts.append(item.translate(_LINE_ENDS).encode())
    if len(texts) != len(document):
        raise NoRecords(f"{walked} stands twice in one object")
    return texts


def _keys(path: str) -> tuple[str, ...]:
    return tuple(key for key in path.removeprefix("$").split(".") if key)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _items(text: str) -> Iterator[tuple[str, Any]]:
    """The texts of a list's items, and what they say."""
    place = _after_space(text, 1)
    while text[place] != "]":
        value, end = _DECODER.raw_decode(text, place)
        yield text[place:end], value
        place = _after_space(text, end)
        if text[place] == ",":
            place = _after_space(text, place + 1)


def _names(found: dict[str, Any]) -> str:
    return f"only {', '.join(map(repr, list(found)[:10]))}" if found else "no keys"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text or a number", bool: "true or false", type(None): "null"}
    return kinds[type(value)]
