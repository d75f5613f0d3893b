"""The HTTP client against a real server that plays every kind of trouble."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme

from holdfast.domain.errors import (
    BreakerOpen,
    ConfigError,
    OutboundError,
    RateLimited,
    RequestRefused,
    ResponseTooLarge,
    SourceUnavailable,
)
from holdfast.outbound.client import Client
from holdfast.outbound.limiter import LocalLimiter
from holdfast.outbound.policy import Policy
from tests.support.http_server import Call, Drip, HttpServer, Reply, Reset, Short, Silence, Step
from tests.unit.outbound.quick_clock import QuickClock

GOOD = Reply(json={"good": True})


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


def client_of(clock: QuickClock, policy: Policy | None = None, *, secrets: tuple[str, ...] = ()) -> Client:
    return Client(
        policy or Policy(source="api1", breaker_failures=100), LocalLimiter(clock), secrets=secrets, clock=clock
    )


def test_a_whole_answer(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(json={"n": 1}, headers={"ETag": '"x"'}, gzipped=True))
    with client_of(clock) as client:
        answer = client.get(server.url("/items?a=1"), params={"b": "é&"}, headers={"X-Own": "v"})
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b'{"n": 1}', '"x"')
    (call,) = server.calls
    assert (call.query, call.headers["x-own"]) == ({"a": "1", "b": "é&"}, "v")
    assert clock.slept == []


TROUBLE = [Reply(408), Reply(425), Reply(500), Reply(502), Reply(503), Reply(504), Reset(), Reset(5000), Short()]


@pytest.mark.parametrize(
    "trouble", [*TROUBLE, Reply(200, gzip.compress(b"x" * 9000)[:40], {"Content-Encoding": "gzip"})]
)
def test_what_may_pass_is_tried_again(server: HttpServer, clock: QuickClock, trouble: Step) -> None:
    server.play("/items", trouble, trouble, GOOD)
    with client_of(clock) as client:
        assert client.get(server.url("/items")).body == b'{"good": true}'
    assert len(server.calls) == 3
    assert 0.25 <= clock.slept[0] <= 0.5 <= clock.slept[1] <= 1.0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 422, 451, 501, 505])
def test_a_no_is_a_no(server: HttpServer, clock: QuickClock, status: int) -> None:
    server.play("/items", Reply(status, b'{"message": "the plan\n does not allow this"}'))
    with client_of(clock) as client, pytest.raises(RequestRefused) as caught:
        client.get(server.url("/items"))
    assert len(server.calls) == 1
    assert (caught.value.exit_code, caught.value.status) == (1, status)
    assert f"answered {status}" in caught.value.message
    assert "the plan does not allow this" in caught.value.message
    assert "nothing of it was kept" in caught.value.message
    assert caught.value.hint


def test_other_statuses_can_be_fine(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(304, headers={"ETag": "e"}), Reply(503, b"x"))
    with client_of(clock) as client:
        assert client.get(server.url("/items"), ok=(200, 304)).status == 304
        assert client.get(server.url("/items"), ok=range(600)).body == b"x"


def test_tries_end(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(503, b"busy"))
    with client_of(clock) as client, pytest.raises(SourceUnavailable, match=r"503.*busy.*tried 5 times") as caught:
        client.get(server.url("/items"))
    assert len(server.calls) == 5
    assert caught.value.exit_code == 75


def test_a_call_that_costs_is_sent_once(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(503))
    with client_of(clock) as client, pytest.raises(SourceUnavailable, match="not repeated"):
        client.get(server.url("/items"), retry=False)
    assert len(server.calls) == 1


def test_retry_after_is_honoured(server: HttpServer, clock: QuickClock) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    asked = [Reply(429, headers={"Retry-After": text}) for text in ("7", date, "soon", "-1")]
    server.play("/items", *asked, GOOD)
    with client_of(clock) as client:
        client.get(server.url("/items"))
    assert clock.slept[0] == pytest.approx(7)
    assert 20 < clock.slept[1] <= 40
    assert max(clock.slept[2:]) <= 4


def test_a_retry_after_beyond_the_deadline_is_not_waited_for(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(429, headers={"Retry-After": "3600"}))
    with client_of(clock) as client:
        with pytest.raises(RateLimited, match="120 s are over") as caught:
            client.get(server.url("/items"))
        with pytest.raises(RateLimited, match="nothing was sent"):
            client.get(server.url("/items"))  # nobody else asks either
    assert (caught.value.exit_code, caught.value.retry_after_s, len(server.calls)) == (75, 3600, 1)
    assert clock.slept == []


@pytest.mark.parametrize("slow", [Drip(), Drip(headers_too=True), Silence()])
def test_the_deadline_ends_a_call_that_is_never_silent_for_long(server: HttpServer, slow: Step) -> None:
    server.play("/items", slow)
    policy = Policy(source="api1", read_timeout_s=10, deadline_s=0.3)
    with Client(policy, LocalLimiter()) as client, pytest.raises(SourceUnavailable, match="silent, or too slow"):
        client.get(server.url("/items"))
    assert len(server.calls) == 1


def test_silence_is_a_timeout_and_tried_again(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Silence(), GOOD)
    with client_of(clock, Policy(source="api1", read_timeout_s=0.2)) as client:
        assert client.get(server.url("/items")).status == 200


def test_nobody_there(clock: QuickClock) -> None:
    with HttpServer() as server:
        url = server.url("/items")
    with (
        client_of(clock) as client,
        pytest.raises(SourceUnavailable, match=r"cannot be reached .*refused.*tried 5 times"),
    ):
        client.get(url)


@pytest.mark.parametrize(
    "large",
    [
        Reply(body=b"x" * 5000),
        Reply(body=b"x" * 5_000_000, gzipped=True),
        Reply(body=gzip.compress(b"x" * 900) * 2, headers={"Content-Encoding": "gzip"}),
    ],
)
def test_a_size_limit_also_for_bombs(server: HttpServer, clock: QuickClock, large: Reply) -> None:
    server.play("/items", large)
    with (
        client_of(clock, Policy(source="api1", response_bytes_max=1000)) as client,
        pytest.raises(ResponseTooLarge, match=r"response_bytes_max allows 1,000"),
    ):
        client.get(server.url("/items"))
    assert len(server.calls) == 1


def test_an_encoding_nobody_asked_for(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(body=b"x", headers={"Content-Encoding": "gzip, gzip"}))
    with client_of(clock) as client, pytest.raises(RequestRefused, match="gzip, gzip"):
        client.get(server.url("/items"))


def test_redirects_take_no_key_to_another_host(server: HttpServer, clock: QuickClock) -> None:
    there = server.url("/there", host="localhost")
    server.play("/items", Reply(302, headers={"Location": "/moved"}))
    server.play("/moved", Reply(307, headers={"Location": there}))
    server.play("/there", GOOD)
    with client_of(clock, secrets=("s3cret-key",)) as client:
        client.get(
            server.url("/items"), headers={"apikey": "s3cret-key", "Accept": "text/x"}, params={"k": "s3cret-key"}
        )
    items, moved, elsewhere = server.calls
    assert items.headers["apikey"] == moved.headers["apikey"] == "s3cret-key"
    assert "apikey" not in elsewhere.headers
    assert (elsewhere.headers["accept"], elsewhere.query) == ("text/x", {})


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("/items", "more than 5 times"),
        ("http://localhost:9/?key=s3cret-key", "with a key in the address"),
        ("http://me:pw@localhost:9/", "with a key in the address"),
        ("file:///etc/passwd", "no http address"),
        ("http://[", "no http address"),
        ("http://a:b:c/", "to no address"),
    ],
)
def test_redirects_that_are_not_followed(server: HttpServer, clock: QuickClock, location: str, why: str) -> None:
    server.play("/items", Reply(301, headers={"Location": location}))
    with client_of(clock, secrets=("s3cret-key",)) as client, pytest.raises(RequestRefused, match=why):
        client.get(server.url("/items"))


def test_https_is_verified_and_never_left(clock: QuickClock) -> None:
    authority, context, trusting = (
        trustme.CA(),
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(trusting)
    policy = Policy(source="api1")
    with HttpServer(context) as server:
        server.play("/items", GOOD)
        server.play("/away", Reply(302, headers={"Location": "http://127.0.0.1:9/"}))
        with Client(policy, LocalLimiter(), clock=clock, verify=trusting) as client:
            assert client.get(server.url("/items")).status == 200
            with pytest.raises(RequestRefused, match="from https to http"):
                client.get(server.url("/away"))
        with client_of(clock) as client, pytest.raises(RequestRefused, match="no certificate that is trusted"):
            client.get(server.url("/items"))


@pytest.mark.parametrize("url", ["ftp://x/y", "items", "http://", "http://[::1", ""])
def test_a_bad_address_is_a_mistake_of_the_configuration(clock: QuickClock, url: str) -> None:
    with client_of(clock) as client, pytest.raises(ConfigError, match="nothing was sent"):
        client.get(url)


def test_a_header_that_cannot_be_sent_is_not_repeated_in_the_error(server: HttpServer, clock: QuickClock) -> None:
    with client_of(clock) as client, pytest.raises(RequestRefused, match="cannot be sent") as caught:
        client.get(server.url("/items"), headers={"apikey": "line\nbreak"})
    assert "line" not in caught.value.message


def test_retries_do_not_multiply_a_storm(server: HttpServer, clock: QuickClock) -> None:
    """A hundred calls that all fail: a retry for every tenth, and the reserve of ten."""
    server.play("/items", Reply(503))
    with client_of(clock, Policy(source="api1", breaker_failures=10_000)) as client:
        for _ in range(100):
            with pytest.raises(SourceUnavailable):
                client.get(server.url("/items"))
    assert 100 < len(server.calls) <= 120


def test_the_breaker_opens_probes_once_and_closes(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", *[Reply(503)] * 4, GOOD)
    policy = Policy(source="api1", breaker_failures=3, breaker_cooldown_s=30)
    with client_of(clock, policy) as client:
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                client.get(server.url("/items"), retry=False)
        with pytest.raises(BreakerOpen, match="3 calls in a row failed") as caught:
            client.get(server.url("/items"), retry=False)
        assert (len(server.calls), caught.value.exit_code) == (3, 75)
        before_s = clock.now_s
        client.get(server.url("/items"))  # waits, probes and fails, waits, probes
        assert len(server.calls) == 5
        assert 60 <= clock.now_s - before_s < 70
        client.get(server.url("/items"), retry=False)


def test_a_limit_is_kept_and_counted(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(500), GOOD)
    limiter = LocalLimiter(clock)
    policy = Policy(source="api1", calls=10, period_s=60)
    began_s = clock.now_s
    with Client(policy, limiter, clock=clock) as client:
        for _ in range(20):
            client.get(server.url("/items"))
    assert clock.now_s - began_s >= 120
    counts = limiter.statistics()["api1"]
    assert (counts.calls, counts.retries, counts.failed_status, counts.last_status) == (21, 1, 1, 200)
    assert counts.waits == 20
    assert 115e6 < counts.waited_us < 125e6


def test_there_is_no_time_for_a_far_slot(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", GOOD)
    with client_of(clock, Policy(source="api1", calls=1, period_s=3600)) as client:
        client.get(server.url("/items"))
        with pytest.raises(RateLimited, match=r"1 calls in 3600 s.*nothing was sent") as caught:
            client.get(server.url("/items"))
    assert caught.value.retry_after_s == pytest.approx(3600, abs=1)


def test_no_turn_for_another_try_says_what_was_tried(server: HttpServer, clock: QuickClock) -> None:
    server.play("/items", Reply(503))
    policy = Policy(source="api1", calls=1, period_s=60, deadline_s=30, breaker_failures=100)
    with client_of(clock, policy) as client, pytest.raises(SourceUnavailable) as error:
        client.get(server.url("/items"))
    assert "answered 503 Service Unavailable; tried 1 times, and it may not be called again" in error.value.message
    assert "nothing was sent" not in error.value.message
    assert len(server.calls) == 1


def test_calls_of_a_script_can_depend_on_the_request(server: HttpServer, clock: QuickClock) -> None:
    def page(call: Call) -> Reply:
        return Reply(json={"page": call.query["page"]})

    server.play("/items", page)
    with client_of(clock) as client:
        assert [client.get(server.url("/items"), params={"page": str(n)}).body for n in range(2)] == [
            b'{"page": "0"}',
            b'{"page": "1"}',
        ]


def test_every_error_is_of_one_family() -> None:
    for kind in (RequestRefused, ResponseTooLarge, SourceUnavailable, BreakerOpen, RateLimited):
        assert issubclass(kind, OutboundError)
