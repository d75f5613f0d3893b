"""Rejects of the same key: what else was delivered for a row, and broke the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.domain.contract import Contract
from holdfast.domain.errors import HoldfastError
from holdfast.domain.origin import chunk_of
from holdfast.domain.types import Kind
from holdfast.engine.forms import form_named
from holdfast.engine.ledger import FileLayout
from holdfast.engine.reports import with_pages
from holdfast.parsing.formats import TextFormat, bound, text_format
from holdfast.parsing.header import Layout
from holdfast.parsing.values import ValueReader
from holdfast.ports.database import Database, Row
from holdfast.quality.explain_values import text_of

PAGE_ROWS = 1000
REJECTS_MAX = 20


@dataclass(frozen=True, slots=True)
class RejectsFound:
    """`total` of them; `first` are the first REJECTS_MAX, as `rejects show` tells them."""

    total: int
    first: list[Row]


def rejects_of_key(database: Database, contract: Contract, key: Mapping[str, Any]) -> RejectsFound:
    """Rejects, whatever became of them, whose raw text reads as these values. `key`: typed values by column.

    Reads all rejects whose text has the key's whole number in it, page by page; where the key has none, all.
    """
    with database.reading() as tx:
        has_ledger = tx.run("ledger_exists").rows[0]["found"]
    if not key or not has_ledger:
        return RejectsFound(0, [])
    matcher = _Matcher(contract, key)
    total = 0
    first: list[Row] = []
    for row in _candidates(database, contract, key):
        if matcher.fits(row):
            total += 1
            if len(first) < REJECTS_MAX:
                first.append(_told(row))
    if first:
        with database.reading() as tx:
            with_pages(tx, contract.name, first)
    return RejectsFound(total, first)


def _told(row: Row) -> Row:
    kept = {name: value for name, value in row.items() if name != "layout"}
    return {**kept, "chunk": chunk_of(row["origin"]), "reasons": json.loads(row["reasons"])}


def _candidates(database: Database, contract: Contract, key: Mapping[str, Any]) -> Iterator[Row]:
    """A whole number is always written with its own digits: what has not got them is not of this key."""
    numbers = [
        str(abs(value))
        for name, value in key.items()
        if value is not None and contract.column(name).type.kind in (Kind.INT, Kind.BIGINT)
    ]
    pattern, after = f"%{max(numbers, key=len)}%" if numbers else "%", -1
    while True:
        with database.reading() as tx:
            rows = tx.run("explain_rejects", dataset=contract.name, after=after, pattern=pattern, most=PAGE_ROWS).rows
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["origin"]


class _Matcher:
    """Reads rejected records as far as they can be read."""

    def __init__(self, contract: Contract, key: Mapping[str, Any]) -> None:
        self._contract = contract
        self._places = [contract.column_names.index(name) for name in key]
        self._readers = [ValueReader(contract.columns[place]) for place in self._places]
        self._wanted = [text_of(contract.column(name).type, value) for name, value in key.items()]
        self._written: dict[str, tuple[TextFormat, Layout] | None] = {}

    def fits(self, row: Row) -> bool:
        written = self._as_written(row)
        if written is None:
            return False
        texts = written[0].texts_of(row["raw"], written[1], self._contract)
        for place, reader, wanted in zip(self._places, self._readers, self._wanted, strict=True):
            text = texts[place]
            value, reasons = reader.absent() if text is None else reader.read(text)
            if reasons or text_of(reader.column.type, value) != wanted:
                return False
        return True

    def _as_written(self, row: Row) -> tuple[TextFormat, Layout] | None:
        """How the rejects of a file are written; None: the contract cannot read such a file any more."""
        if row["layout"] not in self._written:
            layout = FileLayout.from_json(row["layout"])
            try:
                made = text_format(form_named(layout.form).rejects_are), bound(self._contract, layout.names, row["uri"])
            except HoldfastError:
                self._written[row["layout"]] = None
            else:
                self._written[row["layout"]] = made
        return self._written[row["layout"]]
