"""From an `_origin` back to the source: chunk, file, line, byte and raw text, as far as the source still says it.

The chunk is read again by the boundaries it was loaded by, and only bytes with the chunk's own hash are believed: a
source that is gone or was changed is said to be so, and never quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from holdfast.domain.contract import Contract
from holdfast.domain.errors import HoldfastError, SourceChanged
from holdfast.domain.origin import chunk_of, row_of
from holdfast.engine.claims import Claim, claim_of
from holdfast.engine.forms import form_named
from holdfast.engine.forms.record import SourceRecord
from holdfast.engine.ledger import FileVersion, file_version
from holdfast.engine.pinning import state
from holdfast.ports.database import Database, Row
from holdfast.ports.source import Source


class SourceState(StrEnum):
    """What could be made of a row's source."""

    READ = "read"  # read back, from the very bytes that were loaded
    CHANGED = "changed"  # there is a file, with other bytes
    GONE = "gone"  # there is no such file any more, or it cannot be reached
    PAGE = "page"  # a page of an API or a feed: nobody keeps it
    FORGOTTEN = "forgotten"  # the ledger does not know the chunk
    BY_HAND = "by hand"  # no load wrote the row


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a row came from. Fields that do not apply are None.

    `chunk`: its number; `row`: the record's number in it, from 0. `page`, `line` and `row_in_file` count from 1;
    `line` is of a page: the record on it. `byte_offset`, `byte_length` and `line` are in the expanded text where
    `compression` is not empty. `values`: what the contract makes of the raw text.
    """

    origin: int
    source: SourceState
    why: str = ""
    chunk: int | None = None
    row: int | None = None
    uri: str | None = None
    version: int | None = None
    file_status: str | None = None
    content_hash: str | None = None
    form: str = ""
    compression: str = ""
    page: int | None = None
    line: int | None = None
    byte_offset: int | None = None
    byte_length: int | None = None
    raw: str | None = None
    values: dict[str, Any] | None = field(default=None, repr=False)
    way: str | None = None
    state: str | None = None
    committed_at: Any = None
    run: Row | None = None


def delivery_of(database: Database, source: Source, dataset: str, origin: int) -> Delivery:
    """Where the row with this `_origin` came from. Raises the database's errors; trouble with the source is told."""
    return deliveries_of(database, source, dataset, [origin])[origin]


def deliveries_of(database: Database, source: Source, dataset: str, origins: Iterable[int]) -> dict[int, Delivery]:
    """The same for several rows, by `_origin`: every chunk is read once."""
    found: dict[int, Delivery] = {}
    for number, group in groupby(sorted(set(origins)), key=chunk_of):
        for delivery in _of_chunk(database, source, dataset, number, list(group)):
            found[delivery.origin] = delivery
    return found


def _of_chunk(
    database: Database, source: Source, dataset: str, number: int, origins: Sequence[int]
) -> Iterator[Delivery]:
    if number < 0:
        why = "no load wrote this row: it was there before, or came by hand"
        return (Delivery(origin, SourceState.BY_HAND, why) for origin in origins)
    with database.reading() as tx:
        has_ledger = tx.run("ledger_exists").rows[0]["found"]
        chunk = tx.run("explain_chunk", dataset=dataset, number=number).first if has_ledger else None
        run = tx.run("run_get", run_id=chunk["run_id"]).first if chunk and chunk["run_id"] else None
    if chunk is None:
        why = f"the ledger has no chunk {number}: it was forgotten, or the row came by hand"
        forgotten = SourceState.FORGOTTEN
        return (Delivery(origin, forgotten, why, chunk=number, row=row_of(origin)) for origin in origins)
    return _found(source, dataset, origins, chunk, run, database.traits.exact_digits_max)


def _found(
    source: Source, dataset: str, origins: Sequence[int], chunk: Row, run: Row | None, digits_max: int | None
) -> Iterator[Delivery]:
    file = file_version({**chunk, "number": chunk["file_number"], "load_number": chunk["file_load"]})
    claim = claim_of(dataset, chunk)
    known: dict[str, Any] = {
        "chunk": claim.number,
        "uri": file.uri,
        "version": file.version,
        "file_status": chunk["file_status"],
        "content_hash": file.content_hash,
        "form": file.layout.form,
        "compression": file.layout.compression,
        "way": chunk["way"],
        "state": chunk["state"],
        "committed_at": chunk["committed_at"],
        "run": run,
    }
    if claim.place is not None:
        known |= {"page": claim.ordinal + 1}
        why = "a page is not kept: only its source could tell it again"
        for row, origin in ((row_of(origin), origin) for origin in origins):
            yield Delivery(origin, SourceState.PAGE, why, row=row, line=row + 1, **known)
        return
    records, state_now, why = _records(source, chunk, file, claim, [row_of(origin) for origin in origins], digits_max)
    for row, origin in ((row_of(origin), origin) for origin in origins):
        if state_now is SourceState.READ and row not in records:
            none = f"chunk {claim.number} has no record {row}: no load wrote this `_origin`"
            yield Delivery(origin, SourceState.BY_HAND, none, row=row, **known)
            continue
        record = records.get(row)
        names = ("line", "byte_offset", "byte_length", "raw", "values") if record else ()
        yield Delivery(origin, state_now, why, row=row, **known, **{name: getattr(record, name) for name in names})


def _records(
    source: Source, chunk: Row, file: FileVersion, claim: Claim, rows: Sequence[int], digits_max: int | None
) -> tuple[dict[int, SourceRecord], SourceState, str]:
    """The records as far as they can be read back, and if not, why not."""
    contract, form = Contract.model_validate_json(chunk["contract"]), form_named(file.layout.form)
    try:
        return form.records(source, contract, file, claim, rows, digits_max), SourceState.READ, ""
    except SourceChanged:
        why = f"{file.uri} holds other bytes now than those that were loaded (the hash of chunk {claim.number} differs)"
        return {}, SourceState.CHANGED, why
    except HoldfastError as error:
        return {}, *_gone_or_changed(source, file, _without_state(error, claim))


def _gone_or_changed(source: Source, file: FileVersion, trouble: str) -> tuple[SourceState, str]:
    """A file of another size may be sound, and is no more the one that was loaded. (Of a compressed one, the size kept
    is that of its content.)
    """
    try:
        size_bytes = source.stamp(file.uri).size_bytes
    except HoldfastError:
        return SourceState.GONE, trouble
    if file.layout.compression or size_bytes == file.size_bytes:
        return SourceState.CHANGED, trouble
    sizes = f"{size_bytes:,} bytes, {file.size_bytes:,} were loaded"
    return SourceState.CHANGED, f"{file.uri} holds other bytes now than those that were loaded ({sizes})"


def _without_state(error: HoldfastError, claim: Claim) -> str:
    """What was wrong with the source. That nothing was committed is of interest to a load only."""
    return error.message.removesuffix(f"; {state(claim)}").removesuffix("; nothing was loaded")
