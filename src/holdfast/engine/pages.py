"""A page as a chunk: asked for outside any transaction, its rows and the next page's place committed together.

So a kill at any moment resumes at the page, and no page is skipped or written twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import xxhash

from holdfast.domain.contract import Contract
from holdfast.domain.errors import DriftRefused, SourceError
from holdfast.domain.page import Done, Page, Place
from holdfast.engine.faults import reach
from holdfast.engine.since import high_of
from holdfast.ports.pages import Pages

if TYPE_CHECKING:
    from holdfast.engine.claims import Claim
    from holdfast.engine.reading import ReadyChunk
    from holdfast.parsing.parsed import ParsedChunk
    from holdfast.ports.database import Transaction


@dataclass(frozen=True, slots=True)
class PageEnd:
    """What the commit of a page writes besides its rows. `next_place`: None on the last page."""

    place: Place
    records_hash: str
    records: int
    next_place: Place | None


def read_page(
    pages: Pages, contract: Contract, claim: Claim, *, digits_max: int | None, in_key_order: bool
) -> ReadyChunk:
    """Ask for a page and parse it. Raises SourceError, DriftRefused and what the HTTP client raises."""
    from holdfast.engine.reading import ready_chunk

    place = Place.from_json(claim.place or "{}")
    reach("page.asked")
    page = pages.fetch(contract, replace(place, done=None), claim.ordinal)
    reach("page.answered")
    parsed = _parsed(contract, page, digits_max)
    end = _end(contract, page, place, claim.ordinal, high_of(contract, parsed.table, place.high))
    return ready_chunk(parsed, contract, claim, "utf-8", in_key_order=in_key_order, page=end)


def write_page(tx: Transaction, claim: Claim, end: PageEnd) -> None:
    """Tell the ledger what the page was, and plan the next one. In the transaction that writes its rows."""
    tx.run(
        "page_done",
        dataset=claim.dataset,
        number=claim.number,
        epoch=claim.epoch,
        place=end.place.to_json(),
        span_hash=end.records_hash,
        lines=end.records,
    )
    if end.next_place is None:
        return
    number, ordinal, place = claim.number + 1, claim.ordinal + 1, end.next_place.to_json()
    if tx.run("page_again", dataset=claim.dataset, number=number, place=place).count:
        return
    tx.run(
        "chunk_add",
        dataset=claim.dataset,
        number=number,
        load_number=claim.load_number,
        file_number=claim.file_number,
        ordinal=ordinal,
        span_start=ordinal,
        span_end=ordinal + 1,
        first_line=1,
        lines=0,
        place=place,
        span_hash="",
    )


def _parsed(contract: Contract, page: Page, digits_max: int | None) -> ParsedChunk:
    """The page's records as lines of JSON, by the same parser: a record's line is its number on the page."""
    from holdfast.parsing import jsonl

    if contract.api and contract.drift == "freeze":
        _refuse_unknown_keys(contract, page)
    lines = b"".join(record + b"\n" for record in page.records)
    return jsonl.parse_chunk(
        lines, jsonl.unbound(contract), contract, first_line=1, base_offset=0, digits_max=digits_max
    )


def _refuse_unknown_keys(contract: Contract, page: Page) -> None:
    """A key that no column reads is drift, on whatever page it comes. Raises DriftRefused."""
    from holdfast.parsing.jsonl import unknown_keys

    if unknown := unknown_keys(page.records, contract):
        named = ", ".join(map(repr, unknown[:20])) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")
        raise DriftRefused(
            f"{contract.name}: records of {page.shown} have keys that are not in the contract: {named}; nothing of this"
            " page was committed, pages done before stay",
            hint='add columns for them, or set drift = "discard_column" to leave them out; then run the load again',
        )


def _end(contract: Contract, page: Page, place: Place, ordinal: int, high: str | None) -> PageEnd:
    """Where it goes on. Raises SourceError where that would never end."""
    digest = xxhash.xxh3_128_hexdigest(b"\n".join(page.records))
    done = Done(high=high, etag=page.etag, modified=page.modified, warnings=page.warnings)
    following = None
    if page.records and place.previous == digest:
        raise _endless(contract, page, ordinal, "it holds the very records of the page before")
    if page.next_at is not None:
        following = _following(contract, page, place, ordinal, digest, high)
    return PageEnd(replace(place, done=done), digest, len(page.records), following)


def _following(contract: Contract, page: Page, place: Place, ordinal: int, digest: str, high: str | None) -> Place:
    at = page.next_at or {}
    here, there = _hash_of(place.at), _hash_of(at)
    if there in (here, place.mark):  # Brent's way: any circle comes to a mark that is moved on at 1, 2, 4, 8, ...
        raise _endless(contract, page, ordinal, f"it leads to a page that was read before ({_shown(at)})")
    most = contract.web.pages_max if contract.web else 0
    if ordinal + 1 >= most:
        raise SourceError(
            f"{contract.name}: {page.shown} has more than {most:,} pages; nothing of page {ordinal + 1:,} was"
            " committed, pages done before stay",
            hint="set pages_max higher in the contract if that is right, and run the load again: it goes on there",
        )
    mark = here if (ordinal + 1) & ordinal == 0 else place.mark
    return replace(place, at=at, high=high, previous=digest if page.records else "", mark=mark)


def _hash_of(at: dict[str, str | int]) -> str:
    return xxhash.xxh3_64_hexdigest(repr(sorted(at.items())).encode())


def _shown(at: dict[str, str | int]) -> str:
    text = ", ".join(f"{name} {value}" for name, value in at.items())
    return text if len(text) <= 120 else text[:120] + "..."


def _endless(contract: Contract, page: Page, ordinal: int, why: str) -> SourceError:
    return SourceError(
        f"{contract.name}: page {ordinal + 1:,} of {page.shown} never ends the pages: {why}; nothing of this page was"
        " committed, pages done before stay",
        hint="does the pagination in the contract fit the API? correct it and run the load again",
    )
