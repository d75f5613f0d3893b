"""Which type a column's texts have, and why. The type chosen reads every text of the sample unless a note says not.

Rules in short: nothing may be altered (so `007` and `+972...` stay text), money and measures are decimals, never
floats, and a word like `N/A` is a NULL only where everything else in the column is a number, date or the like.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.domain.types import DECIMAL_PRECISION_MAX, INT_RANGES, ColumnType, Kind
from holdfast.parsing.infer_dates import fits, guess_moment

NULL_WORDS = frozenset({"na", "n/a", "#n/a", "null", "none", "nan", "nil", "-", "--", "\\n"})
_BOOL_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"))
_INT = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_FLOAT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_DRESSED_NUMBER = re.compile(r"[^0-9A-Za-z]{0,3}-?[0-9][0-9., ]*[0-9]?[^0-9A-Za-z]{0,3}")
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_INT_COMFORT = 200_000_000  # ten times more still fits an int
_SQLITE_DIGITS = 15
_FITTING_SHARE, _ROWS_FOR_MISTAKES = 0.98, 50
_LENGTHS = (10, 20, 50, 100, 200, 500, 1000, 2000, 4000)


@dataclass(slots=True)
class Seen:
    """A column's texts in the sample: how often each stood there, and the line of its first time."""

    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int | None] = field(default_factory=dict)

    def add(self, text: str, line: int | None) -> None:
        self.counts[text] = self.counts.get(text, 0) + 1
        if self.lines.get(text) is None:
            self.lines[text] = line

    def place(self, text: str) -> str:
        line = self.lines.get(text)
        shown = text if len(text) <= 60 else text[:57] + "..."
        return f"{shown!r} (line {line:,})" if line else f"{shown!r} (further down)"


@dataclass(slots=True)
class Guess:
    """A column's type and other contract keys, the notes on it, and lines to offer as comments."""

    type: ColumnType
    keys: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    offers: list[str] = field(default_factory=list)


def guess_type(name: str, seen: Seen) -> Guess:
    """The narrowest type that reads all texts, or nearly all of many; else string."""
    texts = {text: n for text, n in seen.counts.items() if text.strip()}
    words = {text: n for text, n in texts.items() if text.strip().casefold() in NULL_WORDS}
    rest = {text: n for text, n in texts.items() if text not in words}
    padded = [text for text in rest if text != text.strip()]
    typed = _typed(name, {t.strip(): n for t, n in rest.items()} if padded else rest, seen) if rest else None
    guess = typed or _string(texts, seen)
    if typed:
        _note_padding(guess, padded, seen)
        _take_null_words(guess, words, seen, trimmed=bool(padded))
    elif padded:
        guess.notes.append(
            f"Spaces stand around some values, as in {seen.place(padded[0])}; trim = true takes them off."
        )
    blanks = sum(n for text, n in seen.counts.items() if not text.strip())
    as_null = "" in seen.counts or (typed is not None and bool(words or blanks))
    if typed and any(text and not text.strip() for text in seen.counts):
        guess.keys["trim"] = True
    if as_null:
        guess.keys["nullable"] = True
    if not texts:
        guess.notes.append("DOUBT: always empty in the sample, so nothing is known about it.")
    return guess


def _typed(name: str, texts: Mapping[str, int], seen: Seen) -> Guess | None:
    return _bool(texts) or _numeric(name, texts, seen) or _uuid(texts) or _moment(texts, seen) or _json(texts)


def _bool(texts: Mapping[str, int]) -> Guess | None:
    folded = {text.casefold() for text in texts}
    pair = next((p for p in _BOOL_PAIRS if folded <= set(p)), None)
    return Guess(ColumnType(Kind.BOOL), {"true_values": [pair[0]], "false_values": [pair[1]]}) if pair else None


def _numeric(name: str, texts: Mapping[str, int], seen: Seen) -> Guess | None:
    if not all(map(_FLOAT.fullmatch, texts)):
        return None
    if kept := next((t for t in texts if _INT.fullmatch(t) and re.match(r"[+-]?0[0-9]|\+", t)), None):
        guess = _string(texts, seen)
        guess.notes.append(
            f"Digits, but text: as a number {seen.place(kept)} would lose its leading zeros or plus sign."
        )
        return guess
    if all(map(_INT.fullmatch, texts)):
        return _int(name, texts, seen)
    if all(map(_DECIMAL.fullmatch, texts)):
        return _decimal(texts, seen)
    exponent = next(t for t in texts if not _DECIMAL.fullmatch(t))
    return Guess(
        ColumnType(Kind.FLOAT),
        notes=[f"float because of exponents, as in {seen.place(exponent)}: not exact; never for money."],
    )


def _int(name: str, texts: Mapping[str, int], seen: Seen) -> Guess | None:
    if max(map(len, texts)) > DECIMAL_PRECISION_MAX + 1:
        return None
    size = max(abs(int(text)) for text in texts)
    if size > INT_RANGES[Kind.BIGINT][1]:
        return _decimal(texts, seen)
    guess = Guess(ColumnType(Kind.INT if size <= _INT_COMFORT else Kind.BIGINT))
    if set(texts) <= {"0", "1"}:
        guess.notes.append('Only 0 and 1: if they mean no and yes, use type = "bool".')
    if all(fits("%Y-%m-%d", f"{t[:4]}-{t[4:6]}-{t[6:]}") and len(t) == 8 and "1900" <= t < "2100" for t in texts):
        if re.search(r"date|day|_dt$", name, re.IGNORECASE):
            return Guess(ColumnType(Kind.DATE, format="%Y%m%d"), notes=["Eight digits that are all dates."])
        guess.notes.append('DOUBT: every value could be a date; if it is, use type = "date(%Y%m%d)".')
    return guess


def _decimal(texts: Mapping[str, int], seen: Seen) -> Guess | None:
    """decimal(p,s) with s as seen, and room to grow: 15 digits where they do, else 18, else 38."""
    wholes = {text: len(text.partition(".")[0].lstrip("+-0")) for text in texts}
    scales = {text: len(text.partition(".")[2]) for text in texts}
    whole, scale = max(wholes.values()), max(scales.values())
    if whole + scale > DECIMAL_PRECISION_MAX:
        return None
    precision = next(p for p in (_SQLITE_DIGITS, 18, DECIMAL_PRECISION_MAX) if p >= whole + scale)
    notes = [
        f"Seen: up to {whole} digits before the point, {scale} after. There is room for {precision - scale} before it."
    ]
    if precision > _SQLITE_DIGITS:
        notes.append(
            f"SQLite holds {_SQLITE_DIGITS} digits exactly and will reject longer values; PostgreSQL holds all."
        )
    if rare := _rare_scale(texts, scales):
        usual, example = rare
        notes.append(
            f"DOUBT: nearly all values have at most {usual} digits after the point; {seen.place(example)} has more."
        )
    if scale > 10:
        notes.append("So many digits after the point look like binary floats; decimal keeps them all, float would not.")
    return Guess(ColumnType(Kind.DECIMAL, precision=precision, scale=scale), notes=notes)


def _rare_scale(texts: Mapping[str, int], scales: Mapping[str, int]) -> tuple[int, str] | None:
    """The usual number of decimals, and a text with more, where such texts are so rare that they may be mistakes."""
    total, top = sum(texts.values()), max(scales.values())
    usual = next(
        s for s in range(top + 1) if sum(n for t, n in texts.items() if scales[t] <= s) >= _FITTING_SHARE * total
    )
    if usual == top or total < _ROWS_FOR_MISTAKES:
        return None
    return usual, next(text for text in texts if scales[text] > usual)


def _offer_numbers(guess: Guess, texts: Mapping[str, int], seen: Seen) -> None:
    """Text it stays: what is no number may be a mistake, or the credit notes of a million invoices."""
    numbers = {text: n for text, n in texts.items() if _DECIMAL.fullmatch(text)}
    total, fitting = sum(texts.values()), sum(numbers.values())
    if total < _ROWS_FOR_MISTAKES or fitting == total or fitting < _FITTING_SHARE * total:
        return
    other = [text for text in texts if text not in numbers]
    guess.notes.append(
        f"DOUBT: nearly all are numbers, but {_some(other, seen)} not. If those are mistakes, choose a number type."
    )


def _uuid(texts: Mapping[str, int]) -> Guess | None:
    return Guess(ColumnType(Kind.UUID)) if all(map(_UUID.fullmatch, texts)) else None


def _moment(texts: Mapping[str, int], seen: Seen) -> Guess | None:
    found = guess_moment(texts, seen.place)
    if not found:
        return None
    guess = Guess(found.type, notes=list(found.notes))
    if found.type.kind is Kind.TIMESTAMP and not found.type.zone and "%z" not in (found.type.format or ""):
        guess.notes.append(
            'No zone is written: if these are local times, add it, as in "timestamp(..., Europe/Paris)".'
        )
    if found.misfits:
        guess.notes.append(f"DOUBT: {_some(found.misfits, seen)} no such day; these rows will be rejected with E_DATE.")
    return guess


def _json(texts: Mapping[str, int]) -> Guess | None:
    return Guess(ColumnType(Kind.JSON)) if all(t[0] in "{[" and _is_json(t) for t in texts) else None


def _is_json(text: str) -> bool:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice")
        return dict(pairs)

    def refuse(word: str) -> object:
        raise ValueError(word)

    try:
        json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text and not re.search(r"\\u[dD][89a-fA-F]", text)


def _string(texts: Mapping[str, int], seen: Seen) -> Guess:
    lengths = {len(text) for text in seen.counts if text}
    total, longest = sum(texts.values()), max(lengths, default=0)
    if len(lengths) == 1 and longest <= 40 and total >= 20:
        guess = Guess(ColumnType(Kind.STRING, length=longest), notes=[f"Every value has {longest} letters."])
    else:
        length = next((n for n in _LENGTHS if n >= 2 * longest), None)
        guess = Guess(ColumnType(Kind.STRING, length=length))
    if words := [text for text in texts if text.strip().casefold() in NULL_WORDS]:
        spelled = json.dumps(["", *words], ensure_ascii=False)
        guess.notes.append(f"{seen.place(words[0])} is kept as text; if it means no value: null_values = {spelled}")
    if texts and all(map(_DRESSED_NUMBER.fullmatch, texts)) and not all(map(_INT.fullmatch, texts)):
        guess.notes.append(
            "DOUBT: these look like numbers with a decimal comma, thousands separators or a sign; kept as text."
        )
    _offer_numbers(guess, texts, seen)
    if 1 < len(texts) <= 12 and total >= 10 * len(texts):
        guess.offers.append(f"one_of = {json.dumps(sorted(texts), ensure_ascii=False)}")
    return guess


def _note_padding(guess: Guess, padded: list[str], seen: Seen) -> None:
    if padded:
        guess.keys["trim"] = True
        guess.notes.append(f"Spaces stand around some values, as in {seen.place(padded[0])}: trim takes them off.")


def _take_null_words(guess: Guess, words: Mapping[str, int], seen: Seen, *, trimmed: bool) -> None:
    if words:
        spelled = sorted({word.strip() if trimmed or word != word.strip() else word for word in words})
        if any(word != word.strip() for word in words):
            guess.keys["trim"] = True
        guess.keys["null_values"] = ["", *spelled]
        guess.notes.append(
            f"{sum(words.values()):,} x {seen.place(next(iter(words)))} or the like: taken for no value."
        )


def _some(texts: list[str], seen: Seen) -> str:
    few = ", ".join(seen.place(text) for text in texts[:3])
    return f"{few} and {len(texts) - 3:,} more are" if len(texts) > 3 else f"{few} {'is' if len(texts) == 1 else 'are'}"
