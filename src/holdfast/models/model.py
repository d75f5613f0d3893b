"""A model file: a TOML head in a comment, then one SELECT.

    /*---
    key = ["date", "currency"]
    partition = { column = "date", grain = "month" }
    [columns]
    date = "date"
    currency = "string(3)"
    revenue = "decimal(18,2)"
    ---*/
    SELECT date, currency, SUM(revenue) AS revenue FROM usage_data GROUP BY date, currency

The target is the file's path unless the head names another: `models/silver/x.sql` makes `silver.x`. `x.mysql.sql`
beside it, without a head, is the SELECT that is used on that engine as it stands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from holdfast.domain.check import AnyCheck
from holdfast.domain.check_fit import check_problems_of_model
from holdfast.domain.contract import Names, TypeField
from holdfast.domain.errors import ModelError
from holdfast.domain.formats import Strict
from holdfast.domain.table import ColumnDefinition, IndexDefinition, TableDefinition
from holdfast.domain.types import Kind
from holdfast.models.partitions import Grain

if TYPE_CHECKING:
    from sqlglot import exp

STAGING = "holdfast_model_rows"
"""The temporary table of a partition's rows: a target of this name would be hidden by it."""
DIALECTS = ("duckdb", "mysql", "postgres", "sqlite")
_HEAD = re.compile(r"\A\s*/\*---[ \t]*\r?\n(.*?)^[ \t]*---\*/", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?", re.ASCII)
_DAYS = (Kind.DATE, Kind.TIMESTAMP)


class Partition(Strict):
    """The output column that says which partition a row is of, and how long a partition is."""

    column: str
    grain: Grain = Grain.DAY


class InputRule(Strict):
    """What the head says of one input."""

    lookback_days: int = Field(default=0, ge=0, le=3660)
    partition: bool = True  # False: it is read whole, and any change of it concerns every partition
    external: bool = False  # a table Holdfast does not load: it counts as never changing


class Head(Strict):
    """The head of a model file. Every mistake in it is told with its key."""

    target: str | None = None
    key: Annotated[Names, Field(min_length=1)]
    columns: dict[str, TypeField] = Field(min_length=1)
    partition: Partition | None = None
    dialect: str = "postgres"
    description: str = ""
    inputs: dict[str, InputRule] = Field(default_factory=dict)
    checks: list[AnyCheck] = Field(default_factory=list)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        problems = [f"key names {name!r}, which is no column" for name in self.key if name not in self.columns]
        problems += [
            f"column {name!r} of type {self.columns[name]} cannot be in the key"
            for name in self.key
            if name in self.columns and self.columns[name].kind in (Kind.JSON, Kind.FLOAT)
        ]
        if self.target is not None and not _NAME.fullmatch(self.target):
            problems.append(f"target {self.target!r}: expected a table name, as silver.usage_usd")
        if self.dialect not in DIALECTS:
            problems.append(f"dialect {self.dialect!r}: expected one of {', '.join(DIALECTS)}")
        problems += _partition_problems(self)
        if not problems:
            by = self.partition.column if self.partition else None
            problems = check_problems_of_model(self.checks, self.columns, self.key, by)
        if problems:
            raise ValueError("; ".join(problems))
        return self


def _partition_problems(head: Head) -> list[str]:
    if head.partition is None:
        return [
            f"inputs.{name}.lookback_days needs a partition" for name, rule in head.inputs.items() if rule.lookback_days
        ]
    name = head.partition.column
    if name not in head.columns:
        return [f"partition.column names {name!r}, which is no column"]
    kind = head.columns[name].kind
    problems = [] if name in head.key else [f"partition.column {name!r} must be part of the key"]
    if kind not in (*_DAYS, Kind.STRING):
        problems.append(f"partition.column {name!r} is {kind}: expected a date, a timestamp or text like 2024-06")
    return problems


@dataclass(frozen=True)
class Model:
    """A model as its files say. `text` is the SELECT in the head's dialect; `variants`: those of engines' own files."""

    target: str
    path: Path
    head: Head
    text: str
    variants: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the ledger spells it."""
        return self.target.casefold()

    @property
    def file_name(self) -> str:
        return self.path.stem

    @property
    def grain(self) -> Grain | None:
        return self.head.partition.grain if self.head.partition else None

    @property
    def partition_kind(self) -> Kind | None:
        return self.head.columns[self.head.partition.column].kind if self.head.partition else None

    @property
    def definition(self) -> TableDefinition:
        """The target's table. A partition's rows must be found without reading the others."""
        head = self.head
        columns = [ColumnDefinition(name, kind, name not in head.key) for name, kind in head.columns.items()]
        leads = head.partition is None or head.key[0] == head.partition.column
        indexes = () if leads or head.partition is None else (IndexDefinition((head.partition.column,)),)
        return TableDefinition(self.target, tuple(columns), tuple(head.key), indexes)

    def select(self, dialect: str) -> exp.Query:
        """The SELECT for an engine that speaks `dialect`: a copy, for the caller to change."""
        return self._parsed[dialect if dialect in self.variants else ""].copy()

    @cached_property
    def _parsed(self) -> dict[str, exp.Query]:
        from holdfast.models.query import parse_select

        found = {"": parse_select(self.text, self.head.dialect, str(self.path))}
        for dialect, text in self.variants.items():
            found[dialect] = parse_select(text, dialect, str(variant_path(self.path, dialect)))
        return found


def variant_path(path: Path, dialect: str) -> Path:
    return path.with_name(f"{path.stem}.{dialect}.sql")


def read_models(directory: Path) -> list[Model]:
    """Every model below a directory, by target. Raises ModelError for the first file that is not sound."""
    paths = sorted(directory.rglob("*.sql"))
    variants = {path for path in paths if path.stem.rpartition(".")[2] in DIALECTS and "." in path.stem}
    for path in sorted(variants):
        main = path.with_name(f"{path.stem.rpartition('.')[0]}.sql")
        if main not in paths:
            raise ModelError(
                f"{path}: expected {main.name} beside it, which has the head; there is none; nothing was built"
            )
    models = [read_model(path, directory) for path in paths if path not in variants]
    seen: dict[str, Path] = {}
    for model in models:
        if model.name in seen:
            raise ModelError(
                f"{model.path}: target {model.target} is that of {seen[model.name]} too; nothing was built"
            )
        seen[model.name] = model.path
    return sorted(models, key=lambda model: model.name)


def read_model(path: Path, directory: Path) -> Model:
    """Read one model file and its variants. Raises ModelError."""
    text = _text(path)
    found = _HEAD.match(text)
    if not found:
        raise ModelError(
            f"{path}: expected a head (/*--- TOML ---*/) before the SELECT; found none; nothing was built",
            hint="begin the file with /*---, a line key = [...], a table [columns], and ---*/",
        )
    head = _head(found[1], path, text[: found.start(1)].count("\n"))
    target = head.target or ".".join(path.relative_to(directory).with_suffix("").parts[-2:])
    if not _NAME.fullmatch(target):
        raise ModelError(f'{path}: {target!r} is no table name; expected target = "schema.table" in the head')
    variants = {}
    for dialect in DIALECTS:
        if (other := variant_path(path, dialect)).is_file():
            variants[dialect] = _text(other)
            if _HEAD.match(variants[dialect]):
                raise ModelError(f"{other}: has a head; expected the SELECT alone, the head belongs in {path.name}")
    return Model(target, path, head, text[found.end() :], variants)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path}: {error}; nothing was built") from error


def _head(text: str, path: Path, lines_before: int) -> Head:
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        where = f":{int(line[1]) + lines_before}" if line else ""
        raise ModelError(f"{path}{where}: the head is not valid TOML: {error}; nothing was built") from error
    try:
        return Head.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(_problem(e["loc"], e["type"], e["msg"]) for e in error.errors())
        raise ModelError(f"{path}: {problems}; nothing was built", hint="see docs/models.md for the keys") from error


def _problem(place: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return f"{where} is no key of a model's head"
    told = message.removeprefix("Value error, ")
    return f"{where}: {told}" if where else told
