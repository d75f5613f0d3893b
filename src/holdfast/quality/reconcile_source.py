"""The sources read once more: every chunk's bytes are proved to be those that were loaded, and parsed as they were.

What cannot be proved is never passed: the chunk is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from holdfast.domain.contract import Contract
from holdfast.domain.errors import DatabaseError, HoldfastError, Interrupted, SourceChanged, SourceError
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.engine.pinning import state
from holdfast.engine.reading import read_chunk
from holdfast.ports.source import Source
from holdfast.quality.reconcile_hash import Printer
from holdfast.quality.reconcile_scope import Scope, ScopeChunk, mended_in
from holdfast.quality.reconcile_spill import Spill

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class SourceReader:
    """Reads a scope's chunks. `unreadable`: reasons by chunk number; a file that cannot be opened is tried once."""

    source: Source
    scope: Scope
    digits_max: int | None
    unreadable: dict[int, str] = field(default_factory=dict)
    _closed: dict[int, str] = field(default_factory=dict)

    def print_all(self, printer: Printer, spill: Spill, go_on: Callable[[], None]) -> None:
        """Prints of all rows that can be read; `go_on` raises where somebody asked to stop."""
        for chunk in self.scope.chunks:
            go_on()
            rows = self.rows_of(chunk)
            if rows is not None:
                spill.add(printer.prints(rows))
        spill.flush()

    def rows_of(self, chunk: ScopeChunk) -> pa.Table | None:
        """A chunk's rows in today's columns, one a key; None: it is in `unreadable`."""
        number, file = chunk.claim.number, chunk.file.number
        why = chunk.why_not or self._closed.get(file, "")
        if not why:
            try:
                return self._read(chunk)
            except SourceChanged:
                span = chunk.claim.span
                why = f"changed: {span.start:,} to {span.end:,} is no longer what was loaded"
            except (DatabaseError, Interrupted):
                raise
            except HoldfastError as error:
                why = error.message.removesuffix(f"; {state(chunk.claim)}").removesuffix("; nothing was loaded")
                if isinstance(error, SourceError):
                    self._closed[file] = why
        self.unreadable[number] = why
        return None

    def _read(self, chunk: ScopeChunk) -> pa.Table:
        contract = self.scope.contracts[chunk.claim.load_number]
        ready = read_chunk(
            self.source, contract, chunk.file, chunk.claim, digits_max=self.digits_max, in_key_order=False
        )
        rejected = chunk.rows_rejected + mended_in(self.scope.mended, chunk.claim.number)
        if ready.read != chunk.rows_read or len(ready.rejects) != rejected:
            raise HoldfastError(
                f"read otherwise than when it was loaded: {ready.read:,} rows with {len(ready.rejects):,} rejects, then"
                f" {chunk.rows_read:,} with {rejected:,}"
            )
        return in_columns_of(self.scope.contract, ready.rows)


def in_columns_of(contract: Contract, rows: pa.Table) -> pa.Table:
    """Rows in a newer contract's columns: NULL where they lack one. Raises HoldfastError where one does not fit."""
    import pyarrow as pa

    from holdfast.parsing.parsed import arrow_type

    arrays = []
    for column in contract.columns:
        wanted = arrow_type(column.type)
        if column.name not in rows.column_names:
            arrays.append(pa.nulls(rows.num_rows, wanted))
            continue
        try:
            arrays.append(rows.column(column.name).cast(wanted))
        except pa.ArrowException as error:
            raise HoldfastError(f"column {column.name!r} had another type when it was loaded: {error}") from error
    arrays.append(rows.column(ORIGIN_COLUMN))
    return pa.Table.from_arrays(arrays, [*contract.column_names, ORIGIN_COLUMN])
