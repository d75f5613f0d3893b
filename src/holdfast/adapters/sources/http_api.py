"""One page of an HTTP API: what is asked for, what the answer must look like, where the next page begins."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any

from holdfast.adapters.sources.web_request import Caller, Pairs
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceError
from holdfast.domain.page import At, Page, Place
from holdfast.domain.web_source import Api, text_of
from holdfast.parsing.json_records import NoRecords, decode, records_at, value_at

if TYPE_CHECKING:
    from holdfast.outbound.client import Client
    from holdfast.outbound.policy import Answer

_CHARSET = re.compile(r"charset=\"?([\w.:-]+)")
_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\",;\s]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\",;\s]+))", re.IGNORECASE)
_ENCODINGS = ("ascii", "utf-8", "utf-16", "utf-16-be", "utf-16-le", "utf-32", "iso8859-1", "iso8859-15", "cp1252")
EXCERPT_CHARS = 60


def fetch_page(client: Client, contract: Contract, api: Api, caller: Caller, place: Place, ordinal: int) -> Page:
    """Ask for the page at `place`. Raises SourceError for an answer that is no page, and what the client raises."""
    at = place.at
    url = caller.address_of(str(at["url"])) if "url" in at else caller.address(_params(api, place))
    answer = client.get(url, headers={"Accept": "application/json", **caller.headers})
    try:
        text = _text(answer)
        document = decode(text)
        records = records_at(text, document, api.records)
        next_at = _next(api, caller, contract, place, ordinal, answer, document, len(records))
    except NoRecords as wrong:
        raise SourceError(
            f"{contract.name}: page {ordinal + 1:,} of {answer.url_shown}: {wrong}; nothing of this page was committed,"
            " pages done before stay",
            hint="does the contract's [api] fit what is answered? run the load again: it goes on at this page",
        ) from None
    return Page(records, next_at, answer.url_shown)


def _params(api: Api, place: Place) -> Pairs:
    paging, at = api.pagination, place.at
    params: Pairs = []
    if paging.size_param:
        params.append((paging.size_param, str(paging.size)))
    if api.incremental and place.since is not None:
        params.append((api.incremental.param, place.since))
    if paging.type in ("page", "offset"):
        params.append((paging.name, str(at.get(paging.type, paging.start))))
    elif "cursor" in at:
        params.append((paging.name, str(at["cursor"])))
    return params


def _text(answer: Answer) -> str:
    """The body as text. Raises NoRecords that says what it is instead of JSON."""
    said = answer.headers.get("content-type", "")
    if not answer.body.strip():
        raise NoRecords(f"expected JSON, found an empty body (status {answer.status})")
    charset = found[1] if (found := _CHARSET.search(said.lower())) else "utf-8"
    try:
        encoding = codecs.lookup(charset).name
    except LookupError:
        encoding = ""
    if encoding not in _ENCODINGS:  # a name nobody knows, or one of Python's own that is no text's
        encoding = "utf-8"
    try:
        text = answer.body.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError as error:
        raise NoRecords(f"expected JSON, found bytes that are no {encoding}: {error}") from None
    first = text.lstrip()[:1]
    if first not in ("{", "["):
        what = "HTML" if first == "<" else "text"
        excerpt = " ".join(text.split())
        told = f" that begins {excerpt[:EXCERPT_CHARS]!r}" if what == "text" else ""
        raise NoRecords(f"expected JSON, found {what}{told} ({said or 'no content type'}, {len(answer.body):,} bytes)")
    return text


def _next(
    api: Api,
    caller: Caller,
    contract: Contract,
    place: Place,
    ordinal: int,
    answer: Answer,
    document: Any,
    count: int,
) -> At | None:
    """Where the next page begins; None: this was the last."""
    paging = api.pagination
    match paging.type:
        case "page" | "offset":
            if count == 0 or (paging.short_page_ends and count < (paging.size or 0)):
                return None
            at = int(place.at.get(paging.type, paging.start))
            return {paging.type: at + (1 if paging.type == "page" else count)}
        case "cursor":
            cursor = _scalar(document, paging.cursor or "")
            return {"cursor": cursor} if cursor else None
        case "link" | "next_url":
            if paging.type == "link":
                url = _next_link(answer.headers.get("link", ""))
            else:
                url = _scalar(document, paging.next or "")
            return {"url": caller.without_secrets(url, contract, ordinal)} if url else None
        case _:
            return None


def _scalar(document: Any, path: str) -> str:
    """A cursor or address in the body; empty where there is none, which is how an API says that this is all."""
    value = value_at(document, path)
    if value is None or value is False:
        return ""
    if not isinstance(value, str | bool):  # numbers are their texts here
        raise NoRecords(
            f"{path} is {'a list' if isinstance(value, list) else 'an object'}, expected a text or a number"
        )
    text = text_of(value)
    if not text.isascii() and text != text.encode("utf-8", "replace").decode():
        raise NoRecords(f"{path} is no text that can be sent: it has half a surrogate pair")
    return text


def _next_link(header: str) -> str:
    """The address of `rel="next"` in a Link header (RFC 8288)."""
    for url, parameters in _LINK.findall(header):
        rel = _REL.search(parameters)
        if rel and "next" in (rel[1] or rel[2] or "").lower().split():
            return str(url)
    return ""
