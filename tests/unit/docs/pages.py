"""The documentation's pages, cut into the pieces that tests compare with the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str | None = None) -> list[str]:
    """The fenced blocks of a page; all languages if none is given."""
    found = _FENCE.findall(text_of(name))
    return [body for said, body in found if language is None or said == language]


def prose(name: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text_of(name))


def anchors(name: str) -> set[str]:
    """What `#...` may point at: headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", prose(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(name: str) -> Iterator[str]:
    """Every `holdfast ...` a reader could type: lines of fenced blocks, and inline code."""
    for block in blocks(name):
        yield from re.findall(r"(?:^|[$&|;(] *|[A-Z_]+=\S+ )(holdfast [^\n&|;)#]*)", block, re.MULTILINE)
    yield from re.findall(r"`(holdfast [^`]*)`", prose(name))
