"""Checks that look at one row at a time: which rows fail, and how their number is told.

Because no row depends on another, a partition that was not touched since it was counted need not be looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from holdfast.adapters.databases.identifiers import quote
from holdfast.domain.check import Check
from holdfast.domain.check_fit import typed
from holdfast.domain.check_kinds import AcceptedValues, InRange, NotNegative, NotNull, NullShare, Pattern
from holdfast.domain.types import ColumnType, Kind
from holdfast.quality.answer import Finding, Query, counted, hash_of, percent
from holdfast.quality.subject import Place

ROW_KINDS = (NotNull, AcceptedValues, InRange, Pattern, NotNegative, NullShare)
SHOWN_VALUES = 20
_FLAGS = re.compile(r"\(\?[a-zA-Z]+\)")


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of a table, or of a partition of it: all, those that fail, and the least and greatest value of these."""

    rows: int = 0
    failing: int = 0
    lowest: str | None = None
    highest: str | None = None


@dataclass(frozen=True, slots=True)
class RowRule:
    """A check of single rows. `condition` is SQL over `t`, true for a row that fails, with binds `:p0_`, `:p1_`, ..."""

    check: Check
    column: str
    kind: ColumnType
    condition: str
    binds: dict[str, Any]
    expected: str
    has_extremes: bool = False

    def renamed(self, prefix: str) -> tuple[str, dict[str, Any]]:
        """Condition and binds under other names, so that several rules share a statement."""
        condition = self.condition
        for name in sorted(self.binds, key=len, reverse=True):
            condition = condition.replace(f":{name}_", f":{prefix}{name}_")
        return condition, {f"{prefix}{name}_": value for name, value in self.binds.items()}

    def query(self, place: Place) -> Query:
        """The rows that fail, by their keys."""
        condition, binds = self.renamed("")
        return Query(f"SELECT {place.keys} FROM {place.table} AS t WHERE {condition}", binds)  # noqa: S608

    def hash(self, place: Place) -> str:
        query = self.query(place)
        return hash_of(query.sql, place.subject.name, self.check.title, place.slice(), *query.binds.items())

    def find(self, tally: Tally) -> Finding:
        """What the whole table's tally means."""
        if isinstance(self.check, NullShare):
            return _null_share(self.check, self, tally)
        return Finding(tally.failing, self.expected, self._found(tally))

    def _found(self, tally: Tally) -> str:
        if not tally.failing:
            return f"{counted(tally.rows, 'row')}, all as expected"
        what = {NotNull: "without a value", InRange: "outside", NotNegative: "below 0", Pattern: "of another form"}
        words = f"{counted(tally.failing, 'row')} {what.get(type(self.check), 'with another value')}"
        if tally.lowest is None or tally.highest is None:
            return f"{words}, of {tally.rows:,}"
        low, high = (value_shown(value, self.kind) for value in (tally.lowest, tally.highest))
        return f"{words} (min {low}, max {high}), of {tally.rows:,}"


def value_shown(value: str, kind: ColumnType) -> str:
    return f"{Decimal(value):.{kind.scale or 0}f}" if kind.kind is Kind.DECIMAL else value


def _null_share(check: NullShare, rule: RowRule, tally: Tally) -> Finding:
    share = Decimal(100 * tally.failing) / tally.rows if tally.rows else Decimal(0)
    found = f"{percent(tally.failing, tally.rows)} ({tally.failing:,} of {tally.rows:,} rows)"
    return Finding(tally.failing if share > check.share_max_percent else 0, rule.expected, found)


def row_rule(check: Check, place: Place) -> RowRule:
    """The rule of a check of one of ROW_KINDS."""
    assert isinstance(check, ROW_KINDS)
    column, kind = f"t.{quote(check.column)}", place.subject.types[check.column]
    condition, values, expected = _MAKERS[type(check)](check, column, kind, place)
    binds = {f"p{i}": value for i, value in enumerate(values)}
    has_extremes = isinstance(check, (InRange, NotNegative))
    return RowRule(check, check.column, kind, condition, binds, f"{check.column}: expected {expected}", has_extremes)


Made = tuple[str, list[Any], str]


def _not_null(_check: NotNull, column: str, _kind: ColumnType, _place: Place) -> Made:
    return f"{column} IS NULL", [], "a value in every row"


def _null_share_rule(check: NullShare, column: str, _kind: ColumnType, _place: Place) -> Made:
    return f"{column} IS NULL", [], f"at most {check.share_max_percent}% of the rows without a value"


def _accepted(check: AcceptedValues, column: str, kind: ColumnType, _place: Place) -> Made:
    values = [typed(value, kind) for value in check.values]
    names = ", ".join(f":p{i}_" for i in range(len(values)))
    shown = ", ".join(map(str, check.values[:SHOWN_VALUES]))
    more = f", ... ({len(values):,} values)" if len(values) > SHOWN_VALUES else ""
    return f"{column} NOT IN ({names})", values, f"one of {shown}{more}"


def _range(check: InRange, column: str, kind: ColumnType, _place: Place) -> Made:
    low, high = typed(check.min, kind), typed(check.max, kind)
    given = [(sign, value) for sign, value in (("<", low), (">", high)) if value is not None]
    condition = " OR ".join(f"{column} {sign} :p{i}_" for i, (sign, _) in enumerate(given))
    words = {
        (True, True): f"between {low} and {high}",
        (True, False): f"{low} or more",
        (False, True): f"{high} or less",
    }
    return f"({condition})", [value for _, value in given], words[low is not None, high is not None]


def _negative(_check: NotNegative, column: str, _kind: ColumnType, _place: Place) -> Made:
    return f"{column} < 0", [], "0 or more"


def _pattern(check: Pattern, column: str, _kind: ColumnType, place: Place) -> Made:
    """Flags for the whole expression, `(?i)`, have to stand before everything else."""
    traits, flags = place.database.traits, _FLAGS.match(check.pattern)
    start = flags.end() if flags else 0
    body = check.pattern[start:]
    whole = check.pattern[:start] + "^" + (f"(?:{body})" if "|" in body else body) + traits.text_end
    return f"NOT ({column} {traits.matches} :p0_)", [whole], f"texts that match {check.pattern}"


_MAKERS: dict[type[Check], Callable[..., Made]] = {
    NotNull: _not_null,
    AcceptedValues: _accepted,
    InRange: _range,
    Pattern: _pattern,
    NotNegative: _negative,
    NullShare: _null_share_rule,
}
