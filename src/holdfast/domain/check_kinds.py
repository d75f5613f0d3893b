"""The kinds of checks and their parameters, and reading a declaration as the class of its kind."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from holdfast.domain.check import ANY, Check, about
from holdfast.domain.types import Kind

NUMBERS = frozenset({Kind.INT, Kind.BIGINT, Kind.DECIMAL, Kind.FLOAT})
ORDERED = NUMBERS | {Kind.DATE, Kind.TIMESTAMP}
DAYS = frozenset({Kind.DATE, Kind.TIMESTAMP})
TEXTS = frozenset({Kind.STRING})
HOURS_MAX = 24 * 366 * 1000  # a thousand years
Percent = Annotated[Decimal, Field(ge=0, le=100)]
Names = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
Bound = str | int | float | Decimal | datetime | date


class NotNull(Check):
    kind: Literal["not_null"]
    column: str
    uses = about(column=ANY)


class AcceptedValues(Check):
    kind: Literal["accepted_values"]
    column: str
    values: list[str | int | Decimal] = Field(min_length=1)
    uses = about(column=frozenset(Kind) - {Kind.JSON, Kind.FLOAT, Kind.BOOL})


class InRange(Check):
    kind: Literal["range"]
    column: str
    min: Bound | None = None
    max: Bound | None = None
    uses = about(column=ORDERED)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("range needs min, max or both")
        return self


class Pattern(Check):
    """`pattern`: a regular expression that the whole text must match, as the database understands it."""

    kind: Literal["pattern"]
    column: str
    pattern: str = Field(min_length=1)
    uses = about(column=TEXTS)

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"pattern {value!r} is not a regular expression: {error}") from error
        return value


class NotNegative(Check):
    kind: Literal["not_negative"]
    column: str
    uses = about(column=NUMBERS)


class NullShare(Check):
    kind: Literal["null_share"]
    column: str
    share_max_percent: Percent
    uses = about(column=ANY)


class Unique(Check):
    kind: Literal["unique"]
    columns: Names = Field(min_length=1)
    uses = about(columns=ANY)


class DuplicateKeys(Check):
    """`key`: what should be a key though the table has none, or another one; the table's own if left out."""

    kind: Literal["duplicate_keys"]
    key: Names = Field(default_factory=list)
    uses = about(key=ANY)


class Relationship(Check):
    """`to`: the other table's column, as `customers.id` or `silver.customers.id`."""

    kind: Literal["relationship"]
    column: str
    to: str = Field(pattern=r"^[^.]+(\.[^.]+){1,2}$")
    uses = about(column=ANY)

    @property
    def to_table(self) -> str:
        return self.to.rpartition(".")[0]

    @property
    def to_column(self) -> str:
        return self.to.rpartition(".")[2]


class Freshness(Check):
    """The newest value of `column`, or without one the newest commit. A day counts from its end."""

    kind: Literal["freshness"]
    max_age_hours: Decimal = Field(gt=0, le=HOURS_MAX)
    column: str = ""
    uses = about(column=DAYS)


class RowCount(Check):
    """Exactly one way to compare: with `rows_min` and `rows_max`, with the files, or with the same weekday's past."""

    kind: Literal["row_count"]
    rows_min: int | None = Field(default=None, ge=0)
    rows_max: int | None = Field(default=None, ge=0)
    against: Literal["", "files", "weekday"] = ""
    day_column: str = ""
    mads_max: Decimal = Field(default=Decimal(5), gt=0)
    history_weeks_min: int = Field(default=4, ge=2)
    history_weeks_max: int = Field(default=26, ge=2)
    newest_days: int = Field(default=7, ge=1)
    uses = about(day_column=DAYS)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        has_bounds = self.rows_min is not None or self.rows_max is not None
        if has_bounds == bool(self.against):
            raise ValueError('row_count needs rows_min and/or rows_max, or against = "files", or against = "weekday"')
        if self.rows_min is not None and self.rows_max is not None and self.rows_min > self.rows_max:
            raise ValueError(f"rows_min {self.rows_min} is greater than rows_max {self.rows_max}")
        if self.history_weeks_min > self.history_weeks_max:
            raise ValueError("history_weeks_min is greater than history_weeks_max")
        return self

    @property
    def title(self) -> str:
        return self.name or f"row_count({self.against or 'absolute'})"


class RejectShare(Check):
    kind: Literal["reject_share"]
    share_max_percent: Percent


class Volume(Check):
    """Days between the first and the last that have no rows; and, with `mads_max`, days with far too many or few."""

    kind: Literal["volume"]
    day_column: str = ""
    missing_days_max: int = Field(default=0, ge=0)
    skip_weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(default_factory=list)
    mads_max: Decimal | None = Field(default=None, gt=0)
    history_days_min: int = Field(default=14, ge=3)
    uses = about(day_column=DAYS)
    needs_day = True


class RevenueOutlier(Check):
    """Days (per value of `by`) whose sum is more than `mads_max` median deviations above the days' median."""

    kind: Literal["revenue_outlier"]
    column: str
    by: Names = Field(default_factory=list)
    day_column: str = ""
    mads_max: Decimal = Field(default=Decimal(8), gt=0)
    history_days_min: int = Field(default=14, ge=3)
    uses = about(column=NUMBERS, by=ANY, day_column=DAYS)
    needs_day = True


class CurrencyCoverage(Check):
    """Every currency of the list, or of the table where there is none, has rows in every day or month."""

    kind: Literal["currency_coverage"]
    column: str
    currencies: list[str] = Field(default_factory=list)
    per: Literal["day", "month"] = "day"
    day_column: str = ""
    uses = about(column=TEXTS, day_column=DAYS)
    needs_day = True


class FxCoverage(Check):
    """Every day and currency of the table has a rate of that day in `rates_table`."""

    kind: Literal["fx_coverage"]
    column: str
    day_column: str = ""
    rates_table: str = "fx_rates"
    uses = about(column=TEXTS, day_column=DAYS)
    needs_day = True


class FxStaleness(FxCoverage):
    """The rate of the day, or the last one before it, is no older than `age_max_days`."""

    kind: Literal["fx_staleness"]  # type: ignore[assignment]
    age_max_days: int = Field(ge=0)


class ClosedPeriod(Check):
    """No value of a partition before `closed_before` was changed since `since`; with `late_rows` none came either."""

    kind: Literal["closed_period"]
    closed_before: date
    since: datetime | date | None = None
    late_rows: bool = False

    @model_validator(mode="after")
    def _since_when(self) -> Self:
        if self.late_rows and self.since is None:
            raise ValueError("late_rows needs since: without it the first load's rows would all be late")
        return self

    @property
    def title(self) -> str:
        return self.name or f"closed_period({self.closed_before})"


class Sql(Check):
    """`sql`: one SELECT of rows that should not be there, written in `dialect`."""

    kind: Literal["sql"]
    name: str = Field(min_length=1, max_length=120)
    sql: str = Field(min_length=1)
    dialect: Literal["postgres", "sqlite", "mysql", "duckdb"] = "postgres"


_KINDS: dict[str, type[Check]] = {
    kind.model_fields["kind"].annotation.__args__[0]: kind  # type: ignore[union-attr]
    for kind in (
        NotNull, AcceptedValues, InRange, Pattern, NotNegative, NullShare, Unique, DuplicateKeys, Relationship,
        Freshness, RowCount, RejectShare, Volume, RevenueOutlier, CurrencyCoverage, FxCoverage, FxStaleness,
        ClosedPeriod, Sql,
    )
}  # fmt: skip
KINDS = tuple(_KINDS)


def class_of(kind: str) -> type[Check]:
    return _KINDS[kind]


def check_from(value: dict[str, Any]) -> Check:
    """A declaration as the class of its kind. Raises ValueError that names the parameter and those there are."""
    kind = value.get("kind")
    if kind not in _KINDS:
        found = f"kind {kind!r} is unknown" if kind else "kind is missing"
        raise ValueError(f"{found}; expected one of {', '.join(KINDS)}")
    try:
        return _KINDS[kind].model_validate(value)
    except ValidationError as error:
        raise ValueError("; ".join(_problem(kind, e["loc"], e["type"], e["msg"]) for e in error.errors())) from None


def _problem(kind: str, place: tuple[int | str, ...], error: str, message: str) -> str:
    where = str(place[0]) if place else ""
    known = [name for name in _KINDS[kind].model_fields if name not in ("kind", "name", "severity")]
    takes = f"{kind} takes {', '.join(known) or 'no parameters'} (and name, severity)"
    if error == "extra_forbidden":
        return f"{where!r} is no parameter of {kind}: {takes}"
    if error == "missing":
        return f"{kind} needs {where}: {takes}"
    return f"{kind}: {where + ': ' if where else ''}{message.removeprefix('Value error, ')}"
