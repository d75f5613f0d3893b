"""The contract: what a dataset must look like. One pydantic model, the same from TOML and from Python.

    contract = Contract(name="usage", table="usage_data", primary_key=["date", "bill_id"], columns=[...])

It checks itself when it is made: every name a key, sequence, entity or index uses must be a column.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from holdfast.domain.check import AnyCheck
from holdfast.domain.errors import ContractError
from holdfast.domain.formats import CHUNK_BYTES_MAX, CsvFormat, Format, Strict
from holdfast.domain.origin import ORIGIN_COLUMN, RESERVED_PREFIX
from holdfast.domain.table import Grain, Partition
from holdfast.domain.types import INT_RANGES, ColumnType, Kind, parse_type
from holdfast.domain.web_source import Api, Feed


def _type_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_type(value)
    except ContractError as error:
        raise ValueError(error.message) from error


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


TypeField = Annotated[ColumnType, BeforeValidator(_type_of), PlainSerializer(str)]
Names = Annotated[list[str], BeforeValidator(_listed)]


class Column(Strict):
    """One column of the table and how its values are read from the source."""

    name: str = Field(min_length=1, max_length=63)
    type: TypeField
    sources: Names = Field(default_factory=list, alias="from")
    nullable: bool = False
    default: str | None = None  # the text used where the source has none; parsed like any other value
    trim: bool = False
    null_values: list[str] = Field(default_factory=lambda: [""])
    true_values: list[str] = Field(default_factory=lambda: ["true", "t", "1", "yes"])
    false_values: list[str] = Field(default_factory=lambda: ["false", "f", "0", "no"])
    min: str | int | float | None = None
    max: str | int | float | None = None
    one_of: list[str | int] | None = None
    pattern: str | None = None  # a regular expression the whole text must match
    description: str = ""

    if TYPE_CHECKING:  # types may be written as text, aliases by their Python names

        def __init__(self, *, name: str, type: ColumnType | str, **rules: Any) -> None: ...

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"pattern {value!r} is not a regular expression: {error}") from error
        return value

    @property
    def header_names(self) -> list[str]:
        """The headers this column answers to, in the order they are tried."""
        return [*self.sources, self.name]


class Index(Strict):
    columns: Names
    unique: bool = False
    why: str = ""


class PartitionBy(Strict):
    """The slice of the table a row belongs to: the day, month or year (in UTC) of a column."""

    column: str
    grain: Grain = "day"


def _partition_by(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _whole_format(value: object) -> object:
    """A `CsvFormat` is a `Format` without what other types need."""
    return value.model_dump() if type(value) is CsvFormat else value


class Contract(Strict):
    """What a dataset must look like, where it comes from, and how it is written."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")
    table: str = Field(min_length=1, max_length=127)
    description: str = ""
    source: Names = Field(default_factory=list)
    columns: list[Column] = Field(min_length=1)
    primary_key: Names = Field(default_factory=list)
    write_disposition: Literal["merge", "append", "replace"] = "merge"
    publish: Literal["auto", "chunk", "load"] = "auto"
    sequence: str | None = None
    entity: Names = Field(default_factory=list)
    partition: Annotated[PartitionBy | None, BeforeValidator(_partition_by)] = None
    history: bool = True  # keep the values that upserts replace
    max_rejects: str | int | None = None
    checks: list[AnyCheck] = Field(default_factory=list)
    check_after_load: bool | None = None  # None: where there are checks
    on_changed_file: Literal["replace", "refuse"] = "replace"
    drift: Literal["freeze", "discard_column", "evolve"] = "freeze"
    rename: Literal["propose", "auto"] = "propose"
    processed_at: str | None = None
    indexes: list[Index] = Field(default_factory=list)
    format: Annotated[Format, BeforeValidator(_whole_format)] = Field(default_factory=Format)
    api: Api | None = None
    feed: Feed | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems = [*_name_problems(self), *_key_problems(self), *_rule_problems(self), *_web_problems(self)]
        problems += _history_problems(self)
        if self.checks and not problems:
            from holdfast.domain.check_fit import check_problems

            types = {column.name: column.type for column in self.columns}
            by = self.partition.column if self.partition else None
            problems += check_problems(self.checks, types, self.primary_key, by)
        if self.max_rejects is not None:
            try:
                parse_budget(self.max_rejects)
            except ContractError as error:
                problems.append(error.message)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def keeps_history(self) -> bool:
        """Only an upsert replaces values of a row: other loads add rows, or swap all of them."""
        return self.history and self.write_disposition == "merge"

    @property
    def checks_after_load(self) -> bool:
        return bool(self.checks) if self.check_after_load is None else self.check_after_load

    @property
    def web(self) -> Api | Feed | None:
        """Where its pages come from; None: it is loaded from files."""
        return self.api or self.feed

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def table_partition(self) -> Partition | None:
        by = self.partition
        return Partition(by.column, self.column(by.column).type, by.grain) if by else None


def _name_problems(contract: Contract) -> list[str]:
    names = [name.lower() for name in contract.column_names]
    problems = [f"column {name!r} stands twice" for name in sorted({n for n in names if names.count(n) > 1})]
    stamp = [contract.processed_at.lower()] if contract.processed_at else []
    reserved = {name for name in (*names, *stamp) if name == ORIGIN_COLUMN or name.startswith(RESERVED_PREFIX)}
    problems += [f"column name {name!r} is taken by Holdfast" for name in sorted(reserved | set(stamp) & set(names))]
    used = {
        "primary_key": contract.primary_key,
        "entity": contract.entity,
        "sequence": [contract.sequence] if contract.sequence else [],
        "partition": [contract.partition.column] if contract.partition else [],
        **{f"indexes[{i}]": index.columns for i, index in enumerate(contract.indexes)},
    }
    for place, wanted in used.items():
        problems += [f"{place} names {n!r}, which is no column" for n in wanted if n not in contract.column_names]
        problems += [f"{place} names {n!r} twice" for n in sorted({n for n in wanted if wanted.count(n) > 1})]
    return problems


def _key_problems(contract: Contract) -> list[str]:
    problems = []
    if contract.write_disposition == "merge" and not contract.primary_key:
        problems.append("write_disposition 'merge' needs a primary_key")
    if contract.write_disposition == "append" and contract.primary_key:
        problems.append("write_disposition 'append' is keyless: drop primary_key, or use 'merge'")
    for name in [*contract.primary_key, *([contract.sequence] if contract.sequence else [])]:
        column = next((c for c in contract.columns if c.name == name), None)
        if column and column.nullable:
            problems.append(f"column {name!r} is a key or sequence and so cannot be nullable")
        if column and column.type.kind in (Kind.JSON, Kind.FLOAT):
            problems.append(f"column {name!r} of type {column.type} cannot be a key or sequence")
        if column and name == contract.sequence and column.type.kind is Kind.STRING:
            problems.append(
                f"sequence {name!r} is text, which databases order differently: use a number, date or timestamp"
            )
    return problems


def _rule_problems(contract: Contract) -> list[str]:
    problems = []
    by = contract.partition and next((c for c in contract.columns if c.name == contract.partition.column), None)
    if by and (by.nullable or by.type.kind not in (Kind.DATE, Kind.TIMESTAMP)):
        problems.append(f"partition {by.name!r} must be a date or timestamp that is not nullable")
    for column in contract.columns:
        if (column.min is not None or column.max is not None) and column.type.kind in (
            Kind.JSON,
            Kind.BOOL,
            Kind.UUID,
        ):
            problems.append(f"column {column.name!r}: min and max do not go with type {column.type}")
    return problems


def _history_problems(contract: Contract) -> list[str]:
    """A check of a history that is not kept would pass whatever happens."""
    if contract.keeps_history:
        return []
    why = "history = false" if not contract.history else f"write_disposition {contract.write_disposition!r}"
    return [
        f"check {check.title!r}: it looks for values that upserts replaced, and with {why} none are kept: set late_rows"
        " and since"
        for check in contract.checks
        if check.kind == "closed_period" and not getattr(check, "late_rows", False)
    ]


def _web_problems(contract: Contract) -> list[str]:
    web = contract.web
    if web is None:
        return []
    problems = []
    if contract.api and contract.feed:
        problems.append("api and feed are both set: keep one")
    if contract.source:
        problems.append("source names files, which do not go with api or feed: keep one")
    if isinstance(contract.max_rejects, str) and contract.max_rejects.strip().endswith("%"):
        problems.append(NO_SHARE)
    if incremental := web.incremental:
        column = next((c for c in contract.columns if c.name == incremental.field), None)
        if column is None:
            problems.append(f"incremental.field names {incremental.field!r}, which is no column")
        elif column.type.kind not in (Kind.TIMESTAMP, Kind.DATE, Kind.INT, Kind.BIGINT):
            problems.append(
                f"incremental.field {incremental.field!r} is of type {column.type}: use a timestamp, date or integer"
            )
        if contract.write_disposition == "replace":
            problems.append("incremental does not go with 'replace', which takes everything: use 'merge'")
    if contract.write_disposition == "append" and not (web.incremental and web.incremental.lookback_s == 0):
        problems.append(
            "write_disposition 'append' needs incremental without lookback here: what an API or feed tells again would"
            " be in the table again; or use 'merge' with a primary_key"
        )
    return problems


NO_SHARE = "max_rejects: how many rows an API or feed has is not known beforehand: write a number of rows, no share"


class Budget(Strict):
    """How many rejects a load may have: a count of rows, or a share (0 to 1) of its rows."""

    rows: int | None = None
    share: Decimal | None = None

    def rows_of(self, rows_total: int) -> int:
        """The budget as a number of rows, for a load of about `rows_total` rows."""
        return self.rows if self.rows is not None else int((self.share or Decimal(0)) * rows_total)


def parse_budget(value: str | int) -> Budget:
    """Read `100` or `0.5%`. Raises ContractError."""
    text = str(value).strip()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
    if not found or (not found[2] and "." in found[1]) or (found[2] and Decimal(found[1]) > 100):
        raise ContractError(f"max_rejects {text!r}: write a number of rows (100) or a share of them (0.5%)")
    return Budget(share=Decimal(found[1]) / 100) if found[2] else Budget(rows=int(found[1]))


def header_key(name: str) -> str:
    """Headers match without regard to case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name).casefold()


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return f"{where} is no key of a contract"
    told = message.removeprefix("Value error, ")
    return f"{where}: {told}" if where else told


def contract_from(data: dict[str, Any]) -> Contract:
    """A contract from parsed TOML. Raises ContractError that lists every problem with its place."""
    from pydantic import ValidationError

    try:
        return Contract.model_validate(data)
    except ValidationError as error:
        lines = [_problem(e["loc"], e["type"], e["msg"]) for e in error.errors()]
        raise ContractError(
            f"contract {data.get('name', '?')!r} is not sound: " + "; ".join(lines),
            hint="correct the contract and run: holdfast contract check",
        ) from error


__all__ = [
    "CHUNK_BYTES_MAX",
    "INT_RANGES",
    "Budget",
    "Column",
    "Contract",
    "CsvFormat",
    "Format",
    "Index",
    "contract_from",
    "header_key",
    "parse_budget",
]
