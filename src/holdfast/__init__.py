"""Holdfast loads data into databases and is still right after being killed.

    import holdfast

    contract = holdfast.Contract(name="usage", table="usage_data", primary_key=["id"], columns=[...])
    with holdfast.open_project(holdfast.Settings(url="sqlite:///usage.db")) as project:
        result = project.load(contract, ["data/*.csv"])

`holdfast.connect(url)` is the database service by itself: transactions, bulk copy, upsert, the same on every engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.adapters.databases import connect
    from holdfast.domain.contract import Column, Contract, CsvFormat, Format, Index
    from holdfast.domain.counts import RowCounts
    from holdfast.domain.errors import HoldfastError
    from holdfast.outbound.decorators import retry
    from holdfast.ports.database import Database, Transaction
    from holdfast.rate_limits import rate_limited
    from holdfast.wiring import LoadResult, Project, Settings, open_project

_HOMES = {
    "connect": "holdfast.adapters.databases",
    "Column": "holdfast.domain.contract",
    "Contract": "holdfast.domain.contract",
    "CsvFormat": "holdfast.domain.contract",
    "Format": "holdfast.domain.contract",
    "Index": "holdfast.domain.contract",
    "RowCounts": "holdfast.domain.counts",
    "HoldfastError": "holdfast.domain.errors",
    "Database": "holdfast.ports.database",
    "Transaction": "holdfast.ports.database",
    "LoadResult": "holdfast.wiring",
    "Project": "holdfast.wiring",
    "Settings": "holdfast.wiring",
    "open_project": "holdfast.wiring",
    "rate_limited": "holdfast.rate_limits",
    "retry": "holdfast.outbound.decorators",
}

__all__ = [
    "Column",
    "Contract",
    "CsvFormat",
    "Database",
    "Format",
    "HoldfastError",
    "Index",
    "LoadResult",
    "Project",
    "RowCounts",
    "Settings",
    "Transaction",
    "connect",
    "open_project",
    "rate_limited",
    "retry",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used: `holdfast --help` must not wait for Arrow."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
