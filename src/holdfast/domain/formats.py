"""How a source's files are written: the `[format]` of a contract, and what a file's name says of it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from holdfast.domain.compression import Compression, bare_name

CHUNK_BYTES_MAX = 32 * 1024 * 1024  # two bytes a record is the least, so at most 2**24 rows: what `_origin` can count


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, arbitrary_types_allowed=True)


class CsvFormat(Strict):
    """How the file is written. Sizes in bytes, counts in physical lines."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', max_length=1)
    escape: str = Field(default="", max_length=1)
    encoding: Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"] = "utf-8"
    header: bool | list[str] = True  # a list names the columns of a file without a header
    skip_lines: int = Field(default=0, ge=0)
    skip_footer_lines: int = Field(default=0, ge=0)
    comment: str = Field(default="", max_length=1)
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=64, le=CHUNK_BYTES_MAX)
    chunk_bytes: int = Field(default=16 * 1024 * 1024, ge=64, le=CHUNK_BYTES_MAX)
    compression: Compression = "auto"  # auto: as the name ends
    expanded_bytes_max: int = Field(default=1024**4, ge=1)  # what a compressed file may hold
    expansion_ratio_max: int = Field(default=250, ge=1)  # and how many times its own size, beyond 64 MiB

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        marks = [m for m in (self.delimiter, self.quote, self.escape, self.comment) if m]
        if len(set(marks)) != len(marks) or any(m in "\r\n" or not m.isascii() for m in marks):
            raise ValueError("delimiter, quote, escape and comment must be different ASCII characters, no line ends")
        return self


FormatType = Literal["csv", "jsonl", "parquet", "excel", "fixed"]
_TYPES_BY_SUFFIX: dict[str, FormatType] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
_TYPES_OF_OPTION: dict[str, tuple[FormatType, ...]] = {  # an option that is not here goes with every type
    "delimiter": ("csv",),
    "quote": ("csv",),
    "escape": ("csv",),
    "encoding": ("csv", "fixed"),
    "header": ("csv", "fixed", "excel"),
    "skip_lines": ("csv", "fixed", "excel"),
    "skip_footer_lines": ("csv", "fixed", "excel"),
    "comment": ("csv", "fixed"),
    "max_record_bytes": ("csv", "fixed", "excel", "jsonl"),
    "sheet": ("excel",),
    "widths": ("fixed",),
}


def format_of_name(uri: str) -> FormatType:
    """The format a file's name tells, compression disregarded; `csv` where it tells none."""
    name = bare_name(uri).rpartition("/")[2].lower()
    return _TYPES_BY_SUFFIX.get(f".{name.rpartition('.')[2]}", "csv")


class Format(CsvFormat):
    """How the files are written, whatever their type. Each option goes with some types; elsewhere it is refused."""

    type: Literal["auto", "csv", "jsonl", "parquet", "excel", "fixed"] = "auto"
    sheet: str | int | None = None  # its name, or its number from 1; None: the only, or the first one
    widths: list[int] = Field(default_factory=list)  # of a fixed-width file's fields, in characters

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.type == "fixed":
            _check_fixed(self)
        elif self.widths:
            raise ValueError('widths goes with type = "fixed"')
        if self.type == "auto":
            return self
        for option, types in _TYPES_OF_OPTION.items():
            is_set = getattr(self, option) != type(self).model_fields[option].get_default(call_default_factory=True)
            if is_set and self.type not in types:
                raise ValueError(f"{option} goes with type {' or '.join(types)}, not with {self.type}")
        return self


def _check_fixed(fmt: Format) -> None:
    if not isinstance(fmt.header, list) or len(fmt.header) != len(fmt.widths) or min(fmt.widths, default=0) < 1:
        raise ValueError('type = "fixed" needs widths = [...] and header = [...]: one width and one name a field')
    if fmt.encoding.startswith("utf-16"):
        raise ValueError("a fixed-width file is utf-8 or latin-1")
