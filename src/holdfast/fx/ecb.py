"""The European Central Bank's reference rates: units of a currency for one EUR, on its working days.

One zipped CSV holds all days since 1999, the newest first, one column a currency, `N/A` where there is none. Rates in
USD are crossed from two of them, as exact fractions.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date

from holdfast.domain.errors import RatesUnusable, SourceUnavailable
from holdfast.domain.rate import USD, Pair, Quote, is_currency, rate_of
from holdfast.fx.moments import days_between, strict_day
from holdfast.outbound.client import Client
from holdfast.ports.rates import BeforeCall, Delivery, NoData, RateRequest

EUR = "EUR"
URL = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.zip"
CSV_BYTES_MAX = 64 * 1024 * 1024  # the real one has about 1 MB
FIELDS_MAX = 200
_NONE = ("", "N/A")
_NOTHING = "nothing of it was kept"


class Ecb:
    """All asked days in one call."""

    name = "ecb"
    first_day = date(1999, 1, 4)
    days_per_call = 1_000_000
    is_free = False
    has_live = False

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._url = url

    def pairs(self, currency: str) -> Sequence[Pair]:
        return {USD: [], EUR: [(EUR, USD)]}.get(currency, [(EUR, currency), (EUR, USD)])

    def ask(self, request: RateRequest, before_call: BeforeCall) -> Delivery:
        before_call()
        answer = self._client.get(self._url, retry=False)
        rows = csv.reader(io.StringIO(_unzipped(answer.body), newline=""), strict=True)
        try:
            days = _days(rows, request, {USD, *request.currencies} - {EUR})
        except (csv.Error, ValueError) as error:
            raise _unusable(f"line {rows.line_num}: {error}") from None
        return self._delivery(request, days)

    def _delivery(self, request: RateRequest, days: dict[date, dict[str, str]]) -> Delivery:
        """A day that is older than the newest one and has no row was no working day."""
        quotes = [
            Quote(EUR, currency, day, raw)
            for day, rates in days.items()
            if request.first <= day <= request.last
            for currency, raw in rates.items()
        ]
        there = {(quote.rate_date, quote.pair) for quote in quotes}
        newest = max(days, default=date.min)
        none = [
            NoData(day, currency, is_final=True)
            for day in days_between(request.first, min(request.last, newest))
            for currency in request.currencies
            if any((day, pair) not in there for pair in self.pairs(currency))
        ]
        return Delivery(quotes, none)


def _unzipped(body: bytes) -> str:
    """The one CSV in the archive. An archive that is cut short is worth another try; one that is a bomb is not."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [member for member in archive.infolist() if member.filename.lower().endswith(".csv")]
            if len(members) != 1:
                raise _unusable(f"an archive with {len(members)} CSV files in it")
            with archive.open(members[0]) as file:
                text = file.read(CSV_BYTES_MAX + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise SourceUnavailable(
            f"ecb: expected a zip archive, found {len(body):,} bytes that are none ({error}); {_NOTHING}",
            hint="run again later, or check url under [fx.ecb]",
        ) from None
    if len(text) > CSV_BYTES_MAX:
        raise _unusable(f"a file of more than {CSV_BYTES_MAX:,} bytes")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(f"byte {error.start} that is not UTF-8") from None


def _days(rows: Iterator[list[str]], request: RateRequest, wanted: set[str]) -> dict[date, dict[str, str]]:
    """The wanted currencies of the asked days, and the newest day. Raises ValueError for a row that is none."""
    header = [name.strip() for name in next(rows, [])]
    if not header or header[0] != "Date" or len(header) > FIELDS_MAX:
        raise ValueError(f"expected a header that begins with Date, found {header[:3]}")
    named = [(i, name) for i, name in enumerate(header) if is_currency(name)]
    if len(dict.fromkeys(name for _, name in named)) != len(named):
        raise ValueError("a currency has two columns")
    places = [(i, name) for i, name in named if name in wanted]
    found: dict[date, dict[str, str]] = {}
    for row in rows:
        if not row:
            continue
        day = strict_day(row[0].strip())
        if len(row) != len(header) or day in found:
            raise ValueError(f"{day} stands there twice, or has {len(row)} fields where the header has {len(header)}")
        asked = request.first <= day <= request.last
        found[day] = (
            {name: _rate(row[i], day, name) for i, name in places if row[i].strip() not in _NONE} if asked else {}
        )
    return found


def _rate(text: str, day: date, currency: str) -> str:
    try:
        rate_of(text.strip())
    except ValueError as error:
        raise ValueError(f"{currency} on {day}: {error}") from None
    return text.strip()


def _unusable(found: str) -> RatesUnusable:
    return RatesUnusable(
        f"ecb: expected a zipped CSV with one row a day, found {found}; {_NOTHING}", hint="check url under [fx.ecb]"
    )
