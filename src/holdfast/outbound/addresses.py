"""Where a request may go, and what it may take along when a source sends it elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping

import httpx

from holdfast.outbound.masking import Masker

_FOR_ANYONE = ("accept", "accept-encoding", "accept-language", "user-agent", "if-none-match", "if-modified-since")
_HOST = re.compile(rb"[A-Za-z0-9._:-]+")
_PORTS = {"http": 80, "https": 443}


def problem_with(url: httpx.URL) -> str:
    """Why an address cannot be called; empty: it can."""
    if url.scheme not in _PORTS or not _HOST.fullmatch(url.raw_host):
        return "expected an address that begins with http:// or https:// and names a host"
    return ""


def refused_redirect(before: httpx.URL, after: httpx.URL, masker: Masker) -> str:
    """Why a redirect is not followed; empty: it is."""
    if problem_with(after):
        return "to something that is no http address"
    if before.scheme == "https" and after.scheme == "http":
        return "from https to http, where anybody can listen"
    if not is_same_place(before, after) and (after.userinfo or masker.is_in(str(after))):
        return "to another host, with a key in the address"
    return ""


def is_same_place(before: httpx.URL, after: httpx.URL) -> bool:
    """Same host and port; or the same host, from http to https on their usual ports."""
    if before.host != after.host:
        return False
    ports = _port(before), _port(after)
    return (before.scheme == after.scheme and ports[0] == ports[1]) or ports == (80, 443)


def headers_for_another_host(headers: Mapping[str, str]) -> dict[str, str]:
    """Any header may hold a key, whatever it is called: only what is known to hold none goes along."""
    return {name: value for name, value in headers.items() if name.lower() in _FOR_ANYONE}


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS.get(url.scheme, 0)
