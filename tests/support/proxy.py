"""A TCP proxy on the loopback that loses a connection at an exact place.

Stands between a client and PostgreSQL. A cut is armed, happens once on whichever connection reaches it, and after that
everything passes again. Promises the place, not the moment: before COMMIT reached the server, or after the server
answered it and before the client heard.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Literal, Self

Side = Literal["client", "server"]
READ_BYTES = 65_536


class _Verdict(Enum):
    PASS = "pass"
    CUT = "cut"
    PASS_AND_SWALLOW_ANSWER = "swallow"


@dataclass
class _Cut:
    """What is armed: a count of bytes from one side, or a pattern in what the client sends."""

    side: Side
    after_bytes: int = 0
    pattern: bytes = b""
    answer_lost: bool = False


@dataclass
class _Link:
    """One client's connection and the one made for it to the server."""

    client: socket.socket
    server: socket.socket
    swallowing: bool = False

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):  # closed by its other end: what we wanted
                end.shutdown(socket.SHUT_RDWR)  # close() alone would not wake the thread that reads it
            end.close()


class Proxy:
    """Listens on `port` of 127.0.0.1 and passes everything to and from `target_port` there, until a cut is due."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut_made = threading.Event()
        self._armed: _Cut | None = None
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after_bytes(self, count: int, *, sent_by: Side = "server") -> None:
        """Pass exactly `count` more bytes from that side, then cut."""
        self._arm(_Cut(sent_by, after_bytes=count))

    def cut_before(self, pattern: bytes = b"COMMIT") -> None:
        """Cut when the client sends `pattern`; the server never sees it."""
        self._arm(_Cut("client", pattern=pattern))

    def cut_answer_to(self, pattern: bytes = b"COMMIT") -> None:
        """Pass `pattern` on, wait for the server's answer, swallow it, then cut."""
        self._arm(_Cut("client", pattern=pattern, answer_lost=True))

    def cut_all(self) -> None:
        """Lose every connection now; new ones pass."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._listener.close()
        self.cut_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _arm(self, cut: _Cut) -> None:
        with self._lock:
            self._armed = cut
            self.cut_made.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                client.close()  # the server is down: the client must see a lost connection, not a hang
                continue
            link = _Link(client, server)
            with self._lock:
                self._links.append(link)
            for side in ("client", "server"):
                threading.Thread(target=self._pump, args=(link, side), daemon=True).start()

    def _pump(self, link: _Link, side: Side) -> None:
        source, sink = (link.client, link.server) if side == "client" else (link.server, link.client)
        tail = b""
        try:
            while data := source.recv(READ_BYTES):
                verdict, passed_bytes = self._judge(link, side, tail, data)
                sink.sendall(data[:passed_bytes])
                if verdict is _Verdict.CUT:
                    break
                tail = (tail + data)[-64:]  # a pattern may be split over two reads
        except OSError:
            pass  # an end went away; the other is closed below
        link.close()

    def _judge(self, link: _Link, side: Side, tail: bytes, data: bytes) -> tuple[_Verdict, int]:
        """What to do with `data`, and how many bytes of it go on."""
        with self._lock:
            if side == "server" and link.swallowing:
                self.cut_made.set()
                return _Verdict.CUT, 0
            cut = self._armed
            if cut is None or cut.side != side:
                return _Verdict.PASS, len(data)
            if cut.pattern:
                return self._judge_pattern(cut, link, tail, data)
            cut.after_bytes -= len(data)
            if cut.after_bytes > 0:
                return _Verdict.PASS, len(data)
            self._armed = None
            self.cut_made.set()
            return _Verdict.CUT, len(data) + cut.after_bytes

    def _judge_pattern(self, cut: _Cut, link: _Link, tail: bytes, data: bytes) -> tuple[_Verdict, int]:
        kept_bytes = len(cut.pattern) - 1
        if cut.pattern not in (tail[-kept_bytes:] if kept_bytes else b"") + data:
            return _Verdict.PASS, len(data)
        self._armed = None
        if cut.answer_lost:
            link.swallowing = True
            return _Verdict.PASS_AND_SWALLOW_ANSWER, len(data)
        self.cut_made.set()
        return _Verdict.CUT, 0
