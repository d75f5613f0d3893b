"""Differences in full: the source's row read again, the table's row looked up, and which columns differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from holdfast.domain.contract import Column
from holdfast.domain.origin import ODD_COLUMN, ORIGIN_COLUMN, chunk_of
from holdfast.domain.types import Kind
from holdfast.ports.database import Database
from holdfast.ports.source import Source
from holdfast.quality.explain_source import delivery_of
from holdfast.quality.reconcile_findings import Difference
from holdfast.quality.reconcile_hash import KEY, KEY_2, NO_ORIGIN, ORIGIN, Printer, canonical_json
from holdfast.quality.reconcile_mended import mended_rows, only
from holdfast.quality.reconcile_report import ToldDifference
from holdfast.quality.reconcile_source import SourceReader
from holdfast.quality.reconcile_table import printed_rows

PLACES_MAX = 50  # lines of the source looked up: each costs reading its chunk once more
Values = dict[str, Any]
TableKey = tuple[int, int, int]


def told(
    database: Database,
    source: Source,
    printer: Printer,
    reader: SourceReader,
    differences: list[Difference],
    go_on: Callable[[], None],
) -> list[ToldDifference]:
    """What differs, as people can read it. A row of the table that was changed meanwhile is told without values."""
    contract = printer.contract
    from_source = _source_values(reader, differences) | _mended_values(database, reader, differences)
    from_table = _table_values(database, printer, differences, go_on)
    found = []
    for count, difference in enumerate(differences):
        go_on()
        wanted = from_source.get(_origin(difference.source))
        there = from_table.get(_table_key(difference.table))
        file, line, why = _place(database, source, reader, difference, look=count < PLACES_MAX)
        shown = wanted or there or {}
        found.append(
            ToldDifference(
                kind=difference.kind,
                key={name: shown.get(name) for name in contract.primary_key or [ORIGIN_COLUMN]},
                source=wanted,
                table=there,
                columns=_differing(printer, wanted, there) if difference.kind == "different" else (),
                file=file,
                line=line,
                why=why,
            )
        )
    return found


def _origin(prints: Any) -> int | None:
    return None if prints is None else int(prints[ORIGIN])


def _table_key(prints: Any) -> TableKey | None:
    return None if prints is None else (int(prints[KEY]), int(prints[KEY_2]), int(prints[ORIGIN]))


def _source_values(reader: SourceReader, differences: list[Difference]) -> dict[int | None, Values]:
    """By origin: the rows as the sources say them now."""
    wanted: dict[int, list[int]] = {}
    for difference in differences:
        origin = _origin(difference.source)
        if origin is not None:
            wanted.setdefault(chunk_of(origin), []).append(origin)
    found: dict[int | None, Values] = {}
    for chunk in reader.scope.chunks:
        origins = wanted.get(chunk.claim.number)
        if not origins or (rows := reader.rows_of(chunk)) is None:
            continue
        places = np.flatnonzero(np.isin(rows.column(ORIGIN_COLUMN).to_numpy(), origins))
        for row in rows.take(places).to_pylist():
            found[row[ORIGIN_COLUMN]] = _shown(row)
    return found


def _mended_values(database: Database, reader: SourceReader, differences: list[Difference]) -> dict[int | None, Values]:
    """By origin: the rows that the ledger says."""
    origins = np.array([origin for d in differences if (origin := _origin(d.source)) is not None], np.int64)
    origins = origins[np.isin(origins, reader.scope.mended)]
    if not len(origins):
        return {}
    with database.reading() as tx:
        return {
            row[ORIGIN_COLUMN]: _shown(row)
            for table in mended_rows(tx, reader.scope, [])
            for row in only(table, origins)
        }


def _table_values(
    database: Database, printer: Printer, differences: list[Difference], go_on: Callable[[], None]
) -> dict[TableKey | None, Values]:
    wanted = {key for difference in differences if (key := _table_key(difference.table)) is not None}
    found: dict[TableKey | None, Values] = {}
    if not wanted:
        return found
    origins = sorted({origin for _, _, origin in wanted})
    _look_up(database, printer, [(origin, origin + 1) for origin in origins], wanted, found, go_on)
    if any(key[2] == NO_ORIGIN for key in wanted - found.keys()):  # no number: no range of origins finds it
        _look_up(database, printer, [], wanted, found, go_on)
    return found


def _look_up(
    database: Database,
    printer: Printer,
    origins: list[tuple[int, int]],
    wanted: set[TableKey],
    found: dict[TableKey | None, Values],
    go_on: Callable[[], None],
) -> None:
    for rows, prints in printed_rows(database, printer, origins, go_on):
        keys = list(map(tuple, prints[:, [KEY, KEY_2, ORIGIN]].tolist()))
        for row in [row for row, key in enumerate(keys) if key in wanted]:
            found[keys[row]] = _shown(rows.slice(row, 1).to_pylist()[0])


def _place(
    database: Database, source: Source, reader: SourceReader, difference: Difference, *, look: bool
) -> tuple[str | None, int | None, str]:
    """File and line of the source row; of an extra row, what its `_origin` says of it."""
    if not look:
        return None, None, ""
    delivery = delivery_of(database, source, reader.scope.dataset, difference.origin)
    if difference.kind != "extra":
        return delivery.uri, delivery.line, ""
    if delivery.line is None:
        return delivery.uri, None, delivery.why
    return delivery.uri, delivery.line, "its _origin is that of another row"


def _differing(printer: Printer, wanted: Values | None, there: Values | None) -> tuple[str, ...]:
    """The columns that differ; of rows that agree in all of them, that is `_origin`."""
    if wanted is None or there is None:
        return ()
    odd = f" {there.get(ODD_COLUMN) or ''}"
    values = tuple(
        column.name
        for column in printer.contract.columns
        if _differs(printer, column, wanted.get(column.name), there.get(column.name)) or f" {column.name}=" in odd
    )
    return values or (ORIGIN_COLUMN,)


def _differs(printer: Printer, column: Column, one: Any, other: Any) -> bool:
    if column.type.kind is Kind.JSON and not printer.json_as_written and None not in (one, other):
        return canonical_json(one) != canonical_json(other)
    return bool(one != other)


def _shown(row: Values) -> Values:
    """Values that JSON can say without loss; what was no value of its column's type in its own words."""
    return {name: _plain(value) for name, value in row.items() if name != ODD_COLUMN or value is not None}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat(" ")
        case date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value
