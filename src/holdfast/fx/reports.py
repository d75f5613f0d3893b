"""What the ledger knows of exchange rates, for people and programs that ask. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from holdfast.fx.moments import as_day, as_moment
from holdfast.ports.database import Row, Transaction


@dataclass(slots=True)
class ProviderStatus:
    """A provider's rates by pair, its days without data by currency, its calls by month. Values as JSON takes them."""

    provider: str
    pairs: list[Row] = field(default_factory=list)
    no_data: list[Row] = field(default_factory=list)
    quota: list[Row] = field(default_factory=list)


def provider_status(tx: Transaction) -> list[ProviderStatus]:
    """One for each provider that was ever asked."""
    found: dict[str, ProviderStatus] = {}

    def of(row: Row) -> ProviderStatus:
        name = row.pop("provider")
        return found.setdefault(name, ProviderStatus(name))

    for row in tx.run("fx_status_quotes").rows:
        of(row).pairs.append(_plain(row))
    for row in tx.run("fx_status_no_data").rows:
        of(row).no_data.append(_plain(row))
    for row in tx.run("fx_status_quota").rows:
        of(row).quota.append(_plain(row))
    return [found[name] for name in sorted(found)]


def _plain(row: Row) -> Row:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    """Engines differ in what they give back for a sum, a day, a truth."""
    if value is None:
        return None
    match name:
        case "first_day" | "last_day":
            return str(as_day(value))
        case "days" | "not_final" | "revisions" | "calls":
            return int(value)
        case "is_exhausted" | "range_refused":
            return bool(value)
        case "exhausted_until":
            return f"{as_moment(value):%Y-%m-%dT%H:%M:%SZ}"
        case _:
            return value
