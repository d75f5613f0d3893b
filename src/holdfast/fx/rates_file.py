"""Rates from a CSV file of one's own: a column each for day, currency and rate. Read whole, and strictly, each time.

What a rate means is said, not guessed: USD for one unit of the currency (`usd_per_unit`), or the other way round
(`units_per_usd`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from holdfast.domain.errors import SourceError
from holdfast.domain.rate import USD, Pair, Quote, is_currency, rate_of
from holdfast.fx.moments import days_between, strict_day
from holdfast.ports.rates import BeforeCall, Delivery, NoData, RateRequest

FILE_BYTES_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns' names in the file, and what a rate means."""

    date: str = "date"
    currency: str = "currency"
    rate: str = "rate"
    is_usd_per_unit: bool


class RatesFile:
    """Free to ask, so a corrected file is noticed by any fetch of its days."""

    name = "file"
    first_day = date(1900, 1, 1)
    days_per_call = 1_000_000
    is_free = True
    has_live = False

    def __init__(self, path: Path, columns: Columns) -> None:
        self._path = path
        self._columns = columns

    def pairs(self, currency: str) -> Sequence[Pair]:
        return [] if currency == USD else [self._pair(currency)]

    def _pair(self, currency: str) -> Pair:
        return (currency, USD) if self._columns.is_usd_per_unit else (USD, currency)

    def ask(self, request: RateRequest, _before_call: BeforeCall) -> Delivery:
        found = {(quote.rate_date, quote.pair): quote for quote in self._quotes()}
        asked = [
            (day, currency) for day in days_between(request.first, request.last) for currency in request.currencies
        ]
        quotes = [found[day, self._pair(code)] for day, code in asked if (day, self._pair(code)) in found]
        none = [NoData(day, code, is_final=False) for day, code in asked if (day, self._pair(code)) not in found]
        return Delivery(quotes, none)

    def _quotes(self) -> Iterator[Quote]:
        """Every rate of the file; each checked, also those that are not asked for."""
        reader = csv.DictReader(io.StringIO(self._text(), newline=""), strict=True)
        seen: set[tuple[date, Pair]] = set()
        try:
            self._check_header(list(reader.fieldnames or []))
            for row in reader:
                quote = self._quote(row)
                if (quote.rate_date, quote.pair) in seen:
                    raise ValueError(f"{quote.rate_date} {quote.base}/{quote.quote} stands there twice")
                seen.add((quote.rate_date, quote.pair))
                if quote.base != quote.quote:
                    yield quote
        except (csv.Error, ValueError) as error:
            raise self._wrong(f"line {max(1, reader.line_num)}: {error}") from None

    def _check_header(self, names: list[str]) -> None:
        wanted = [self._columns.date, self._columns.currency, self._columns.rate]
        if missing := [name for name in wanted if names.count(name) != 1]:
            raise ValueError(f"expected one column {missing[0]!r}, found {', '.join(names) or 'no header'}")

    def _quote(self, row: dict[str, str]) -> Quote:
        if None in row or None in row.values():
            raise ValueError("it has more or fewer fields than the header")
        day, currency, rate = (row[name] for name in (self._columns.date, self._columns.currency, self._columns.rate))
        if not is_currency(currency):
            raise ValueError(f"{currency[:20]!r} is no currency code of three capital letters")
        rate_date = strict_day(day)
        rate_of(rate)
        if currency == USD and rate_of(rate) != 1:
            raise ValueError(f"one USD is 1 USD, not {rate}")
        base, quote = self._pair(currency)
        return Quote(base, quote, rate_date, rate)

    def _text(self) -> str:
        try:
            with self._path.open("rb") as file:
                body = file.read(FILE_BYTES_MAX + 1)
            if len(body) > FILE_BYTES_MAX:
                raise self._wrong(f"it has more than {FILE_BYTES_MAX:,} bytes")
            return body.decode("utf-8-sig")
        except OSError as error:
            raise self._wrong(str(error.strerror)) from None
        except UnicodeDecodeError as error:
            raise self._wrong(f"byte {error.start} is not UTF-8") from None

    def _wrong(self, problem: str) -> SourceError:
        return SourceError(
            f"rates file {self._path}: {problem}; nothing of it was kept",
            hint="correct the file, or [fx.file] in holdfast.toml",
        )
