"""A database that rates are fetched into, in this process, from the providers that `rates_server` plays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from holdfast.engine.migrate import upgrade
from holdfast.fx.moments import as_day
from holdfast.ports.database import Database
from holdfast.wiring import Project, Settings
from holdfast.wiring_fx import Ask, FetchResult, FxSettings, fetch_rates
from tests.support.http_server import HttpServer
from tests.support.rates_server import ECB, KEY


class NoWaiting:
    """A clock on which waiting takes no time, and is remembered."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class RatesProject:
    database: Database
    server: HttpServer
    settings: FxSettings = field(init=False)

    def __post_init__(self) -> None:
        upgrade(self.database)
        self.settings = FxSettings(
            provider="currencylayer",
            allow_insecure_http=True,
            key=KEY,
            currencylayer_url=self.server.url(""),
            ecb_url=self.server.url(ECB),
        )

    def configure(self, **settings: Any) -> None:
        self.settings = replace(self.settings, **settings)

    def fetch(self, first: str, last: str | None = None, currencies: str = "ILS,EUR,GBP", **more: Any) -> FetchResult:
        ask = Ask(first=first, last=last or first, currencies=currencies.split(","), **more)
        return fetch_rates(Project(Settings(url=""), self.database), self.settings, ask, clock=NoWaiting())

    def fetched(self, *arguments: str, **more: Any) -> FetchResult:
        """A fetch that came to its end."""
        result = self.fetch(*arguments, **more)
        assert result.report.error is None, result.report.error
        return result

    def query(self, sql: str) -> list[dict[str, Any]]:
        """`ops.` is written as this database spells it."""
        spelled = self.database.statement("fx_status_no_data").partition("FROM ")[2].partition("fx_no_data")[0]
        with self.database.reading() as tx:
            return tx.query(sql.replace("ops.", spelled))

    def shown(self) -> dict[tuple[date, str], Decimal]:
        """The reading table, USD left out."""
        rows = self.query("SELECT rate_date, currency, rate_to_usd FROM fx_rates WHERE currency <> 'USD'")
        return {(as_day(row["rate_date"]), row["currency"]): Decimal(str(row["rate_to_usd"])) for row in rows}

    def stored(self) -> list[tuple[str, str, int, str]]:
        """Every revision: day, currency, number, quote as delivered."""
        rows = self.query(
            "SELECT rate_date, quote, revision, raw FROM ops.fx_quote ORDER BY rate_date, quote, revision"
        )
        return [(str(as_day(row["rate_date"])), row["quote"], row["revision"], row["raw"]) for row in rows]

    def is_exact(self) -> bool:
        """Does the engine hold 24 decimals?"""
        digits = self.database.traits.exact_digits_max
        return digits is None or digits > 20
