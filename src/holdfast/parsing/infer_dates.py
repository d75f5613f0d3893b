"""Which date or timestamp format a column's texts are written in, and whether day or month comes first.

The formats are those the parser reads, as strictly: two-digit days, real days only. `31/02/2024` fits no format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import islice

from holdfast.domain.types import ColumnType, Kind

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_FULL_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_PARTS = {
    "%Y": r"(?P<Y>[0-9]{4})",
    "%y": r"(?P<y>[0-9]{2})",
    "%m": r"(?P<m>[0-9]{2})",
    "%d": r"(?P<d>[0-9]{2})",
    "%b": rf"(?P<b>{'|'.join(m.title() for m in _MONTHS)})",
    "%B": rf"(?P<B>{'|'.join(m.title() for m in _FULL_MONTHS)})",
    "%H": r"(?:[01][0-9]|2[0-3])",
    "%M": r"[0-5][0-9]",
    "%S": r"[0-5][0-9]",
    "%f": r"[0-9]{1,6}",
    "%z": r"[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9]",
}
# Day first stands before month first: of two that fit equally, the earlier is taken.
DATE_FORMATS: tuple[str, ...] = (
    *(f"%Y{s}%m{s}%d" for s in "-/."),
    *(f"{a}{s}{b}{s}{y}" for y in ("%Y", "%y") for s in "/-." for a, b in (("%d", "%m"), ("%m", "%d"))),
    *(f"%d{s}{month}{s}%Y" for month in ("%b", "%B") for s in "- "),
    "%b %d, %Y",
    "%B %d, %Y",
)
_TIMES = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
_FITTING_SHARE = 0.98  # so much must fit before the rest counts as mistakes in the data
_ROWS_FOR_MISTAKES = 50


@dataclass(frozen=True, slots=True)
class MomentGuess:
    type: ColumnType
    misfits: list[str] = field(default_factory=list)  # texts that are no such date
    notes: list[str] = field(default_factory=list)


def guess_moment(texts: Mapping[str, int], line_of: Callable[[str], str]) -> MomentGuess | None:
    """The format that all texts (with their counts) fit, or nearly all of many; None: they are not dates."""
    total = sum(texts.values())
    opening = list(islice(texts, 50))
    shortlist = [f for f in _all_formats() if any(fits(f, text) for text in opening)]
    scores = {f: sum(n for text, n in texts.items() if fits(f, text)) for f in shortlist}
    if not scores:
        return None
    best = max(scores, key=lambda f: scores[f])  # the first of equals
    if scores[best] < total and (total < _ROWS_FOR_MISTAKES or scores[best] < _FITTING_SHARE * total):
        return None
    misfits = [text for text in texts if not fits(best, text)]
    if not all(_pattern(best).fullmatch(text) for text in misfits):
        return None  # only a day that does not exist is surely a mistake; a word may be what the column is about
    return MomentGuess(_type_of(best), misfits, _order_notes(best, scores, texts, line_of))


def looks_like_moment(text: str) -> bool:
    return any(fits(f, text) for f in _all_formats())


def fits(form: str, text: str) -> bool:
    """Is the text exactly of this format, and a day that exists?"""
    found = _pattern(form).fullmatch(text)
    if not found:
        return False
    parts = found.groupdict()
    year = int(parts.get("Y") or 0) or _full_year(parts.get("y"))
    if name := parts.get("b"):
        month = _MONTHS.index(name.lower()) + 1
    elif name := parts.get("B"):
        month = _FULL_MONTHS.index(name.lower()) + 1
    else:
        month = int(parts["m"])
    try:
        date(year, month, int(parts["d"]))
    except ValueError:
        return False
    return True


def _order_notes(
    best: str, scores: dict[str, int], texts: Mapping[str, int], line_of: Callable[[str], str]
) -> list[str]:
    other = _swapped(best)
    if other is None:
        return []
    if scores.get(other, 0) == scores[best]:
        return [
            f"DOUBT: every value is a date both as {best} and as {other}. Day first was chosen. Only a line whose "
            f"first or second number is above 12 would decide, and the sample has none: ask whoever made the file. "
            f"First value: {line_of(next(iter(texts)))}."
        ]
    proof = next(text for text in texts if fits(best, text) and not fits(other, text))
    first = "Day" if best.index("%d") < best.index("%m") else "Month"
    notes = [f"{first} first: {line_of(proof)} is no date the other way round."]
    if against := next((t for t in texts if fits(other, t) and not fits(best, t)), None):
        notes.append(f"DOUBT: {line_of(against)} is a date only the other way round: the file mixes both orders.")
    return notes


def _swapped(form: str) -> str | None:
    if "%d" not in form or "%m" not in form or form.startswith("%Y"):
        return None
    return form.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


def _type_of(form: str) -> ColumnType:
    if "%H" not in form:
        return ColumnType(Kind.DATE, format=form)
    return ColumnType(Kind.TIMESTAMP, format=form, zone="UTC" if form.endswith("Z") else None)


@cache
def _all_formats() -> tuple[str, ...]:
    # a comma in a timestamp's format would read as the start of its zone
    stamps = [
        f"{day}{gap}{time}{zone}"
        for day in DATE_FORMATS
        if "," not in day
        for gap in " T"
        for time in _TIMES
        for zone in ("", "Z", "%z")
    ]
    return (*DATE_FORMATS, *stamps)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    return re.compile("".join(_PARTS.get(part) or re.escape(part) for part in re.findall(r"%.|[^%]", form)))


def _full_year(two_digits: str | None) -> int:
    year = int(two_digits or 0)
    return year + (1900 if year >= 69 else 2000)  # as POSIX has it
