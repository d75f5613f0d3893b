"""CurrencyLayer and the ECB on loopback, played on the HTTP server: the truth, and every way they are known to fail."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.support.http_server import Call, HttpServer, Reply

KEY = "s3cret/KEY+with=signs&more"
HISTORICAL, TIMEFRAME, LIVE, ECB = "/historical", "/timeframe", "/live", "/eurofxref-hist.zip"
Truth = Callable[[date, str], str]


def true_rate(day: date, currency: str) -> str:
    """A rate as text, another one each day; now and then a whole number, as the real answers have."""
    steps = day.toordinal() % 97
    if steps == 0:
        return "4"
    return f"{ {'ILS': 3, 'EUR': 0, 'GBP': 0}.get(currency, 7) }.{600000 + steps * 1237 + len(currency)}"


def refusal(code: int, kind: str = "some_type", info: str = "Some words.", status: int = 200, **more: Any) -> Reply:
    """An error as they come: with HTTP 200, and maybe the key in the words."""
    return Reply(status, json={"success": False, "error": {"code": code, "type": kind, "info": info}}, **more)


def last_second(day: date) -> int:
    return int((datetime.fromisoformat(f"{day}T23:59:59+00:00")).timestamp())


def historical(
    day: date,
    quotes: Mapping[str, str],
    *,
    timestamp: int | None = None,
    echoed: str | None = None,
    source: str = "USD",
) -> Reply:
    """The body is put together as text: its numbers are those very digits."""
    rates = ", ".join(f'"USD{currency}": {raw}' for currency, raw in quotes.items())
    stamp = last_second(day) if timestamp is None else timestamp
    text = (
        f'{{"success": true, "historical": true, "date": "{echoed or day}", "timestamp": {stamp}, '
        f'"source": "{source}", "quotes": {{{rates}}}}}'
    )
    return Reply(body=text.encode())


def answer_days(truth: Truth = true_rate) -> Callable[[Call], Reply]:
    """What `historical` answers to any day and currencies."""

    def step(call: Call) -> Reply:
        day = date.fromisoformat(call.query["date"])
        return historical(day, {code: truth(day, code) for code in call.query["currencies"].split(",")})

    return step


def answer_spans(truth: Truth = true_rate) -> Callable[[Call], Reply]:
    """What `timeframe` answers."""

    def step(call: Call) -> Reply:
        first, last = (date.fromisoformat(call.query[name]) for name in ("start_date", "end_date"))
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        quotes = ", ".join(
            f'"{day}": {{'
            + ", ".join(f'"USD{code}": {truth(day, code)}' for code in call.query["currencies"].split(","))
            + "}"
            for day in days
        )
        text = (
            f'{{"success": true, "timeframe": true, "start_date": "{first}", "end_date": "{last}", "source": "USD", '
            f'"quotes": {{{quotes}}}}}'
        )
        return Reply(body=text.encode())

    return step


def play_everything(server: HttpServer, *, has_spans: bool = True) -> None:
    server.play(HISTORICAL, answer_days())
    plan = refusal(105, "function_access_restricted", "Your plan does not support this function.")
    server.play(TIMEFRAME, answer_spans() if has_spans else plan)


def zipped(text: str, *names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("eurofxref-hist.csv",):
            archive.writestr(name, text)
    return made.getvalue()


def ecb_csv(rows: Mapping[str, Sequence[str]], currencies: Sequence[str] = ("USD", "JPY", "GBP", "ILS")) -> str:
    """The wide layout: the newest day first, each line with a trailing comma."""
    lines = [f"Date,{','.join(currencies)},"]
    lines += [f"{day},{','.join(rows[day])}," for day in sorted(rows, reverse=True)]
    return "\n".join(lines) + "\n"


def exact_usd(units_per_usd: str) -> Decimal:
    """1 / quote to 24 decimals, by integers."""
    value = Decimal(units_per_usd)
    scaled = 10**24 * 10 ** -int(value.as_tuple().exponent)  # over the digits of the quote
    digits = int("".join(map(str, value.as_tuple().digits)))
    whole, rest = divmod(scaled, digits)
    return Decimal(f"{whole + (rest * 2 > digits)}e-24")


def as_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)
