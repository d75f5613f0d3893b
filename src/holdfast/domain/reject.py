"""A record that broke its contract: where it stood, what it said, every reason why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing wrong with a record. `column` and `value` are None when the record's structure is at fault."""

    code: str
    message: str
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected record. `row` counts within the chunk; `line` (1-based) and `byte_offset` within the file."""

    row: int
    line: int
    byte_offset: int
    raw: bytes
    reasons: tuple[Reason, ...]


REASON_CODES: dict[str, str] = {
    "E_RAGGED": "the record has more or fewer fields than the header",
    "E_QUOTE": "a quote stands where no quote may stand, or is never closed",
    "E_ENCODING": "the bytes are not valid in the contract's encoding",
    "E_NUL": "the record holds a NUL byte",
    "E_NEWLINE": "a lone carriage return (or line feed) outside quotes, in a file whose lines end otherwise",
    "E_RECORD_SIZE": "the record is larger than max_record_bytes",
    "E_KEY": "a key stands twice in an object, or two keys are for one column",
    "E_UNKNOWN_KEY": "the object has a key that the contract does not know",
    "E_NESTED": "an object or a list where one value is wanted",
    "E_HEADER": "the file's header again, as where exports were put one behind the other",
    "E_NULL": "the column must have a value and has none",
    "E_INT": "not a whole number, or outside the type's range",
    "E_DECIMAL": "not a decimal number",
    "E_SCALE": "more digits after the point than the column holds",
    "E_PRECISION": "more digits than the column, or the database, holds exactly",
    "E_FLOAT": "not a finite floating point number",
    "E_BOOL": "not one of the contract's true or false words",
    "E_DATE": "not a date in the contract's format, or no such day",
    "E_TIMESTAMP": "not a timestamp in the contract's format, or no such moment",
    "E_UUID": "not a UUID",
    "E_JSON": "not valid JSON, or a line that is no JSON object",
    "E_LENGTH": "longer than the column",
    "E_RANGE": "outside min and max",
    "E_ONE_OF": "not one of the allowed values",
    "E_PATTERN": "does not match the pattern",
}
