"""APIs and feeds as a source of pages: one HTTP client a source and caller, kept while the process works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.adapters.sources.web_request import Caller
from holdfast.domain.contract import Contract
from holdfast.domain.errors import HoldfastError, OutboundError, SourceError
from holdfast.domain.page import Page, Place

if TYPE_CHECKING:
    from holdfast.outbound.client import Client

MakeClient = Callable[[str, Sequence[str]], "Client"]


class WebPages:
    """`make_client(source, secrets)` gives a client that keeps to the source's limits and masks the secrets."""

    def __init__(self, make_client: MakeClient) -> None:
        self._make_client = make_client
        self._clients: dict[tuple[str, tuple[str, ...]], Client] = {}

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
            raise
        return replace(page, warnings=tuple(client.mask(warning) for warning in page.warnings))

    def close(self) -> None:
        while self._clients:
            self._clients.popitem()[1].close()

    def _client(self, source: str, secrets: tuple[str, ...]) -> Client:
        key = source, secrets
        if key not in self._clients:
            self._clients[key] = self._make_client(source[:63], secrets)
        return self._clients[key]


def _fetched(client: Client, contract: Contract, caller: Caller, place: Place, ordinal: int) -> Page:
    if contract.api:
        from holdfast.adapters.sources.http_api import fetch_page

        return fetch_page(client, contract, contract.api, caller, place, ordinal)
    from holdfast.adapters.sources.feed import fetch_feed

    assert contract.feed is not None
    return fetch_feed(client, contract, contract.feed, caller, place)
