"""Dates and timestamps, strictly: text must be exactly what the format says, and name a day and moment there was.

Formats are written as for strptime with the directives of `DIRECTIVES`; numbers have all their digits (`05`, not `5`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from holdfast.domain.errors import ContractError
from holdfast.domain.types import ColumnType, Kind

_MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october"]
_MONTHS += ["november", "december"]
DIRECTIVES = {
    "%Y": "(?P<Y>[0-9]{4})",
    "%y": "(?P<y>[0-9]{2})",
    "%m": "(?P<m>[0-9]{2})",
    "%b": f"(?P<b>(?i:{'|'.join(month[:3] for month in _MONTHS)}))",
    "%B": f"(?P<B>(?i:{'|'.join(_MONTHS)}))",
    "%d": "(?P<d>[0-9]{2})",
    "%H": "(?P<H>[0-9]{2})",
    "%M": "(?P<M>[0-9]{2})",
    "%S": "(?P<S>[0-9]{2})",
    "%f": "(?P<f>[0-9]{1,6})",
    "%z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "%%": "%",
}
_CENTURY_TURNS = 69  # POSIX: 69-99 are 1969-1999, 00-68 are 2000-2068


class NoSuchMoment(ValueError):
    """The text has the format's shape and names nothing that ever was."""


@dataclass(frozen=True, slots=True)
class MomentFormat:
    """A compiled format. `zone`: where wall-clock readings are taken; None leaves them as they are."""

    text: str
    shape: re.Pattern[str]
    zone: ZoneInfo | None

    def read(self, text: str) -> datetime:
        """The moment, in UTC where the format or zone makes it one. Raises ValueError; NoSuchMoment says why."""
        found = self.shape.fullmatch(text)
        if not found:
            raise ValueError(text)
        part = found.groupdict()
        year = int(part["Y"]) if "Y" in part else _full_year(int(part["y"]))
        hour, minute, second = (int(part.get(key) or 0) for key in "HMS")
        micros = int((part.get("f") or "0").ljust(6, "0"))
        try:
            moment = datetime(year, _month(part), int(part["d"]), hour, minute, second, micros)  # noqa: DTZ001
            return self._in_utc(moment, part.get("z"))
        except OverflowError as error:
            raise NoSuchMoment("it lies outside the years 1 to 9999") from error
        except NoSuchMoment:
            raise
        except ValueError as error:
            raise NoSuchMoment(str(error)) from error

    def _in_utc(self, moment: datetime, offset: str | None) -> datetime:
        if offset:
            return moment.replace(tzinfo=_offset(offset)).astimezone(UTC)
        if not self.zone:
            return moment
        early, late = (moment.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if early == late:
            return early
        if early.astimezone(self.zone).replace(tzinfo=None) != moment:
            raise NoSuchMoment(f"the clocks in {self.zone} were put forward over it")
        raise NoSuchMoment(f"the clocks in {self.zone} showed it twice, when they were put back")


def _full_year(short: int) -> int:
    return short + (1900 if short >= _CENTURY_TURNS else 2000)


def _month(part: dict[str, str]) -> int:
    name = part.get("b") or part.get("B")
    if not name:
        return int(part["m"])
    return [month[:3] for month in _MONTHS].index(name[:3].lower()) + 1


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    if minutes > 59 or hours > 23:
        raise NoSuchMoment(f"there is no offset {text}")
    size = timedelta(hours=hours, minutes=minutes)
    return timezone(-size if text[0] == "-" else size)


@lru_cache(maxsize=256)
def moment_format(column_type: ColumnType) -> MomentFormat:
    """Compile a date's or timestamp's format. Raises ContractError for what cannot name a day."""
    form = column_type.format or ""
    pieces = re.findall(r"%.|[^%]+|%$", form, re.DOTALL)
    unknown = sorted({p for p in pieces if p.startswith("%") and p not in DIRECTIVES})
    if unknown:
        raise ContractError(
            f"type {column_type}: {', '.join(unknown)} is no directive; expected {' '.join(DIRECTIVES)}"
        )
    used = [p for p in pieces if p.startswith("%") and p != "%%"]
    parts = ["Y" if p in ("%Y", "%y") else "m" if p in ("%b", "%B", "%m") else p[1] for p in used]
    allowed = set("Ymd") if column_type.kind is Kind.DATE else set("YmdHMSfz")
    if len(set(parts)) != len(parts) or not set("Ymd") <= set(parts) or not set(parts) <= allowed:
        wanted = "year, month and day" + ("" if column_type.kind is Kind.DATE else ", and may name a time")
        raise ContractError(f"type {column_type}: a {column_type.kind} format names {wanted}, each once")
    shape = "".join(DIRECTIVES.get(p, re.escape(p)) for p in pieces)
    return MomentFormat(form, re.compile(shape), _zone(column_type))


def _zone(column_type: ColumnType) -> ZoneInfo | None:
    if not column_type.zone:
        return None
    try:
        return ZoneInfo(column_type.zone)
    except (KeyError, ValueError, OSError) as error:
        raise ContractError(
            f"type {column_type}: there is no time zone {column_type.zone!r}; write an IANA name as in Europe/Berlin"
        ) from error


def read_date(form: MomentFormat, text: str) -> date:
    return form.read(text).date()
