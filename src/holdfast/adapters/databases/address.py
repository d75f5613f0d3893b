"""A database's URL, and how it is shown: passwords never leave this module but towards the driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from holdfast.domain.errors import ConfigError

MASK = "***"
_SECRET_OPTIONS = ("password", "sslpassword", "passwd", "secret", "token")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL. Its `repr` and `str` are masked; `redact` masks what a driver says."""

    url: sa.URL = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(repr=False)

    def __str__(self) -> str:
        return self.shown

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def parse_address(text: str) -> Address:
    """Raises ConfigError for what is no URL, without repeating a password it may hold."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        scheme, colon, _ = text.partition("://")
        raise ConfigError(
            f"the database URL {scheme + '://...' if colon else '(without ://)'} is malformed; no connection was made",
            hint="write sqlite:///file.db or postgresql://user:password@host:5432/name (special characters as %40)",
        ) from None
    options = {key: value for key, value in url.query.items() if key.lower() in _SECRET_OPTIONS}
    masked = url.update_query_dict(dict.fromkeys(options, MASK)) if options else url
    found = [str(url.password)] if url.password else []
    for value in options.values():
        found.extend([value] if isinstance(value, str) else value)
    return Address(url, masked.render_as_string(hide_password=True), _spellings(found))


def _spellings(secrets: list[str]) -> tuple[str, ...]:
    """Each secret also as a URL would spell it, the longest first so that no part of one stays visible."""
    spelled = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret))}
    return tuple(sorted(spelled, key=len, reverse=True))
