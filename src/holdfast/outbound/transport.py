"""One HTTP exchange on the wire: connections that know the call's deadline, and no automatism that could leak.

A timeout alone bounds one read; a source that drips a byte a second stays within it for ever. So every read and write
of the socket gets what is left of the deadline, headers included. Proxies are those of the environment (HTTPS_PROXY,
NO_PROXY); ~/.netrc is not read, cookies are not kept.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

CONNECTIONS_MAX = 20
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_deadline: ContextVar[float | None] = ContextVar("outbound deadline", default=None)


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Network operations of the block time out when so many seconds are over, all together."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def _left(timeout: float | None, kind: type[httpcore.TimeoutException]) -> float | None:
    at = _deadline.get()
    if at is None:
        return timeout
    left = at - time.monotonic()
    if left <= 0:
        raise kind("the deadline is over")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, left, local_address, socket_options))


class _Body(httpx.SyncByteStream):
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        yield from self._inner

    def close(self) -> None:
        self._inner.close()


class Transport(httpx.BaseTransport):
    """httpx's transport with deadlines. Raises httpcore's exceptions as they are."""

    def __init__(self, verify: ssl.SSLContext | None) -> None:
        self._verify = verify
        self._proxies = getproxies()
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}  # by scheme and proxy
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        sent = httpcore.Request(
            request.method, target, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        answer = self._pool_for(url).handle_request(sent)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    def _pool_for(self, url: httpx.URL) -> httpcore.ConnectionPool:
        is_near = url.host in _LOOPBACK or proxy_bypass(url.host)
        proxy = "" if is_near else self._proxies.get(url.scheme, "")
        with self._lock:
            if (url.scheme, proxy) not in self._pools:
                self._pools[url.scheme, proxy] = _pool(url.scheme, proxy, self._verify)
            return self._pools[url.scheme, proxy]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


def _pool(scheme: str, proxy: str, verify: ssl.SSLContext | None) -> httpcore.ConnectionPool:
    """Reading all certificates takes a while: only where they are needed."""
    needs_tls = scheme == "https" or proxy.startswith("https:")
    options: dict[str, Any] = {
        "ssl_context": verify or (httpx.create_ssl_context() if needs_tls else None),
        "max_connections": CONNECTIONS_MAX,
        "network_backend": _Backend(),
    }
    return _proxy_pool(proxy, options) if proxy else httpcore.ConnectionPool(**options)


def _proxy_pool(url: str, options: dict[str, Any]) -> httpcore.ConnectionPool:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host = parts.hostname or ""
    address = httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target="/")
    auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return httpcore.HTTPProxy(proxy_url=address, proxy_auth=auth, **options)
