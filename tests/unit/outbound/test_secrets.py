"""A key appears nowhere: not in output, logs at any level, errors or what they came from, addresses, nor the ledger."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.databases import connect
from holdfast.domain.errors import HoldfastError
from holdfast.engine.migrate import upgrade
from holdfast.engine.reports import source_statistics
from holdfast.outbound.client import Client
from holdfast.outbound.ledger_limiter import LedgerLimiter
from holdfast.outbound.masking import Masker
from holdfast.outbound.policy import Policy
from tests.support.http_server import Drip, HttpServer, Reply, Reset, Short, Silence, Step
from tests.unit.outbound.quick_clock import QuickClock

KEY = "k3y+/with=odd&chars é"
BASIC = base64.b64encode(f"somebody:{KEY}".encode()).decode()
ESCAPED = (json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), repr(KEY.encode())[2:-1])
SPELLINGS = (KEY, quote(KEY, safe=""), quote(KEY), quote_plus(KEY), quote(quote(KEY)), BASIC, *ESCAPED)

ECHO = f'{{"error": "no such key {KEY}, sent as {BASIC} in ?k={quote_plus(KEY)}, {ESCAPED}"}}'.encode()
TROUBLE: list[Step] = [
    Reply(200, ECHO),
    Reply(401, ECHO, {"WWW-Authenticate": f"Basic {BASIC}"}),
    Reply(403, b"x" * 190 + ECHO),  # an excerpt may not be cut within the key
    Reply(429, ECHO, {"Retry-After": "9999"}),
    Reply(503, ECHO),
    Reply(302, headers={"Location": f"http://localhost:1/?access_key={quote_plus(KEY)}"}),
    Reply(302, headers={"Location": f"ftp://{quote_plus(KEY)}/"}),
    Reply(200, ECHO, {"Content-Encoding": "gzip"}),
    Reply(200, b"x" * 20_000),
    Reset(),
    Short(ECHO),
    Silence(),
    Drip(headers_too=True),
]


def spoken_of(error: BaseException | None) -> Iterator[str]:
    """All an exception and those behind it could be made to say."""
    while error is not None:
        yield from (str(error), repr(error), repr(vars(error)), *traceback.format_exception(error))
        error = error.__cause__ or error.__context__


def test_no_spelling_of_a_key_gets_out(
    sqlite_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    database, clock, said = connect(sqlite_url), QuickClock(), list[str]()
    upgrade(database)
    with HttpServer() as server:
        for number, trouble in enumerate(TROUBLE):
            server.play("/items", trouble)
            policy = Policy(source=f"api{number}", tries=2, read_timeout_s=0.2, deadline_s=1, response_bytes_max=10_000)
            with Client(policy, LedgerLimiter(database), secrets=[KEY], clock=clock) as client:
                said.append(repr(client))
                try:
                    answer = client.get(
                        server.url(f"/items?path={quote_plus(KEY)}").replace("://", "://somebody:pw@"),
                        params={"access_key": KEY},
                        headers={"apikey": quote(KEY), "Authorization": f"Basic {BASIC}"},
                    )
                    said.append(answer.url_shown)
                except HoldfastError as error:
                    said += [*spoken_of(error), error.hint]
    assert len(server.calls) >= len(TROUBLE)
    assert all(call.query["access_key"] == KEY for call in server.calls)
    with database.reading() as tx:
        tables = tx.query("SELECT name FROM sqlite_master WHERE type = 'table'")
        said += [str(tx.query(f'SELECT * FROM "{table["name"]}"')) for table in tables]
    said += [json.dumps(source_statistics(database), default=str), *capfd.readouterr(), caplog.text]
    database.close()
    everything = "\n".join(said)
    assert "answered 401" in everything
    assert "***" in everything
    assert [form for form in (*SPELLINGS, "somebody:pw") if form in everything] == []


def test_the_librarys_logs_are_off_only_while_we_call(caplog: pytest.LogCaptureFixture) -> None:
    """The proof above would prove nothing if the library had become silent by itself."""
    caplog.set_level(logging.DEBUG)
    with HttpServer() as server:
        server.play("/items", Reply(json={}))
        httpx.get(server.url("/items?k=visible"))
    assert "k=visible" in caplog.text


@given(st.text(min_size=4, max_size=30), st.text(max_size=8), st.text(max_size=8))
def test_masked_in_every_spelling_wherever_it_stands(secret: str, before: str, after: str) -> None:
    try:
        inner = f"{before}{secret}{after}".encode()
    except UnicodeEncodeError:
        return
    masker = Masker([secret])
    quoted = (quote(secret), quote(secret, safe=""), quote_plus(secret), quote(quote(secret)))
    for form in (secret, *quoted, json.dumps(secret)[1:-1], repr(secret.encode())[2:-1]):
        assert masker.mask(f"<{form}>") == "<***>"
    if len(secret.encode()) >= 8:
        shown = masker.mask(base64.b64encode(inner).decode())
        assert "***" in shown


def test_addresses_lose_passwords_and_parameters_that_are_keys() -> None:
    masker = Masker([])
    shown = masker.mask("https://me:pw@host/x?access_key=abc&page=2&api-token=t%20x&monkey=1&sig=9")
    assert shown == "https://***@host/x?access_key=***&page=2&api-token=***&monkey=***&sig=***"
    assert masker.mask("nothing to hide, key=5 me@example.com") == "nothing to hide, key=5 me@example.com"
