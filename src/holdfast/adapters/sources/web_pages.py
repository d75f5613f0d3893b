"""APIs and feeds as a source of pages: one HTTP client a source and caller, kept while the process works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.adapters.sources.web_request import Caller
from holdfast.domain.contract import Contract
from holdfast.domain.errors import HoldfastError, OutboundError, PlaceLost, RequestRefused, SourceError
from holdfast.domain.page import Page, Place

if TYPE_CHECKING:
    from holdfast.outbound.client import Client

PLACE_REFUSED = (400, 404, 410, 422)
MakeClient = Callable[[str, Sequence[str]], "Client"]


class WebPages:
    """`make_client(source, secrets)` gives a client that keeps to the source's limits and masks the secrets."""

    def __init__(self, make_client: MakeClient) -> None:
        self._make_client = make_client
        self._clients: dict[tuple[str, tuple[str, ...]], Client] = {}
        self._answered: set[str] = set()  # datasets of which this process got a page

    def fetch(self, contract: Contract, place: Place, ordinal: int) -> Page:
        web = contract.web
        if web is None:
            raise SourceError(
                f"contract {contract.name!r} has neither api nor feed any more, but pages of one are planned;"
                " pages done before stay",
                hint=f"start the load anew: holdfast load {contract.name}",
            )
        caller = Caller.of(contract, web)
        client = self._client(web.limits_name, caller.secrets)
        try:
            page = _fetched(client, contract, caller, place, ordinal)
        except HoldfastError as error:  # its text may hold what was answered, and answers echo keys
            is_calls = isinstance(error, OutboundError)
            told = f"{contract.name}, page {ordinal + 1:,}: {error.message}; pages done before stay"
            error.message = client.mask(told if is_calls else error.message)
            error.args = (error.message,)
            if isinstance(error, RequestRefused) and self._is_lost(contract, place, error.status):
                raise _lost(contract, error) from None
            raise
        self._answered.add(contract.name)
        return replace(page, warnings=tuple(client.mask(warning) for warning in page.warnings))

    def _is_lost(self, contract: Contract, place: Place, status: int | None) -> bool:
        """Did an API refuse what an earlier process was told to go on with? Cursors expire."""
        is_given = bool(place.at.keys() & {"cursor", "url"})
        return is_given and status in PLACE_REFUSED and contract.name not in self._answered

    def close(self) -> None:
        while self._clients:
            self._clients.popitem()[1].close()

    def _client(self, source: str, secrets: tuple[str, ...]) -> Client:
        key = source, secrets
        if key not in self._clients:
            self._clients[key] = self._make_client(source[:63], secrets)
        return self._clients[key]


def _lost(contract: Contract, error: RequestRefused) -> HoldfastError:
    if contract.write_disposition == "append":
        error.hint = (
            "if the cursor has expired, a new extraction would bring rows that were committed once more: "
            "take the table's rows out and load under another dataset's name, or use 'merge' with a primary_key"
        )
        return error
    return PlaceLost(
        f"{error.message}. Where to go on has most likely expired: the next load gives this extraction up and begins"
        " another one",
        hint=f"holdfast load {contract.name}",
    )


def _fetched(client: Client, contract: Contract, caller: Caller, place: Place, ordinal: int) -> Page:
    if contract.api:
        from holdfast.adapters.sources.http_api import fetch_page

        return fetch_page(client, contract, contract.api, caller, place, ordinal)
    from holdfast.adapters.sources.feed import fetch_feed

    assert contract.feed is not None
    return fetch_feed(client, contract, contract.feed, caller, place)
