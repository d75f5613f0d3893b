"""A feed as one page: asked for with what is remembered of the last time, read by feedparser, told as JSON records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.adapters.sources.web_request import Caller
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceError
from holdfast.domain.page import Page, Place
from holdfast.domain.web_source import Feed

if TYPE_CHECKING:
    from holdfast.outbound.client import Client

_ACCEPT = "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, */*;q=0.5"
NOT_MODIFIED = 304
VALIDATOR_CHARS_MAX = 1000


def fetch_feed(client: Client, contract: Contract, feed: Feed, caller: Caller, place: Place) -> Page:
    """Ask for the feed. Raises SourceError for what is none, and what the client raises."""
    from holdfast.parsing.feed import NoFeed, read_feed

    headers = {"Accept": _ACCEPT, **caller.headers}
    if place.etag:
        headers["If-None-Match"] = place.etag
    if place.modified:
        headers["If-Modified-Since"] = place.modified
    answer = client.get(caller.address([]), headers=headers, ok=(200, NOT_MODIFIED))
    if answer.status == NOT_MODIFIED:
        return Page([], None, answer.url_shown, unchanged=True, etag=place.etag, modified=place.modified)
    try:
        if len(answer.body) > feed.bytes_max:
            raise NoFeed(f"it has {len(answer.body):,} bytes, bytes_max allows {feed.bytes_max:,}")
        read = read_feed(
            answer.body,
            answer.headers,
            wanted={name for column in contract.columns for name in column.header_names},
            null_bad_dates=feed.bad_dates == "null",
        )
    except NoFeed as wrong:
        raise SourceError(
            f"{contract.name}: {answer.url_shown} cannot be read as a feed: {wrong}; nothing was loaded",
            hint="open the address in a browser: is it an RSS, Atom or RDF feed?",
        ) from None
    return Page(
        read.records,
        None,
        answer.url_shown,
        etag=_returnable(answer.headers.get("etag", "")),
        modified=_returnable(answer.headers.get("last-modified", "")),
        warnings=tuple(read.warnings),
    )


def _returnable(value: str) -> str:
    """A validator that can be sent back in a header as it came; else none, and the feed is read whole next time."""
    return value if value.isascii() and value.isprintable() and len(value) <= VALIDATOR_CHARS_MAX else ""
