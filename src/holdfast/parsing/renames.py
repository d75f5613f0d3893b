"""Which field of a delivery is a missing column under another name, and how sure that is.

Two witnesses: how alike the names are, and whether the field's values are such as the column's type and rules ask for.
One alone is never enough: `revenue_1` is very like `revenue_2`, and any text fits a text column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from holdfast.domain.contract import Column
from holdfast.domain.types import Kind
from holdfast.parsing.values import ValueReader

APPLY_FROM = 0.9  # a rename is applied by itself from this confidence on
PROPOSE_FROM = 0.5
TIE_WITHIN = 0.05
PAIRS_MAX = 10_000  # comparing every missing column with every spare field
_OTHER_NUMBER = 0.5  # names whose digits differ are names of different things
_NO_EVIDENCE = 0.6  # what values say where there are none
_TEXT_EVIDENCE = 0.9  # any text fits a text column
_LETTER = re.compile(r"[^\W\d]")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Rename:
    """A column that the field at `place` may be. `is_tied`: another field or column is about as likely."""

    column: str
    place: int
    confidence: float
    evidence: str
    is_tied: bool = False


def likely_renames(
    missing: Sequence[Column], spare: Mapping[int, str], sample: Mapping[int, Sequence[str | None]]
) -> list[Rename]:
    """One-to-one, the surest first. None where there would be too many pairs to compare."""
    if len(missing) * len(spare) > PAIRS_MAX:
        return []
    rated = [
        rating
        for column in missing
        for place, name in spare.items()
        if (rating := _rate(column, place, name, sample.get(place, ()))).confidence >= PROPOSE_FROM
    ]
    rated.sort(key=lambda rename: (-rename.confidence, rename.column, rename.place))
    chosen: list[Rename] = []
    for rename in rated:
        if any(rename.column == other.column or rename.place == other.place for other in chosen):
            continue
        tied = any(
            rival is not rename
            and (rival.column == rename.column or rival.place == rename.place)
            and rename.confidence - rival.confidence < TIE_WITHIN
            for rival in rated
        )
        chosen.append(Rename(rename.column, rename.place, rename.confidence, rename.evidence, tied))
    return chosen


def _rate(column: Column, place: int, name: str, texts: Sequence[str | None]) -> Rename:
    alike = max(name_likeness(known, name) for known in column.header_names)
    fitting, told = _fit(column, texts)
    confidence = round(alike * (0.4 + 0.6 * fitting), 3)
    return Rename(column.name, place, confidence, f"names {alike:.0%} alike, {told}")


def name_likeness(one: str, other: str) -> float:
    """0 to 1. Case, accents, the order and the joining of words do not count; digits count for much."""
    from rapidfuzz import fuzz

    ours, theirs = _words(one), _words(other)
    joined = max(
        fuzz.ratio("".join(ours), "".join(theirs)),
        fuzz.ratio(" ".join(sorted(ours)), " ".join(sorted(theirs))) * 0.98,
    )
    if _digits(ours) != _digits(theirs):
        return joined / 100 * _OTHER_NUMBER
    return joined / 100


def _words(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return [word.casefold() for word in _WORDS.findall(plain)] or [plain.casefold()]


def _digits(words: Sequence[str]) -> list[str]:
    return sorted(word for word in words if word.isdecimal())


def _fit(column: Column, texts: Sequence[str | None]) -> tuple[float, str]:
    """How well the values fit the column's type and rules, 0 to 1, in figures and in words."""
    reader = ValueReader(column)
    values = [text for text in texts if text is not None and text not in reader.null_words]
    if not values:
        return _NO_EVIDENCE, "no values to compare"
    fitting = sum(1 for text in values if not reader.read(text)[1]) / len(values)
    told = f"{fitting:.0%} of {len(values):,} values are {column.type}"
    if fitting < 0.95:
        return fitting / 2, told
    if column.type.kind is Kind.STRING and reader.allowed is None and reader.pattern is None:
        return fitting * (_TEXT_EVIDENCE if any(map(_LETTER.search, values)) else _NO_EVIDENCE), told
    return fitting, told
