"""A small API and a small feed on this machine, to try Holdfast's web sources with: python server.py [PORT]

/orders?limit=100&cursor=...&updated_since=...     250 orders, 100 a page; needs "Authorization: Bearer open-sesame"
/feed.xml                                          an RSS feed with an ETag
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = [
    {
        "id": number,
        "customer": {"name": f"customer {number % 7}"},
        "total": f"{number * 1.25:.2f}",
        "updated_at": (BEGIN + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    for number in range(1, 251)
]
ITEMS = "".join(
    f"<item><guid>news-{n}</guid><title>News {n}</title><link>http://127.0.0.1/news/{n}</link>"
    f"<pubDate>Mon, {n:02d} Jun 2026 08:00:00 GMT</pubDate><category>example</category></item>"
    for n in (1, 8, 15, 22, 29)
)
FEED = f'<rss version="2.0"><channel><title>Example news</title>{ITEMS}</channel></rss>'.encode()
ETAG = f'"{hashlib.sha256(FEED).hexdigest()[:16]}"'


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/feed.xml":
            self.feed()
        elif parts.path == "/orders" and self.headers.get("Authorization") == "Bearer open-sesame":
            self.orders(dict(parse_qsl(parts.query)))
        else:
            self.answer(401 if parts.path == "/orders" else 404, b"{}", "application/json")

    def orders(self, query: dict[str, str]) -> None:
        found = [order for order in ORDERS if str(order["updated_at"]) >= query.get("updated_since", "")]
        start, limit = int(query.get("cursor", 0)), min(100, int(query.get("limit", 100)))
        end = start + limit
        body = {"data": found[start:end], "meta": {"next": str(end) if end < len(found) else None}}
        self.answer(200, json.dumps(body).encode(), "application/json")

    def feed(self) -> None:
        if self.headers.get("If-None-Match") == ETAG:
            self.answer(304, b"", "")
        else:
            self.answer(200, FEED, "application/rss+xml", ETag=ETAG)

    def answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, **({"Content-Type": kind} if kind else {})}.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is the reader's."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 8765), Handler) as server:
        print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()
