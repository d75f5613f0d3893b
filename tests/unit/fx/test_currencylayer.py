"""CurrencyLayer on a real server: what of its answers is kept, what is refused, what is worth another try."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from holdfast.domain.errors import (
    HoldfastError,
    OutboundError,
    ProviderRefused,
    RateQuotaExhausted,
    RatesUnusable,
    SourceUnavailable,
)
from holdfast.fx.currencylayer import CurrencyLayer
from holdfast.outbound.client import Client
from holdfast.outbound.limiter import LocalLimiter
from holdfast.outbound.policy import Policy
from holdfast.ports.rates import Delivery, RangeRefused, RateRequest
from tests.support.http_server import Drip, HttpServer, Reply, Reset, Short, Silence
from tests.support.rates_server import (
    HISTORICAL,
    KEY,
    LIVE,
    TIMEFRAME,
    answer_spans,
    historical,
    last_second,
    refusal,
)

DAY, TODAY = date(2024, 1, 5), date(2024, 3, 1)
GOOD = {"ILS": "3.6", "EUR": "0.9139000000000001", "GBP": "4"}
CURRENCIES = tuple(GOOD)
VERIFY = ssl.create_default_context()  # making one takes longer than a call


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@contextmanager
def provider_at(server: HttpServer, key_in: str = "header", **limits: Any) -> Iterator[CurrencyLayer]:
    policy = Policy(source="currencylayer", breaker_failures=1000, **limits)
    with Client(policy, LocalLimiter(), secrets=[KEY], verify=VERIFY) as client:
        yield CurrencyLayer(client, server.url(""), KEY, key_in)


def ask(
    server: HttpServer, *steps: Any, path: str = HISTORICAL, request: RateRequest | None = None, **at: Any
) -> Delivery:
    server.play(path, *steps)
    with provider_at(server, **at) as provider:
        return provider.ask(request or RateRequest(DAY, DAY, CURRENCIES, TODAY), lambda: None)


def refused(server: HttpServer, *steps: Any, **more: Any) -> HoldfastError:
    before = len(server.calls)
    with pytest.raises(HoldfastError) as caught:
        ask(server, *steps, **more)
    assert len(server.calls) - before == 1, "a refused call is not made again"
    told = [caught.value.message, caught.value.hint, repr(caught.value), repr(caught.value.__cause__)]
    assert not any("s3cret" in text for text in told)
    assert "kept" in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_good_answer_is_kept_digit_by_digit(server: HttpServer) -> None:
    delivery = ask(server, historical(DAY, {**GOOD, "XXX": "1.5"}))
    assert {quote.quote: quote.raw for quote in delivery.quotes} == GOOD
    assert all(quote.is_final and quote.base == "USD" and quote.rate_date == DAY for quote in delivery.quotes)
    assert delivery.quotes[1].value == Decimal("0.9139000000000001")
    assert server.calls[-1].headers["apikey"] == KEY
    assert server.calls[-1].query == {"date": "2024-01-05", "currencies": "ILS,EUR,GBP"}


def test_the_key_may_stand_in_the_query(server: HttpServer) -> None:
    ask(server, historical(DAY, GOOD), key_in="query")
    assert server.calls[-1].query["access_key"] == KEY
    assert "apikey" not in server.calls[-1].headers


def test_a_day_that_is_not_over_is_not_final(server: HttpServer) -> None:
    delivery = ask(server, historical(DAY, GOOD, timestamp=last_second(DAY) - 1))
    assert not any(quote.is_final for quote in delivery.quotes)


def test_a_currency_that_is_missing_is_told(server: HttpServer) -> None:
    delivery = ask(server, historical(DAY, {"ILS": "3.6"}))
    assert [(none.currency, none.is_final) for none in delivery.no_data] == [("EUR", True), ("GBP", True)]


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (historical(DAY, GOOD, echoed="2024-01-06"), "2024-01-06"),
        (historical(DAY, GOOD, source="EUR"), "source"),
        (historical(DAY, {**GOOD, "ILS": '"3.6"'}), "USDILS"),
        (historical(DAY, {**GOOD, "ILS": "0"}), "USDILS"),
        (historical(DAY, {**GOOD, "ILS": "-3.6"}), "USDILS"),
        (historical(DAY, {**GOOD, "ILS": "1e400"}), "USDILS"),
        (historical(DAY, {**GOOD, "ILS": "true"}), "USDILS"),
        (historical(DAY, {**GOOD, "ILS": "[3.6]"}), "USDILS"),
        (Reply(json={"success": True, "date": str(DAY), "source": "USD", "quotes": {}}), "timestamp"),
        (Reply(json={"success": True, "date": str(DAY), "source": "USD", "timestamp": 1, "quotes": []}), "quotes"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_what_was_asked_for_is_refused(server: HttpServer, reply: Reply, says: str) -> None:
    error = refused(server, reply)
    assert isinstance(error, RatesUnusable)
    assert says in error.message


@pytest.mark.parametrize("code", [101, 102, 103, 105, 201, 202, 301, 302, 404, 777])
def test_codes_that_no_waiting_mends(server: HttpServer, code: int) -> None:
    error = refused(server, refusal(code, info=f"Your key {KEY} is\x1b[31m no good."))
    assert isinstance(error, ProviderRefused)
    assert error.exit_code == 2
    assert str(code) in error.message
    assert "\x1b" not in error.message


def test_a_plan_without_https_and_one_without_the_function_are_told_apart(server: HttpServer) -> None:
    assert "HTTPS" in refused(server, refusal(105, "https_access_restricted", "no HTTPS Encryption")).message
    assert "this function" in refused(server, refusal(105, "function_access_restricted", "no")).message


@pytest.mark.parametrize(
    ("reply", "wait_s"),
    [
        (refusal(104), 0),
        (refusal(429), 3600),
        (Reply(429, json={"message": "You have exceeded your limit."}), 3600),
        (Reply(429, b"<html>slow down</html>", {"Retry-After": "77"}), 77),
        (refusal(104, status=429), 0),
    ],
)
def test_a_used_up_quota(server: HttpServer, reply: Reply, wait_s: float) -> None:
    error = refused(server, reply)
    assert isinstance(error, RateQuotaExhausted)
    assert (error.exit_code, error.wait_s) == (75, wait_s)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    "body", [b'{"message":"No API key found in request"}', b"<html><h1>s3cret/KEY+with=signs&more</h1>"]
)
def test_the_gateway_refuses(server: HttpServer, status: int, body: bytes) -> None:
    error = refused(server, Reply(status, body))
    assert isinstance(error, ProviderRefused)
    assert str(status) in error.message


@pytest.mark.parametrize(
    "step",
    [
        *(Reply(status) for status in (500, 502, 503, 504)),
        Reply(body=b""),
        Reply(body=b"<html>maintenance</html>"),
        Reply(body=b'{"success": true, "quotes": {"USDILS": NaN}}'),
        Reply(body=b'{"success": true, "quotes": {"USDILS": 3.6'),
        Reply(body=b"[" * 100_000),
        Reply(body=b"\xff\xfe"),
        Reply(json=[1]),
        Reset(),
        Short(),
    ],
    ids=str,
)
def test_what_is_worth_another_try(server: HttpServer, step: Any) -> None:
    error = refused(server, step)
    assert isinstance(error, SourceUnavailable)
    assert error.exit_code == 75


@pytest.mark.parametrize("step", [Drip(every_s=0.02), Drip(every_s=0.02, headers_too=True), Silence()], ids=str)
def test_an_answer_that_does_not_end(server: HttpServer, step: Any) -> None:
    assert isinstance(refused(server, step, deadline_s=0.3, read_timeout_s=0.2), SourceUnavailable)


def test_an_answer_without_end_in_size(server: HttpServer) -> None:
    assert isinstance(refused(server, Reply(body=b"x" * 10_000), response_bytes_max=1000), OutboundError)


def test_no_rates_are_asked_for_once_more_and_then_noted(server: HttpServer) -> None:
    counted: list[int] = []
    server.play(HISTORICAL, refusal(106))
    with provider_at(server) as provider:
        delivery = provider.ask(RateRequest(DAY, DAY, CURRENCIES, TODAY), lambda: counted.append(1))
        recent = provider.ask(RateRequest(TODAY, TODAY, ("ILS",), TODAY), lambda: None)
    assert len(counted) == 2
    assert [(none.currency, none.is_final) for none in delivery.no_data] == [(code, True) for code in CURRENCIES]
    assert [none.is_final for none in recent.no_data] == [False]
    assert ask(server, refusal(106), historical(DAY, GOOD)).quotes


def test_several_days_in_one_call(server: HttpServer) -> None:
    request = RateRequest(date(2024, 2, 27), TODAY, ("ILS",), TODAY)
    delivery = ask(server, answer_spans(), path=TIMEFRAME, request=request)
    assert [(quote.rate_date.day, quote.is_final) for quote in delivery.quotes] == [
        (27, True), (28, True), (29, False), (1, False),
    ]  # fmt: skip
    with pytest.raises(RangeRefused):
        ask(server, refusal(105, "function_access_restricted"), path=TIMEFRAME, request=request)
    shifted = RateRequest(date(2024, 2, 26), TODAY, ("ILS",), TODAY)
    good = answer_spans()
    error = refused(server, lambda call: good(_asked_for(call, "2024-02-27")), path=TIMEFRAME, request=shifted)
    assert "start_date" in error.message


def _asked_for(call: Any, first: str) -> Any:
    return type(call)(call.path, {**call.query, "start_date": first}, call.headers, call.at_s)


def test_live_rates_must_be_of_today(server: HttpServer) -> None:
    request = RateRequest(DAY, DAY, ("ILS",), DAY, is_live=True)
    body = {"success": True, "timestamp": last_second(DAY) - 3600, "source": "USD", "quotes": {"USDILS": 3.6}}
    (quote,) = ask(server, Reply(json=body), path=LIVE, request=request).quotes
    assert (quote.raw, quote.is_final) == ("3.6", False)
    assert (
        "2024-01-06"
        in refused(server, Reply(json={**body, "timestamp": last_second(DAY) + 1}), path=LIVE, request=request).message
    )
