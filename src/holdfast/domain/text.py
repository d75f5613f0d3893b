"""Text as every database can keep it: what it may not hold is spelled out, what is too long is cut and says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DETAIL_CHARS_MAX = 4_000
_CUT = " [cut]"


def storable(text: str, chars_max: int | None = None) -> str:
    """No NUL (PostgreSQL's text has none), no lone surrogate, and not longer than it may be."""
    clean = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()
    return clean if chars_max is None or len(clean) <= chars_max else clean[: chars_max - len(_CUT)] + _CUT


def details(found: Mapping[str, Any]) -> str:
    """A line's details as JSON, no text among them longer than a person would read."""
    cut = {name: storable(v, DETAIL_CHARS_MAX) if isinstance(v, str) else v for name, v in found.items()}
    return storable(json.dumps(cut, default=str, ensure_ascii=False))
