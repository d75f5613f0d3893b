"""What a delivery has other than its contract: columns added, missing, renamed, reordered, of another type, or wider.

Owns: the comparison of a file's field names and of a sample of its values with the contract, and how sure a rename is.
Decides nothing: what is done about a difference is the policy's business (`engine/drifting.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from holdfast.domain.contract import Column, Contract, header_key
from holdfast.domain.types import DECIMAL_PRECISION_MAX, ColumnType, Kind
from holdfast.parsing.header import field_places
from holdfast.parsing.renames import Rename, likely_renames
from holdfast.parsing.values import ValueReader, significant_digits

SAMPLE_VALUES_MIN = 20  # fewer say nothing about a type
UNREADABLE_SHARE = 0.5  # of the sampled values; from there on it is not the rows that are wrong
_WIDENABLE = {"E_INT", "E_LENGTH", "E_SCALE", "E_PRECISION"}


class Difference(StrEnum):
    ADDED = "added"
    MISSING = "missing"
    RENAMED = "renamed"
    REORDERED = "reordered"
    TYPE_CHANGED = "type_changed"
    WIDENED = "widened"
    HEADING = "heading"  # another header further down


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One difference. `confidence`: how sure it is, 0 to 1. `type`: what an added or widened column would need."""

    kind: Difference
    column: str = ""
    field: str = ""
    detail: str = ""
    confidence: float = 1.0
    type: ColumnType | None = None
    is_tied: bool = False  # a rename that is not the only likely one
    share: float = 0.0  # of the sampled values that the column's type does not read


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file's field names in its order, and by place some of each field's texts (none: names alone are compared).

    `types`: by place the column type that holds just what the field does, where the file says so itself.
    """

    names: tuple[str, ...]
    sample: Mapping[int, Sequence[str | None]] = field(default_factory=dict)
    types: Mapping[int, ColumnType] = field(default_factory=dict)


def differences(contract: Contract, delivery: Delivery) -> list[Finding]:
    """Every difference, the telling ones first: renames stand instead of the pair they explain."""
    places = field_places(contract, delivery.names)
    taken = {place for place in places.values() if place is not None}
    answered = {header_key(name) for column in contract.columns for name in column.header_names}
    spare: dict[str, int] = {}  # of fields with one name the first: whether they may stand twice is the reader's matter
    for place, name in enumerate(delivery.names):
        if place not in taken and name.strip() and header_key(name) not in answered:
            spare.setdefault(header_key(name), place)
    missing = [column for column in contract.columns if places[column.name] is None]
    renames = likely_renames(missing, {place: delivery.names[place] for place in spare.values()}, delivery.sample)
    found = [_renamed(rename, delivery) for rename in renames]
    found += [
        Finding(kind=Difference.MISSING, column=column.name, detail=f"no field answers to {column.name!r}")
        for column in missing
    ]
    found += [
        Finding(
            kind=Difference.ADDED,
            field=delivery.names[place],
            detail=f"field {delivery.names[place]!r} is not in the contract",
        )
        for place in spare.values()
    ]
    for column in contract.columns:
        at = places[column.name]
        if at is not None:
            found += _of_type(column, delivery.names[at], delivery.sample.get(at, ()))
    found += _reordered(contract, places, delivery.names)
    return found


def _renamed(rename: Rename, delivery: Delivery) -> Finding:
    name = delivery.names[rename.place]
    return Finding(
        kind=Difference.RENAMED,
        column=rename.column,
        field=name,
        detail=f"column {rename.column!r} may be called {name!r} now: {rename.evidence}",
        confidence=rename.confidence,
        is_tied=rename.is_tied,
    )


def _reordered(contract: Contract, places: Mapping[str, int | None], names: Sequence[str]) -> list[Finding]:
    order = [place for column in contract.columns if (place := places[column.name]) is not None]
    if order == sorted(order):
        return []
    shown = ", ".join(names[place] for place in sorted(order))
    return [Finding(kind=Difference.REORDERED, detail=f"the fields come in another order: {shown}")]


def _of_type(column: Column, name: str, texts: Sequence[str | None]) -> list[Finding]:
    """Does the sample read as the column's type, or as a wider one of the same kind?"""
    reader = ValueReader(column)
    unread: list[tuple[str, str]] = []
    values = [text for text in texts if text is not None and text.strip() and text not in reader.null_words]
    for text in values:
        _, reasons = reader.read(text)
        if reasons:
            unread.append((reasons[0].code, text.strip() if column.trim else text))
    if not unread:
        return []
    share = len(unread) / len(values)
    wide = _wider(column.type, [text for code, text in unread if code in _WIDENABLE])
    widened_only = wide is not None and all(_reads(replace_type(column, wide), text) for _, text in unread)
    example = unread[0][1][:60]
    if wide is not None and widened_only:
        detail = f"{len(unread):,} of {len(values):,} sampled values need {wide}, as {example!r}"
        return [Finding(kind=Difference.WIDENED, column=column.name, field=name, detail=detail, type=wide, share=share)]
    code = max((code for code, _ in unread), key=[code for code, _ in unread].count)
    if len(values) < SAMPLE_VALUES_MIN or share <= UNREADABLE_SHARE or code in ("E_RANGE", "E_ONE_OF", "E_PATTERN"):
        return []  # rows that break a rule are rejects, not another column
    detail = f"{len(unread):,} of {len(values):,} sampled values are no {column.type}, as {example!r} ({code})"
    return [Finding(kind=Difference.TYPE_CHANGED, column=column.name, field=name, detail=detail, share=share)]


def replace_type(column: Column, wide: ColumnType) -> Column:
    return column.model_copy(update={"type": wide})


def _reads(column: Column, text: str) -> bool:
    return not ValueReader(column).read(text)[1]


def _wider(column_type: ColumnType, texts: Sequence[str]) -> ColumnType | None:
    """The narrowest type of the same kind that reads these texts too; None: there is none."""
    if not texts:
        return None
    match column_type.kind:
        case Kind.INT:
            return ColumnType(Kind.BIGINT)
        case Kind.STRING if column_type.length is not None:
            return ColumnType(Kind.STRING, length=_round_up(max(map(len, texts))))
        case Kind.DECIMAL:
            return _wider_decimal(column_type, texts)
        case _:
            return None


def _round_up(length: int) -> int:
    size = 16
    while size < length:
        size *= 2
    return size


def _wider_decimal(column_type: ColumnType, texts: Sequence[str]) -> ColumnType | None:
    from decimal import Decimal, InvalidOperation

    scale = column_type.scale or 0
    whole = (column_type.precision or 0) - scale
    for text in texts:
        try:
            value = Decimal(text)
        except InvalidOperation:
            return None
        if not value.is_finite():
            return None
        exponent = value.normalize().as_tuple().exponent
        fraction = max(0, -exponent) if isinstance(exponent, int) else 0
        scale = max(scale, fraction)
        whole = max(whole, 0, value.adjusted() + 1, significant_digits(value) - fraction)
    if whole + scale > DECIMAL_PRECISION_MAX:
        return None
    return replace(column_type, precision=whole + scale, scale=scale)
