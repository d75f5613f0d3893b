"""A real HTTP server on loopback that plays a script: what each path answers, call by call, and how badly.

    with HttpServer() as server:
        server.play("/items", Reply(503), Reset(), Reply(json={"items": []}))    # the last one is repeated
        client.get(server.url("/items"))
        assert [call.path for call in server.calls] == ["/items"] * 3

A step is a `Reply` or one of the ways to break off below, or a function of the `Call` that returns one. `every` mixes
failures into what otherwise goes well.
"""

from __future__ import annotations

import gzip
import json as json_module
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import count, cycle
from socketserver import ThreadingTCPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Call:
    """A request as it came. Header names in lower case; `at_s` by time.monotonic()."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at_s: float


@dataclass(frozen=True)
class Reply:
    """A whole answer; `json` or `body`, gzipped if asked to."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    gzipped: bool = False

    @property
    def content(self) -> bytes:
        plain = self.body if self.json is None else json_module.dumps(self.json).encode()
        return gzip.compress(plain) if self.gzipped else plain


@dataclass(frozen=True)
class Reset:
    """Read the request, then RST. `after`: so many bytes of a larger body come first."""

    after: int = 0


@dataclass(frozen=True)
class Short:
    """A body that ends before its Content-Length."""

    body: bytes = b'{"items": ['
    missing: int = 10


@dataclass(frozen=True)
class Drip:
    """One byte each `every_s`; of the headers already, or of the body only."""

    every_s: float = 0.05
    headers_too: bool = False


@dataclass(frozen=True)
class Silence:
    """No answer until the server is closed or the client gives up."""


Step = Reply | Reset | Short | Drip | Silence | Callable[[Call], Any]


def every(nth: int, faults: list[Step], otherwise: Callable[[Call], Step]) -> Callable[[Call], Step]:
    """Each `nth` call meets the next one of `faults`, in turn; the others what `otherwise` says."""
    numbers, faulty, lock = count(1), cycle(faults), threading.Lock()

    def step(call: Call) -> Step:
        with lock:
            is_hit = next(numbers) % nth == 0
            fault = next(faulty) if is_hit else None
        return otherwise(call) if fault is None else fault

    return step


class HttpServer:
    """`tls`: a server-side context; then `url` says https. Unknown paths answer 404."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.calls: list[Call] = []
        self._scripts: dict[str, list[Step]] = {}
        self._lock = threading.Lock()
        self._scheme = "https" if tls else "http"
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="http-server")

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self._server.server_address[1]}{path}"

    def play(self, path: str, *steps: Step) -> None:
        """What this path answers from now on, one step a call; the last is repeated."""
        with self._lock:
            self._scripts[path] = list(steps)

    def calls_of(self, path: str) -> list[Call]:
        return [call for call in list(self.calls) if call.path == path]

    def step_for(self, call: Call) -> Step:
        with self._lock:
            self.calls.append(call)
            steps = self._scripts.get(call.path, [Reply(404, b"no such path")])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
        while callable(step):
            step = step(call)
        return step

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._thread.join()
        self._server.server_close()  # waits for the threads of its connections


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, script: HttpServer, tls: ssl.SSLContext | None) -> None:
        self.script, self.closing = script, threading.Event()
        self._tls, self._open = tls, set[socket.socket]()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls:  # the handshake is for the connection's own thread
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        self.closing.set()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up, or do not trust the certificate, are part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(parts.path, dict(parse_qsl(parts.query)), headers, time.monotonic())
        match self.server.script.step_for(call):
            case Reply() as reply:
                self._reply(reply)
            case Reset(after):
                self._head(200, {}, after + 1000)
                self.wfile.write(b"x" * after)
                self._reset()
            case Short(body, missing):
                self._head(200, {}, len(body) + missing)
                self.wfile.write(body)
                self.close_connection = True
            case Drip(every_s, headers_too):
                self._drip(every_s, headers_too=headers_too)
            case Silence():
                self.close_connection = True
                self.server.closing.wait()

    def _reply(self, reply: Reply) -> None:
        headers = {**reply.headers, **({"Content-Encoding": "gzip"} if reply.gzipped else {})}
        content = reply.content
        self._head(reply.status, headers, len(content))
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _reset(self) -> None:
        """Close with SO_LINGER 0: the client meets RST, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def _drip(self, every_s: float, *, headers_too: bool) -> None:
        self.close_connection = True
        if not headers_too:
            self._head(200, {}, 1_000_000)
        text = b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 1_000_000 if headers_too else b"x" * 1_000_000
        for place in range(len(text)):
            self.wfile.write(text[place : place + 1])
            if self.server.closing.wait(every_s):
                return

    def log_message(self, format: str, *args: object) -> None:
        """The script is the log."""
