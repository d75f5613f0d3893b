"""Days and moments as engines give them back: text on one, objects on another; here always UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from holdfast.domain.errors import UsageError
from holdfast.ports.database import Database

ONE_DAY = timedelta(days=1)


def as_moment(value: Any) -> datetime:
    found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def as_day(value: Any) -> date:
    """A column's day. Raises ValueError for what is none."""
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])


def strict_day(text: str) -> date:
    """A day as 2024-01-05, and in no other of ISO 8601's ways. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"expected a day as 2024-01-05, found {text[:20]!r}")
    return date.fromisoformat(text)


def now(database: Database) -> datetime:
    """The database's clock: machines that share a ledger agree on it."""
    with database.reading() as tx:
        return as_moment(tx.run("fx_now").rows[0]["now"])


def last_second(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)


def days_between(first: date, last: date) -> list[date]:
    return [first + ONE_DAY * i for i in range((last - first).days + 1)]


def day_given(text: str, option: str, today: date) -> date:
    """A day as a person gives it: 2024-01-05, `today` or `yesterday` (UTC). Raises UsageError."""
    if text in ("today", "yesterday"):
        return today if text == "today" else today - ONE_DAY
    try:
        return strict_day(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r} is no day: {error}; nothing was asked",
            hint="write it as 2024-01-05, or today, or yesterday",
        ) from None
