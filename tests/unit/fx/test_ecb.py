"""The ECB's archive: wide, newest first, trailing commas, N/A; and everything else it could be by accident."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from holdfast.domain.errors import HoldfastError, RatesUnusable, SourceUnavailable
from holdfast.domain.rate import usd_rates
from holdfast.fx import ecb
from holdfast.fx.ecb import Ecb
from holdfast.outbound.client import Client
from holdfast.outbound.limiter import LocalLimiter
from holdfast.outbound.policy import Policy
from holdfast.ports.rates import Delivery, RateRequest
from tests.support.http_server import HttpServer, Reply
from tests.support.rates_server import ECB, ecb_csv, zipped

ROWS = {
    "2024-01-04": ("1.0953", "158.16", "0.86278", "3.9973"),
    "2024-01-05": ("1.0921", "158.43", "0.86191", "3.9913"),
    "2024-01-08": ("1.0946", "158.03", "0.86118", "N/A"),
}
FRIDAY, TUESDAY = date(2024, 1, 5), date(2024, 1, 9)
REQUEST = RateRequest(FRIDAY, TUESDAY, ("ILS", "EUR"), TUESDAY)
VERIFY = ssl.create_default_context()


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


def ask(server: HttpServer, body: bytes, request: RateRequest = REQUEST) -> Delivery:
    server.play(ECB, Reply(body=body))
    with Client(Policy(source="ecb", breaker_failures=1000), LocalLimiter(), verify=VERIFY) as client:
        return Ecb(client, server.url(ECB)).ask(request, lambda: None)


def test_asked_days_are_crossed_to_usd(server: HttpServer) -> None:
    delivery = ask(server, zipped(ecb_csv(ROWS)))
    friday = usd_rates([quote for quote in delivery.quotes if quote.rate_date == FRIDAY])
    assert friday["ILS"].exact == Fraction(10921, 39913)
    assert friday["EUR"].exact == Fraction(10921, 10000)
    assert {quote.quote for quote in delivery.quotes} == {"USD", "ILS"}
    assert {(none.rate_date.day, none.currency) for none in delivery.no_data} == {
        (6, "ILS"), (6, "EUR"), (7, "ILS"), (7, "EUR"), (8, "ILS"),
    }, "a weekend, and N/A; the 9th is not there yet"  # fmt: skip
    assert all(none.is_final for none in delivery.no_data)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "header"),
        ("Day,USD,\n2024-01-05,1.1,\n", "header"),
        ("Date,USD,ILS,\n2024-01-05,1.1,\n", "fields"),
        ("Date,USD,\n05/01/2024,1.1,\n", "line 2"),
        ("Date,USD,\n2024-01-05,1.1,\n2024-01-05,1.1,\n", "twice"),
        ("Date,USD,USD,\n2024-01-05,1.1,1.1,\n", "two columns"),
        ("Date,USD,\n2024-01-05,-1.1,\n", "USD on 2024-01-05"),
        ('Date,USD,\n2024-01-05,"1.1,\n', "line"),
    ],
)
def test_a_file_that_is_not_the_ecbs_is_refused(server: HttpServer, text: str, says: str) -> None:
    with pytest.raises(RatesUnusable) as caught:
        ask(server, zipped(text))
    assert says in caught.value.message


def test_archives_that_are_none_are_worth_another_try(server: HttpServer) -> None:
    whole = zipped(ecb_csv(ROWS))
    for body in (b"", b"<html>later</html>", whole[:-20], whole[:60] + bytes(20) + whole[80:]):
        with pytest.raises(SourceUnavailable):
            ask(server, body)


def test_an_archive_must_hold_one_file_of_a_bounded_size(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (zipped("x", "a.csv", "b.csv"), zipped("x", "a.txt")):
        with pytest.raises(RatesUnusable, match="CSV files"):
            ask(server, body)
    monkeypatch.setattr(ecb, "CSV_BYTES_MAX", 1000)
    with pytest.raises(RatesUnusable, match="more than 1,000 bytes"):
        ask(server, zipped("Date,USD,\n" + " " * 100_000))


def test_a_server_that_fails(server: HttpServer) -> None:
    server.play(ECB, Reply(503))
    with Client(Policy(source="ecb"), LocalLimiter(), verify=VERIFY) as client:
        asked: list[Any] = []
        with pytest.raises(HoldfastError) as caught:
            Ecb(client, server.url(ECB)).ask(REQUEST, lambda: asked.append(1))
    assert caught.value.exit_code == 75
    assert asked == [1]
