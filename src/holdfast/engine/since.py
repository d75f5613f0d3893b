"""How far an incremental extraction has come: the greatest value of a column, as text, and what is asked for next.

Kept as ISO text in UTC with microseconds, or as digits: texts that are equal where the values are.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from holdfast.domain.contract import Contract
from holdfast.domain.types import Kind
from holdfast.domain.web_source import Incremental

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"unix": timedelta(seconds=1), "unix_ms": timedelta(milliseconds=1)}


def high_of(contract: Contract, table: pa.Table, before: str | None) -> str | None:
    """The greatest value so far: of the rows of this page and of `before`."""
    web = contract.web
    if web is None or web.incremental is None:
        return None
    import pyarrow.compute as pc

    greatest = pc.max(table.column(web.incremental.field)).as_py() if table.num_rows else None
    if greatest is None:
        return before
    found = greatest.isoformat() if isinstance(greatest, date) else str(greatest)
    kind = contract.column(web.incremental.field).type.kind
    if before is not None and _value(before, kind) >= _value(found, kind):
        return before
    return found


def since_of(contract: Contract, high: str | None) -> str | None:
    """What the incremental parameter is sent, for what an earlier extraction has come to. None: it is left out."""
    web = contract.web
    if web is None or web.incremental is None:
        return None
    incremental = web.incremental
    if high is None:
        return incremental.start
    return _written(_less(_value(high, contract.column(incremental.field).type.kind), incremental), incremental.format)


def _value(text: str, kind: Kind) -> Any:
    if kind is Kind.TIMESTAMP:
        return datetime.fromisoformat(text)
    return date.fromisoformat(text) if kind is Kind.DATE else int(text)


def _less(value: Any, incremental: Incremental) -> Any:
    if isinstance(value, int):
        return value - incremental.lookback_s
    span = timedelta(seconds=incremental.lookback_s)
    try:
        return value - span
    except OverflowError:
        return value


def _written(value: Any, form: str) -> str:
    if isinstance(value, int):
        return str(value)
    if form in _UNITS:
        at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001
        return str((at.replace(tzinfo=at.tzinfo or UTC) - _EPOCH) // _UNITS[form])
    if form != "iso":
        return str(value.strftime(form))
    return str(value.isoformat()).replace("+00:00", "Z")
