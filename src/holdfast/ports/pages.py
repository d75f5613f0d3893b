"""What the engine asks of an API or a feed: one page at a time."""

from __future__ import annotations

from typing import Protocol

from holdfast.domain.contract import Contract
from holdfast.domain.page import Page, Place


class Pages(Protocol):
    def fetch(self, contract: Contract, place: Place, ordinal: int) -> Page:
        """The page that begins at `place`, the extraction's number `ordinal` (from 0).

        Raises SourceError for an answer that is no page, and what the HTTP client raises.
        """
        ...
