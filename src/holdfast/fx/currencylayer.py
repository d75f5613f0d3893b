"""CurrencyLayer: units of a currency for one USD, by day. At apilayer.com (key in a header) or currencylayer.com (in
the query).

What is asked for is compared with what came: the source, the day (the API turns 2015-02-30 into another one without a
word), every currency. An answer that is not what was asked for is refused whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from holdfast.domain.errors import HoldfastError, RatesUnusable
from holdfast.domain.rate import USD, Pair, Quote, rate_of
from holdfast.fx.currencylayer_errors import (
    KEPT,
    NO_RATES,
    PLAN,
    code_of,
    error_of_code,
    error_of_status,
    is_about_https,
)
from holdfast.fx.moments import ONE_DAY, days_between, last_second
from holdfast.fx.strict_json import NumberText, read_strict
from holdfast.outbound.client import Client
from holdfast.outbound.masking import Masker
from holdfast.outbound.policy import Answer
from holdfast.ports.rates import BeforeCall, Delivery, NoData, RangeRefused, RateRequest

APILAYER_URL = "https://api.apilayer.com/currency_data"
SETTLED_AFTER = ONE_DAY * 7  # "no rates" is believed for good of days that are longer ago
_ANY_STATUS = range(100, 600)


class NoRates(Exception):
    """Code 106: the provider has no rates for the day."""


class CurrencyLayer:
    """A provider by the client's limits. `key_in`: "header" or "query"."""

    name = "currencylayer"
    first_day = date(1999, 1, 1)
    days_per_call = 365
    is_free = False
    has_live = True

    def __init__(self, client: Client, url: str, key: str, key_in: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._key = key
        self._key_in = key_in
        self._masker = Masker([key])
        self._shown = f"{self.name} at {urlsplit(url).hostname}"

    def pairs(self, currency: str) -> Sequence[Pair]:
        return [] if currency == USD else [(USD, currency)]

    def ask(self, request: RateRequest, before_call: BeforeCall) -> Delivery:
        for is_last in (False, True):  # a day without rates is asked for once more
            before_call()
            try:
                return self._answer(request)
            except NoRates:
                if is_last:
                    break
        days = days_between(request.first, request.last)
        none = [self._no_data(request, day, code) for day in days for code in request.currencies]
        return Delivery((), none)

    def _answer(self, request: RateRequest) -> Delivery:
        if request.is_live:
            return self._live(request, self._call("live", request, {}))
        if not request.is_one_day:
            span = {"start_date": str(request.first), "end_date": str(request.last)}
            return self._timeframe(request, self._call("timeframe", request, span), span)
        return self._historical(request, self._call("historical", request, {"date": str(request.first)}))

    def _call(self, function: str, request: RateRequest, params: dict[str, str]) -> dict[str, Any]:
        """One call; its JSON object, if it is a success."""
        asked = {**params, "currencies": ",".join(request.currencies)}
        headers = {"apikey": self._key} if self._key_in == "header" else None
        if self._key_in == "query":
            asked = {"access_key": self._key, **asked}
        answer = self._client.get(f"{self._url}/{function}", params=asked, headers=headers, retry=False, ok=_ANY_STATUS)
        try:
            body = read_strict(answer.body)
        except ValueError:
            body = None
        if answer.status == 200 and isinstance(body, dict) and body.get("success") is True:
            return body
        raise self._error(function, answer, body)

    def _error(self, function: str, answer: Answer, body: Any) -> Exception:
        shown = f"{self._shown}/{function}"
        refusal = code_of(body)
        if refusal is None:
            return error_of_status(answer, shown, self._masker, body)
        code, error = refusal
        if code == NO_RATES:
            return NoRates()
        if code == PLAN and function == "timeframe" and not is_about_https(error):
            return RangeRefused()
        return error_of_code(code, error, shown, self._masker, answer)

    def _historical(self, request: RateRequest, body: dict[str, Any]) -> Delivery:
        day = request.first
        self._check_echo(body, {"date": str(day), "source": USD})
        as_of = self._moment(body)
        return self._delivery(request, {day: (body.get("quotes"), as_of, as_of == last_second(day))})

    def _live(self, request: RateRequest, body: dict[str, Any]) -> Delivery:
        self._check_echo(body, {"source": USD})
        as_of = self._moment(body)
        if as_of.date() != request.first:
            raise self._unusable(f"rates as of {as_of:%Y-%m-%d %H:%M:%S}", f"rates of {request.first}")
        return self._delivery(request, {request.first: (body.get("quotes"), as_of, False)})

    def _timeframe(self, request: RateRequest, body: dict[str, Any], span: dict[str, str]) -> Delivery:
        """Its days have no timestamp: they are final once the day after them is over, too."""
        self._check_echo(body, {**span, "source": USD})
        by_day = body.get("quotes")
        if not isinstance(by_day, dict):
            raise self._unusable(f"quotes {str(by_day)[:60]!r}", "an object with an object a day")
        days = {str(day): day for day in days_between(request.first, request.last)}
        if strange := sorted(by_day.keys() - days.keys()):
            raise self._unusable(f"a day {strange[0][:20]!r}", f"days of {_span(request)}")
        settled = request.today - ONE_DAY
        return self._delivery(request, {day: (by_day.get(text, {}), None, day < settled) for text, day in days.items()})

    def _delivery(self, request: RateRequest, by_day: dict[date, tuple[Any, datetime | None, bool]]) -> Delivery:
        quotes, none = [], []
        for day, (quotes_told, as_of, is_final) in by_day.items():
            if not isinstance(quotes_told, dict):
                raise self._unusable(f"quotes {str(quotes_told)[:60]!r} for {day}", "an object")
            for currency in request.currencies:
                told = quotes_told.get(f"{USD}{currency}")
                if told is None:
                    none.append(self._no_data(request, day, currency))
                else:
                    raw = self._rate(told, day, currency)
                    quotes.append(Quote(USD, currency, day, raw, as_of, is_final))
        return Delivery(quotes, none)

    def _rate(self, told: Any, day: date, currency: str) -> str:
        what = f"{USD}{currency} for {day}"
        if not isinstance(told, NumberText):
            raise self._unusable(f"{what} as {self._masker.mask(repr(told)[:60])}", "a JSON number")
        try:
            rate_of(told)
        except ValueError as error:
            raise self._unusable(f"{what}: {error}", "a rate") from None
        return str(told)

    def _no_data(self, request: RateRequest, day: date, currency: str) -> NoData:
        return NoData(day, currency, is_final=request.today - day > SETTLED_AFTER)

    def _check_echo(self, body: dict[str, Any], expected: dict[str, str]) -> None:
        for name, value in expected.items():
            if (found := body.get(name)) != value:
                raise self._unusable(f"{name} {self._masker.mask(repr(found)[:60])}", f"{name} {value!r}")

    def _moment(self, body: dict[str, Any]) -> datetime:
        told = body.get("timestamp")
        if not isinstance(told, NumberText) or not told.isdigit() or len(told) > 10:
            raise self._unusable(f"timestamp {str(told)[:40]!r}", "seconds since 1970")
        return datetime.fromtimestamp(int(told), UTC)

    def _unusable(self, found: str, expected: str) -> HoldfastError:
        return RatesUnusable(
            f"{self._shown}: expected {expected}, found {found}; {KEPT}",
            hint="look at the provider's status page and run again; days stored before stay",
        )


def _span(request: RateRequest) -> str:
    return str(request.first) if request.is_one_day else f"{request.first} to {request.last}"
