"""What a provider's plan allows, kept in the ledger by provider and month (UTC): calls made, and until when to stop.

Calls are counted before they are made, each in a transaction of its own: a call that fails may cost quota like any
other, and so may one whose process was killed before the answer came.
"""

from __future__ import annotations

from datetime import datetime

from holdfast.domain.errors import RateQuotaExhausted
from holdfast.fx.moments import as_moment
from holdfast.ports.database import Database, Transaction

REASON_LENGTH_MAX = 255


def month_of(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def seconds_to_next_month(moment: datetime) -> float:
    year, month = divmod(moment.year * 12 + moment.month, 12)
    begins = moment.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return (begins - moment).total_seconds()


def _opened(tx: Transaction, provider: str, month: str) -> None:
    if not tx.run("fx_quota_of", provider=provider, quota_month=month).rows:
        tx.run("fx_quota_open", provider=provider, quota_month=month, range_refused=False)


def count_call(tx: Transaction, provider: str) -> str:
    """Count one call more, and say for which month. Raises RateQuotaExhausted while it is to be left alone."""
    exhausted = tx.run("fx_quota_exhausted", provider=provider).first
    if exhausted:
        until = as_moment(exhausted["exhausted_until"])
        raise RateQuotaExhausted(
            f"{provider}: the quota is used up until {until:%Y-%m-%d %H:%M} UTC; nothing was asked. It said: "
            f"{exhausted['reason']}",
            hint="run again after that; or, if the plan has grown, with --ignore-quota. See: holdfast fx status",
        )
    month = month_of(as_moment(tx.run("fx_now").rows[0]["now"]))
    _opened(tx, provider, month)
    tx.run("fx_quota_count", provider=provider, quota_month=month)
    return month


def give_back(database: Database, provider: str, month: str) -> None:
    """The call that was counted last was not made after all. Lost by a kill, which counts one too many at worst."""
    with database.transaction() as tx:
        tx.run("fx_quota_give_back", provider=provider, quota_month=month)


def remember_exhausted(database: Database, provider: str, error: RateQuotaExhausted) -> None:
    with database.transaction() as tx:
        moment = as_moment(tx.run("fx_now").rows[0]["now"])
        month = month_of(moment)
        _opened(tx, provider, month)
        wait_s = error.wait_s or seconds_to_next_month(moment)
        reason = error.message[:REASON_LENGTH_MAX]
        tx.run("fx_quota_exhaust", provider=provider, quota_month=month, wait_s=wait_s, reason=reason)


def forget_exhausted(database: Database, provider: str) -> None:
    with database.transaction() as tx:
        tx.run("fx_quota_reopen", provider=provider)


def range_was_refused(tx: Transaction, provider: str, month: str) -> bool:
    """Did the plan refuse a call for several days this month? Next month it is tried again: plans change."""
    found = tx.run("fx_quota_of", provider=provider, quota_month=month).first
    return bool(found and found["range_refused"])


def remember_range_refused(database: Database, provider: str, month: str) -> None:
    with database.transaction() as tx:
        _opened(tx, provider, month)
        tx.run("fx_quota_range", provider=provider, quota_month=month, range_refused=True)
