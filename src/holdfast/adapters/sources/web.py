"""Files on web servers: ranged reads that are proved to be of one version of the file (P8).

A range is asked for under the ETag that was seen first (If-Match), and the answer's own ETag, range and length are
checked. A server without ranges is read whole, if the file is small. Credentials belong to a host, as in
`[remote.https."files.example.com"]`, and go to no other: neither by an address nor by a redirect.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from holdfast.adapters.sources.remote import Passing, Seen
from holdfast.domain.errors import ConfigError, SourceChanged, SourceError
from holdfast.outbound.exchange import without_their_logs

WHOLE_BYTES_MAX = 64 * 1024 * 1024  # of a file that must be read at once
REDIRECTS_MAX = 5
_PASSES = {408, 425, 429, 500, 502, 503, 504}
_GENERAL = {"ca_file", "timeout_s"}
_OF_HOST = {"username", "password", "headers"}
_AGAIN = "run the load again: it plans the new version, keeps what is equal and loads what changed"


class Web:
    """http:// and https://."""

    def __init__(self, options: dict[str, Any]) -> None:
        try:
            import httpx
        except ImportError as error:
            raise ConfigError(
                "reading https:// needs a package that is not installed", hint="pip install 'holdfast[https]'"
            ) from error
        for name, value in options.items():
            known = _OF_HOST if isinstance(value, dict) else _GENERAL
            for wrong in (set(value) if isinstance(value, dict) else {name}) - known:
                raise ConfigError(
                    f"holdfast.toml: remote.https: unknown key {wrong!r}; known here: {', '.join(sorted(known))}",
                    hint='credentials stand under their host: [remote.https."files.example.com"]',
                )
        self._httpx = httpx
        self._options = options
        self._timeout_s = float(options.get("timeout_s", 60))
        self._client = httpx.Client(
            verify=_trusted(options["ca_file"]) if "ca_file" in options else True,
            timeout=httpx.Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
        )

    def glob(self, address: str) -> list[str]:
        path = urlsplit(address).path
        if "*" in path:
            raise SourceError(
                f"{path!r} is a pattern, but a web server does not list its files; nothing was read",
                hint="name each file",
            )
        return [address]

    def look(self, address: str, shown: str) -> Seen:
        """By asking for the first byte: signed addresses often allow GET alone."""
        with self._got(address, shown, {"Range": "bytes=0-0"}) as answer:
            total = re.search(r"/(\d+)$", answer.headers.get("Content-Range", ""))
            if answer.status_code in (206, 416) and total:
                return _seen(answer.headers, int(total[1]))
            _require_ok(answer.status_code, shown)
            length = answer.headers.get("Content-Length", "")
            if length.isdecimal() and "Content-Encoding" not in answer.headers:
                return _seen(answer.headers, int(length))
            return _seen(answer.headers, len(self._body(answer, shown, WHOLE_BYTES_MAX)))

    def fetch(self, address: str, shown: str, start: int, end: int, seen: Seen) -> bytes:
        headers = {"Range": f"bytes={start}-{end - 1}"} | ({"If-Match": seen.version} if seen.version else {})
        with self._got(address, shown, headers) as answer:
            if answer.status_code in (412, 416):
                raise _changed(shown)
            _require_ok(answer.status_code, shown)
            if seen.version and answer.headers.get("ETag") != seen.version:
                raise _changed(shown)
            if answer.status_code == 200:
                return self._from_whole(answer, shown, start, end, seen)
            told = answer.headers.get("Content-Range", "")
            if told.replace(" ", "") != f"bytes{start}-{end - 1}/{seen.size_bytes}":
                if re.fullmatch(rf"bytes {start}-{end - 1}/(\d+|\*)", told):
                    raise _changed(shown)  # what was asked for, of a file of another size
                raise Passing(f"asked for bytes {start} to {end}, got {told or 'others'}")
            data = self._body(answer, shown, end - start)
        if len(data) != end - start:
            raise Passing(f"asked for {end - start:,} bytes, got {len(data):,}")
        return data

    def close(self) -> None:
        self._client.close()

    def _from_whole(self, answer: Any, shown: str, start: int, end: int, seen: Seen) -> bytes:
        """The server knows no ranges."""
        data = self._body(answer, shown, min(WHOLE_BYTES_MAX, seen.size_bytes))
        if len(data) != seen.size_bytes:
            raise Passing(f"the file has {seen.size_bytes:,} bytes, got {len(data):,}")
        return data[start:end]

    def _body(self, answer: Any, shown: str, bytes_max: int) -> bytes:
        """The body as it was sent, within the time and size it may take."""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise SourceError(
                f"{shown}: the server packs its answers ({answer.headers['Content-Encoding']}) though told not to, so"
                " bytes cannot be counted; nothing was read",
                hint="fetch the file first",
            )
        until, parts, size = time.monotonic() + 5 * self._timeout_s, [], 0
        for part in answer.iter_raw():
            parts.append(part)
            size += len(part)
            if size > bytes_max:
                if bytes_max == WHOLE_BYTES_MAX:
                    raise SourceError(
                        f"{shown}: the server can only send it whole, and it has more than {bytes_max:,} bytes;"
                        " nothing was read",
                        hint="fetch the file first",
                    )
                raise Passing(f"got more than the {bytes_max:,} bytes asked for")
            if time.monotonic() > until:
                raise Passing(f"{size:,} bytes in {5 * self._timeout_s:g} s")
        return b"".join(parts)

    @contextmanager
    def _got(self, address: str, shown: str, headers: dict[str, str]) -> Iterator[Any]:
        """The answer to a GET, after redirects. Texts of httpx hold the whole address, so none goes on."""
        try:
            for _ in range(REDIRECTS_MAX + 1):
                request = self._request(address, headers)
                with without_their_logs(), self._client.stream("GET", **request) as answer:
                    if answer.status_code not in (301, 302, 303, 307, 308):
                        yield answer
                        return
                    address = _redirected(address, answer.headers.get("Location", ""), shown)
        except (self._httpx.TimeoutException, self._httpx.NetworkError, self._httpx.RemoteProtocolError) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise SourceError(
                    f"{shown}: the server's certificate is not trusted; nothing was read",
                    hint="for one of your own, name its authority: [remote.https] ca_file = ...",
                ) from None
            raise Passing(_NAMES.get(type(error).__name__, type(error).__name__)) from None
        except (self._httpx.InvalidURL, self._httpx.UnsupportedProtocol):
            raise SourceError(f"{shown} is no address; nothing was read", hint="check it") from None
        raise SourceError(f"{shown}: more than {REDIRECTS_MAX} redirects; nothing was read", hint="check the address")

    def _request(self, address: str, headers: dict[str, str]) -> dict[str, Any]:
        parts = urlsplit(address)
        host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        of_host = self._options.get(host, {})
        request: dict[str, Any] = {
            "url": address,
            "headers": {**of_host.get("headers", {}), "Accept-Encoding": "identity", **headers},
        }
        if of_host.get("username"):
            request["auth"] = (of_host["username"], of_host.get("password", ""))
        return request


_NAMES = {
    "ConnectTimeout": "no connection in time",
    "ReadTimeout": "no answer in time",
    "ConnectError": "no connection",
    "ReadError": "the connection broke",
    "RemoteProtocolError": "the connection broke",
}


def _trusted(ca_file: str) -> Any:
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"remote.https.ca_file {ca_file}: {error.strerror or 'no certificates'}", hint="name a PEM file"
        ) from error


def _seen(headers: Any, size_bytes: int) -> Seen:
    etag = headers.get("ETag", "")
    return Seen(size_bytes, "" if etag.startswith("W/") else etag, headers.get("Last-Modified", ""))


def _changed(shown: str) -> SourceChanged:
    return SourceChanged(f"{shown} changed while it was read; nothing of what was being read was loaded", hint=_AGAIN)


def _redirected(address: str, location: str, shown: str) -> str:
    target = urljoin(address, location)
    if address.startswith("https:") and not target.startswith("https:"):
        raise SourceError(
            f"{shown}: the server redirects to a place that is not https; nothing was read", hint="check the address"
        )
    return target


def _require_ok(status: int, shown: str) -> None:
    if status in (200, 206):
        return
    if status in _PASSES:
        raise Passing(f"the server answers {status}")
    found = {
        401: "the server asks for credentials",
        403: "the server does not allow it",
        404: "there is no such file",
        410: "the file is gone",
    }.get(status, "the server refuses")
    hint = '[remote.https."HOST"] with username and password, or headers' if status in (401, 403) else "the address"
    raise SourceError(f"cannot read {shown}: {found} ({status}); nothing was read", hint=f"check {hint}")
