"""A web server for files, on loopback, over TLS: with ranges, ETags, and whatever trouble a test asks for."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
import xxhash


@dataclass
class WebServer:
    """`files` by path. `trouble` may answer a request itself: it returns True if it did."""

    directory: Path
    files: dict[str, bytes] = field(default_factory=dict)
    has_ranges: bool = True
    has_etags: bool = True
    trouble: Callable[[BaseHTTPRequestHandler, int], bool] = lambda _handler, _number: False
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def ca_file(self) -> str:
        return str(self.directory / "ca.pem")

    def url(self, name: str) -> str:
        return f"https://localhost:{self._server.server_port}/{name}"

    @property
    def host(self) -> str:
        return f"localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None: ...

            def do_GET(self) -> None:
                server.requests.append((self.path, dict(self.headers)))
                try:
                    if not server.trouble(self, len(server.requests)):
                        server.answer(self)
                except OSError:
                    self.close_connection = True  # the client had enough

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        content = self.files.get(handler.path.lstrip("/"))
        if content is None:
            return reply(handler, 404)
        etag = f'"{xxhash.xxh3_64_hexdigest(content)}"'
        headers = {"ETag": etag} if self.has_etags else {}
        if handler.headers.get("If-Match", etag) != etag:
            return reply(handler, 412)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers.get("Range", ""))
        if not asked or not self.has_ranges:
            return reply(handler, 200, content, headers)
        start, end = int(asked[1]), min(int(asked[2]) + 1, len(content))
        if start >= len(content):
            return reply(handler, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        return reply(handler, 206, content[start:end], headers)


def reply(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
