"""Rejects made good: exported as a CSV that a person can mend, and loaded again at their own `_origin`.

A mended row takes the place in the order of rows that it always had, so it never beats a differing one that came after
it. In the ledger its fate moves from rejected to what it became, in the chunk it came from; the sum of fates stays.
"""

from __future__ import annotations

import csv as python_csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import structlog

from holdfast.domain.chunk import ChunkState
from holdfast.domain.contract import Column, Contract, Format
from holdfast.domain.errors import SourceError
from holdfast.domain.origin import ORIGIN_COLUMN, ROW_COLUMN, chunk_of
from holdfast.domain.reject import Reject
from holdfast.engine.commit import RAW_CHARS_MAX, reject_columns
from holdfast.engine.forms import form_named
from holdfast.engine.ledger import FileLayout
from holdfast.engine.merge import Written, write_keyless, write_merge
from holdfast.engine.reports import with_pages
from holdfast.engine.target import ensure_target
from holdfast.parsing import csv
from holdfast.parsing.formats import TextFormat, bound, text_format
from holdfast.parsing.header import Layout
from holdfast.ports.database import Database, Row, Transaction
from holdfast.touches import add_touches

if TYPE_CHECKING:
    import pyarrow as pa

MARKS = (ORIGIN_COLUMN, "_file", "_line", "_reasons")
RAW = "_raw"
PAGE_ROWS = 1000
_PLAIN = Format()
log = structlog.get_logger("holdfast.replay")


@dataclass(frozen=True, slots=True)
class Mended:
    """A record offered again: its origin, and its fields by the contract's column order."""

    origin: int
    fields: list[str]


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """`offered` = replayed + still_rejected + skipped (not open, kept cut, or their chunk is not in the table)."""

    offered: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    still_rejected: int = 0
    skipped: int = 0

    @property
    def replayed(self) -> int:
        return self.inserted + self.updated + self.unchanged + self.superseded


def open_rejects(database: Database, dataset: str, status: str = "open") -> Iterator[Row]:
    """All rejects of a dataset in order of origin, read page by page."""
    after = -1
    while True:
        with database.reading() as tx:
            rows = tx.run("rejects_list", dataset=dataset, status=status, code="", after=after, most=PAGE_ROWS).rows
            with_pages(tx, dataset, rows)
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["origin"]


def export(database: Database, contract: Contract) -> Iterator[str]:
    """Lines of a CSV: where each reject came from, why, its fields by contract column (to mend), and its raw text."""
    yield _line([*MARKS, *contract.column_names, RAW])
    layouts = _layouts(database, contract)
    for row in open_rejects(database, contract.name):
        reasons = "; ".join(_told(reason) for reason in json.loads(row["reasons"]))
        fields = _best_effort(row["raw"], contract, layouts[row["uri"], row["version"]])
        place = f"{row['uri']} page {row['page']}" if row["page"] else row["uri"]
        yield _line([str(row["origin"]), place, str(row["line"]), reasons, *fields, row["raw"]])


def _told(reason: dict[str, str | None]) -> str:
    place = f" {reason['column']}" if reason["column"] else ""
    return f"{reason['code']}{place}: {reason['message']}"


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    python_csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Written:
    """How the rejects of one file are written."""

    text: TextFormat
    layout: Layout


def _layouts(database: Database, contract: Contract) -> dict[tuple[str, int], _Written]:
    with database.reading() as tx:
        rows = tx.run("files_all", dataset=contract.name).rows
    found = {}
    for row in rows:
        layout = FileLayout.from_json(row["layout"])
        text = text_format(form_named(layout.form).rejects_are)
        found[row["uri"], row["version"]] = _Written(text, bound(contract, layout.names, row["uri"]))
    return found


def _best_effort(raw: str, contract: Contract, written: _Written) -> list[str]:
    """A broken record's fields as a lenient reader sees them, in the contract's order."""
    texts = written.text.texts_of(raw, written.layout, contract)
    return [_absent(c) if text is None else text for c, text in zip(contract.columns, texts, strict=True)]


def _absent(column: Column) -> str:
    """What stands for a column the file does not have: read again, it is the default or NULL."""
    return column.null_values[0] if column.null_values else column.default or ""


def read_mended(text: Iterable[str], contract: Contract, name: str) -> list[Mended]:
    """Read an exported CSV back. Raises SourceError that names the line when it is not one."""
    lines = _lines(text, name)
    _, header = next(lines, (1, []))
    wanted = [*MARKS, *contract.column_names, RAW]
    if header != wanted:
        raise SourceError(
            f"{name} is not an export of {contract.name}'s rejects: its header is {','.join(header)[:200]!r}, expected"
            f" {','.join(wanted)!r}; nothing was replayed",
            hint=f"export again: holdfast rejects export {contract.name} > fixed.csv; change the columns' values only",
        )
    mended = []
    for number, cells in lines:
        if len(cells) != len(wanted) or not cells[0].isdigit():
            raise SourceError(
                f"{name}, line {number}: expected {len(wanted)} fields that begin with an _origin, found"
                f" {len(cells)}; nothing was replayed",
                hint="keep the columns _origin to _reasons and _raw as they were exported",
            )
        mended.append(Mended(int(cells[0]), cells[len(MARKS) : -1]))
    return mended


def _lines(text: Iterable[str], name: str) -> Iterator[tuple[int, list[str]]]:
    """Each record's cells, and the line it ends at."""
    reader = python_csv.reader(text)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except python_csv.Error as error:  # most often a stray quote, which makes one field of all that follows it
        raise SourceError(
            f"{name}, line {reader.line_num}: {error}; nothing was replayed",
            hint="look for a quote that is not closed",
        ) from error


def raw_as_mended(database: Database, contract: Contract) -> list[Mended]:
    """All open rejects as they are: for a contract that was mended, rather than the rows."""
    layouts = _layouts(database, contract)
    return [
        Mended(row["origin"], _best_effort(row["raw"], contract, layouts[row["uri"], row["version"]]))
        for row in open_rejects(database, contract.name)
        if _is_readable(row, contract, layouts[row["uri"], row["version"]])
    ]


def _is_readable(row: Row, contract: Contract, written: _Written) -> bool:
    """Can the record be told into fields, so that it is for the contract to say whether they fit?"""
    if row["code"] in ("E_RAGGED", "E_QUOTE", "E_ENCODING", "E_NUL", "E_NEWLINE", "E_RECORD_SIZE", "E_HEADER"):
        return False
    if row["code"] not in ("E_JSON", "E_KEY", "E_UNKNOWN_KEY", "E_NESTED"):
        return True
    return written.text.fields_of(row["raw"].encode(), written.layout, contract, []) is not None


def replay(database: Database, contract: Contract, mended: list[Mended], run_id: str) -> ReplayReport:
    """Load mended records, all in one transaction. Those that still break the contract get their new reasons.

    Raises TargetMismatch where the table does not hold what the contract reads; then nothing was written.
    """
    ordered = sorted({record.origin: record for record in mended}.values(), key=lambda record: record.origin)
    total = ReplayReport(offered=len(ordered))
    with database.transaction() as tx:
        ensure_target(tx, contract)
        for chunk, records in groupby(ordered, key=lambda record: chunk_of(record.origin)):
            digits_max = database.traits.exact_digits_max
            total = _replay_chunk(tx, contract, chunk, list(records), total, digits_max, run_id)
    return total


def _replay_chunk(
    tx: Transaction,
    contract: Contract,
    chunk: int,
    records: list[Mended],
    total: ReplayReport,
    digits_max: int | None,
    run_id: str,
) -> ReplayReport:
    state = tx.run("chunk_state", dataset=contract.name, number=chunk).first
    opened = []
    if state and state["state"] == ChunkState.DONE:
        opened = [record for record in records if _is_replayable(tx, contract.name, record.origin)]
    parts: list[pa.Table] = []
    still = 0
    for record in opened:
        table, reject = _parse(contract, record, digits_max)
        if reject:
            _tell_new_reasons(tx, contract.name, record.origin, reject)
            still += 1
        else:
            parts.append(table)
            tx.run("reject_replayed", dataset=contract.name, origin=record.origin, mended=values_text(table))
    written, superseded = _write(tx, contract, parts, run_id)
    add_touches(tx, contract.table, run_id, written.touches, dataset=contract.name, chunk=chunk)
    fates: dict[str, Any] = {
        "inserted": written.inserted,
        "updated": written.updated,
        "unchanged": written.unchanged,
        "superseded": written.superseded + superseded,
    }
    tx.run("chunk_replayed", dataset=contract.name, number=chunk, mended=len(parts), **fates)
    return ReplayReport(
        offered=total.offered,
        still_rejected=total.still_rejected + still,
        skipped=total.skipped + len(records) - len(opened),
        **{name: getattr(total, name) + count for name, count in fates.items()},
    )


def values_text(row: pa.Table) -> str:
    """A row's values as JSON, each as Arrow's text of it, from which the value can be made again."""
    import pyarrow as pa

    names = [name for name in row.column_names if name != ORIGIN_COLUMN]
    return json.dumps({name: row.column(name).cast(pa.string())[0].as_py() for name in names})


def _is_replayable(tx: Transaction, dataset: str, origin: int) -> bool:
    """Is it open, and was it kept whole? An export of half a row must not be loaded as if it were the row."""
    row = tx.run("reject_lock", dataset=dataset, origin=origin).first
    if row is None or row["status"] != "open":
        return False
    if len(row["raw"]) > RAW_CHARS_MAX:
        log.warning(
            "reject skipped",
            origin=origin,
            detail=f"longer than {RAW_CHARS_MAX:,} characters, it was kept cut: correct it in its file, and load that",
        )
        return False
    return True


def _tell_new_reasons(tx: Transaction, dataset: str, origin: int, reject: Reject) -> None:
    told = reject_columns(reject, "utf-8")
    tx.run("reject_reasons", dataset=dataset, origin=origin, code=told["code"], reasons=told["reasons"])


def _parse(contract: Contract, record: Mended, digits_max: int | None) -> tuple[pa.Table, Reject | None]:
    """One record through the same parser as any other, written as plain CSV."""
    import pyarrow as pa

    plain = contract.model_copy(update={"format": _PLAIN})
    out = io.StringIO()
    python_csv.writer(out, lineterminator="\n", quoting=python_csv.QUOTE_ALL).writerow(record.fields)
    layout = bound(plain, plain.column_names, "replay")
    parsed = csv.parse_chunk_exact(
        out.getvalue().encode(), layout, plain, first_line=1, base_offset=0, digits_max=digits_max
    )
    origins = pa.array([record.origin] * parsed.table.num_rows, pa.int64())
    place = parsed.table.schema.get_field_index(ROW_COLUMN)
    return parsed.table.set_column(place, ORIGIN_COLUMN, origins), next(iter(parsed.rejects), None)


def _write(tx: Transaction, contract: Contract, parts: list[pa.Table], run_id: str) -> tuple[Written, int]:
    if not parts:
        return Written("merge", 0), 0
    import pyarrow as pa

    from holdfast.engine.ordering import order_and_dedupe

    rows, superseded = order_and_dedupe(pa.concat_tables(parts), contract)
    if contract.primary_key:
        return write_merge(tx, contract, rows, run_id), superseded
    return write_keyless(tx, contract, rows), superseded
