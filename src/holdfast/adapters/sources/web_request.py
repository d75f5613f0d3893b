"""From a contract's address to a request: parameters, headers, credentials; and back to one without secrets."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, unquote_plus, urlencode, urljoin, urlsplit, urlunsplit

from holdfast.adapters.sources.secrets import is_reference, resolved, secrets_in
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceError
from holdfast.domain.web_source import Api, Auth, Feed

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """What is the same in every request of a contract. `secret_params` are never written down anywhere."""

    url: str
    params: Pairs
    secret_params: dict[str, str]
    headers: dict[str, str]
    secrets: tuple[str, ...]

    @classmethod
    def of(cls, contract: Contract, web: Api | Feed) -> Self:
        """Raises ConfigError where the environment lacks a secret."""
        what = f"contract {contract.name!r}"
        pairs = [*parse_qsl(urlsplit(web.url).query, keep_blank_values=True), *web.texts().items()]
        secret_params = {name: resolved(text, what) for name, text in pairs if is_reference(text)}
        headers = {name: resolved(text, what) for name, text in web.headers.items()}
        texts = [*(text for _, text in pairs), *web.headers.values()]
        secrets = [secret for text in texts for secret in secrets_in(text, what)]
        if web.auth:
            given, more_headers, more_params = _authorized(web.auth, what)
            headers |= more_headers
            secret_params |= more_params
            secrets += given
        base = urlunsplit((*urlsplit(web.url)[:3], "", ""))
        params = [(name, text) for name, text in pairs if name not in secret_params]
        return cls(base, params, secret_params, headers, tuple(dict.fromkeys(secrets)))

    def address(self, params: Pairs) -> str:
        """The contract's address with more parameters. What they name is sent once."""
        names = {name for name, _ in params}
        return _with_query(self.url, [*(p for p in self.params if p[0] not in names), *params, *self._secret_pairs()])

    def address_of(self, url: str) -> str:
        """An address that the other side gave, which `without_secrets` has cleaned."""
        scheme, netloc, path, query, _ = urlsplit(url)
        pieces = [query, urlencode(self._secret_pairs())]
        return urlunsplit((scheme, netloc, path, "&".join(piece for piece in pieces if piece), ""))

    def without_secrets(self, url: str, contract: Contract, ordinal: int) -> str:
        """The next page's address, absolute. Raises SourceError where it leads to another host."""
        try:
            parts = urlsplit(urljoin(self.url, url))
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        own = urlsplit(self.url)
        there, here = (parts.scheme, parts.hostname, port), (own.scheme, own.hostname, own.port)
        if _with_port(*there) != _with_port(*here) or parts.username:
            raise SourceError(
                f"{contract.name}: page {ordinal + 1:,} says the next page is at {parts.scheme}://{parts.hostname},"
                f" expected {own.scheme}://{own.netloc}; nothing of this page was committed, pages done before stay",
                hint="credentials are not sent to another host: name the address that answers in the contract",
            )
        pieces = [piece for piece in parts.query.split("&") if not self._is_secret(piece)]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(pieces), ""))  # as it came, maybe signed

    def _is_secret(self, piece: str) -> bool:
        name, _, value = piece.partition("=")
        told = unquote_plus(value)
        return unquote_plus(name) in self.secret_params or any(secret in told for secret in self.secrets)

    def _secret_pairs(self) -> Pairs:
        return list(self.secret_params.items())


def _authorized(auth: Auth, what: str) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """The secrets, and the headers and parameters they are sent in."""
    secret = resolved(auth.token or auth.password or "", what)
    match auth.type:
        case "bearer":
            return [secret], {"Authorization": f"Bearer {secret}"}, {}
        case "header":
            return [secret], {auth.name or "": secret}, {}
        case "query":
            return [secret], {}, {auth.name or "": secret}
        case "basic":
            both = f"{resolved(auth.username or '', what)}:{secret}"
            encoded = base64.b64encode(both.encode()).decode()
            return [secret, encoded, *secrets_in(auth.username or "", what)], {"Authorization": f"Basic {encoded}"}, {}


def _with_port(scheme: str, host: str | None, port: int | None) -> tuple[str, str | None, int | None]:
    return scheme, host, port or {"http": 80, "https": 443}.get(scheme)


def _with_query(url: str, pairs: Pairs) -> str:
    scheme, netloc, path, *_ = urlsplit(url)
    return urlunsplit((scheme, netloc, path, urlencode(pairs), ""))
