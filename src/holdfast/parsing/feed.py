"""RSS, Atom and RDF to records: the bytes are looked at for traps first, then read by feedparser.

A feed that is not well-formed gives what can be read of it, and says so. Nothing is fetched, whatever the feed names.
"""

from __future__ import annotations

import calendar
import json
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from io import BytesIO
from typing import Any

from holdfast.domain.errors import ConfigError

COLUMNS = (
    "id",
    "link",
    "title",
    "summary",
    "content",
    "author",
    "published",
    "updated",
    "categories",
    "enclosures",
    "feed_title",
)
_UNREADABLE = re.compile(r"[\x00\ud800-\udfff]")
_TOLD_MAX = 3
_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?")
_WEEK_OR_DAY_OF_YEAR = re.compile(r"[0-9]{4}-?(W|[0-9]{3}$)")
_ZONES = timedelta(days=1)


class NoFeed(ValueError):
    """Why it cannot be read as a feed; for a person to read."""


@dataclass(slots=True)
class ReadFeed:
    """`records`: JSON objects, one an entry, in the feed's order. `warnings`: what was not as it should be."""

    records: list[bytes] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_feed(
    body: bytes, headers: Mapping[str, str], *, wanted: Collection[str] = COLUMNS, null_bad_dates: bool = True
) -> ReadFeed:
    """Read a feed's entries. `headers`: of the answer, names in lower case. Raises NoFeed."""
    if not body.strip():
        raise NoFeed("it is empty")
    _require_libraries()
    _refuse_traps(body)
    parsed = _parsed(body, headers)
    if not parsed.get("version") and not parsed.get("entries"):
        raise NoFeed(_what_is_wrong(parsed) or f"expected RSS, Atom or RDF, found {_beginning(body)}")
    read = ReadFeed()
    if parsed.get("bozo") and not _is_harmless(parsed.get("bozo_exception")):
        read.warnings.append(f"the feed is not well-formed; what could be read was: {_what_is_wrong(parsed)}")
    names = [name for name in COLUMNS if name in wanted]
    title, bad_dates = _text(parsed.get("feed", {}).get("title")), []
    for entry in parsed["entries"]:
        record = _record(entry, title)
        for name in ("published", "updated"):
            if name in wanted and isinstance(record[name], _BadDate):
                bad_dates.append(f"{name} {str(record[name])[:60]!r} of {record['id'] or 'an entry without id'}")
                record[name] = None if null_bad_dates else str(record[name])
        read.records.append(json.dumps({name: record[name] for name in names}).encode())
    if bad_dates and null_bad_dates:
        more = f" and {len(bad_dates) - _TOLD_MAX} more" if len(bad_dates) > _TOLD_MAX else ""
        read.warnings.append(f"dates that nobody can read became NULL: {'; '.join(bad_dates[:_TOLD_MAX])}{more}")
    return read


def _require_libraries() -> None:
    for library in ("defusedxml", "feedparser"):
        if find_spec(library) is None:
            raise ConfigError(
                f"feeds need {library}, which is not installed; nothing was loaded", hint="pip install 'holdfast[feed]'"
            )


def _refuse_traps(body: bytes) -> None:
    """Entities that a feed declares itself could grow without end, or name files of this machine. Raises NoFeed."""
    from xml.sax import SAXException
    from xml.sax.handler import ContentHandler

    from defusedxml import DefusedXmlException
    from defusedxml.sax import parseString

    try:
        # the address of a DTD is let through, as RSS 0.91 has one: Python's reader never fetches it
        parseString(body, ContentHandler(), forbid_dtd=False, forbid_entities=True, forbid_external=False)
    except DefusedXmlException as trap:
        raise NoFeed(f"it declares entities of its own, which is refused ({type(trap).__name__})") from None
    except (SAXException, ValueError, LookupError):
        return  # not well-formed, or an encoding that expat lacks: feedparser reads it without a parser of entities


def _parsed(body: bytes, headers: Mapping[str, str]) -> Any:
    import feedparser

    told = {name: headers[name] for name in ("content-type", "content-language", "content-location") if name in headers}
    try:
        return feedparser.parse(BytesIO(body), response_headers=told)
    except Exception as error:  # a library that guesses at broken text: whatever it trips over is the feed's fault
        raise NoFeed(f"feedparser gave up: {type(error).__name__}: {str(error)[:200]}") from None


def _what_is_wrong(parsed: Any) -> str:
    error = parsed.get("bozo_exception")
    return f"{type(error).__name__}: {str(error)[:200]}" if error else ""


def _is_harmless(error: object) -> bool:
    """A media type or an encoding that was declared otherwise changes nothing of what was read."""
    return type(error).__name__ in ("NonXMLContentType", "CharacterEncodingOverride")


def _beginning(body: bytes) -> str:
    text = " ".join(body[:200].decode("utf-8", "replace").split())
    return "HTML" if re.match(r"(?i)<!doctype html|<html", text) else repr(text[:60])


class _BadDate(str):
    """A date as delivered, which nobody can read."""


def _record(entry: Any, feed_title: str | None) -> dict[str, Any]:
    contents = [item for item in entry.get("content", []) if item.get("value")]
    link = _text(entry.get("link"))
    return {
        "id": _text(entry.get("id")) or link,
        "link": link,
        "title": _text(entry.get("title")),
        "summary": _text(entry.get("summary")),
        "content": _text(contents[0].get("value")) if contents else None,
        "author": _text(entry.get("author")),
        "published": _moment(entry, "published"),
        "updated": _moment(entry, "updated"),
        "categories": [term for tag in entry.get("tags") or [] if (term := _text(tag.get("term")))],
        "enclosures": [
            {name: text for name in ("href", "type", "length") if (text := _text(item.get(name)))}
            for item in entry.get("enclosures") or []
        ],
        "feed_title": feed_title,
    }


def _moment(entry: Any, name: str) -> str | None:
    """A date in UTC as `2026-01-31T10:00:00Z`. Where it is missing, feedparser would give the other one."""
    if name not in entry.keys():  # noqa: SIM118 - `in entry` answers for other keys too
        return None
    given, found = entry.get(name), entry.get(f"{name}_parsed")
    if found is not None:
        try:
            moment = datetime.fromtimestamp(calendar.timegm(time.struct_time(found)), UTC)
            if _is_what_is_told(moment, str(given).strip()):
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
        except (ValueError, OverflowError, OSError, TypeError):
            pass
    text = _text(given)
    return _BadDate(text) if text else None


def _is_what_is_told(moment: datetime, text: str) -> bool:
    """Feedparser makes 2 March of 2026-02-30, and November of week 1. Raises ValueError for no day or time of day."""
    if told := _ISO.match(text):
        day = datetime(*(int(part or 0) for part in told.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]
        return abs(moment - day) < _ZONES
    return _WEEK_OR_DAY_OF_YEAR.match(text) is None


def _text(value: Any) -> str | None:
    """A text without what no database holds; None for nothing."""
    if value is None:
        return None
    return _UNREADABLE.sub("\ufffd", str(value)).strip() or None
