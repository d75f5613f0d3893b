"""What the ledger says, for people and programs that ask. Reads only; without a ledger there is nothing to say."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.domain.errors import DatabaseError, HoldfastError, LedgerError, UsageError
from holdfast.domain.origin import chunk_of
from holdfast.domain.table import ColumnDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind
from holdfast.engine.migrate import ledger_version
from holdfast.outbound.counts import FAILURES
from holdfast.outbound.policy import MICROSECONDS
from holdfast.outbound.turns import SourceState
from holdfast.ports.database import Database, Row, Transaction

OUTBOUND_VERSION = 3  # of the ledger, since which it knows sources that are called


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the doctor looked at."""

    what: str
    good: bool
    found: str
    hint: str = ""


@contextlib.contextmanager
def _ledger(database: Database) -> Iterator[Transaction | None]:
    with database.reading() as tx:
        yield tx if tx.run("ledger_exists").rows[0]["found"] else None


def _plain(row: Row) -> Row:
    """Sums come back as Decimal on some engines: counts are ints."""
    return {name: int(value) if _is_count(name) and value is not None else value for name, value in row.items()}


def _is_count(name: str) -> bool:
    return name.startswith("rows_") or name in (
        "files", "chunks", "done", "ready", "claimed", "landed", "failed", "rejects_open",
    )  # fmt: skip


def dataset_status(database: Database, dataset: str | None) -> list[Row]:
    """One row a dataset: chunks by state, rows by fate, open rejects, stopped loads."""
    with _ledger(database) as tx:
        if tx is None:
            return []
        rows = [_plain(row) for row in tx.run("status_datasets").rows if dataset in (None, row["dataset"])]
        for row in rows:
            loads = tx.run("loads_unfinished", dataset=row["dataset"]).rows
            row["stopped"] = [
                {"number": load["number"], "error": load["error"]} for load in loads if load["status"] == "stopped"
            ]
    return rows


def recent_runs(database: Database, run: str | None, most: int) -> list[Row]:
    with _ledger(database) as tx:
        if tx is None:
            return []
        rows = tx.run("run_get", run_id=run).rows if run else tx.run("runs_recent", most=most).rows
    if run and not rows:
        raise UsageError(f"there is no run {run!r}", hint="see: holdfast runs")
    return rows


def list_chunks(database: Database, dataset: str, *, state: str | None, number: int | None) -> list[Row]:
    with _ledger(database) as tx:
        rows = tx.run("chunks_list", dataset=dataset).rows if tx else []
    return [row for row in rows if state in (None, row["state"]) and number in (None, row["number"])]


def source_statistics(database: Database) -> list[Row]:
    """One row a source that was called: `calls`, `retries`, `waits`, `waited_s`, `failures` by kind, the breaker."""
    with _ledger(database) as tx:
        has_sources = tx and any(row["version"] >= OUTBOUND_VERSION for row in tx.run("migrations_applied").rows)
        rows = tx.run("outbound_list").rows if tx and has_sources else []
    return [_source(row) for row in rows]


def _source(row: Row) -> Row:
    state = SourceState(row["slot_us"], row["failures_in_row"], row["open_until_us"])
    return {
        "source": row["source"],
        **{name: int(row[name]) for name in ("calls", "retries", "waits")},
        "waited_s": round(int(row["waited_us"]) / MICROSECONDS, 3),
        "failures": {kind: int(row[f"failed_{kind}"]) for kind in FAILURES},
        "breaker": state.breaker(row["now_us"]),
        "last_status": row["last_status"],
        "last_call_at": row["last_call_at"],
    }


def reject_codes(database: Database, dataset: str, status: str) -> list[Row]:
    with _ledger(database) as tx:
        return tx.run("reject_codes", dataset=dataset, status=status).rows if tx else []


def rejects_page(database: Database, dataset: str, status: str, code: str | None, most: int) -> list[Row]:
    with _ledger(database) as tx:
        if tx is None:
            return []
        rows = tx.run("rejects_list", dataset=dataset, status=status, code=code or "", after=-1, most=most).rows
        return with_pages(tx, dataset, rows)


def with_pages(tx: Transaction, dataset: str, rows: list[Row]) -> list[Row]:
    """The rejects, told which page of its extraction each stood on; `page` is None where it stood in a file."""
    known: dict[int, int | None] = {}
    for row in rows:
        number = chunk_of(row["origin"])
        if number not in known:
            page = tx.run("page_of", dataset=dataset, number=number).first
            known[number] = page["ordinal"] + 1 if page else None
        row["page"] = known[number]
    return rows


def get_reject(database: Database, dataset: str, origin: int) -> Row:
    with _ledger(database) as tx:
        row = tx.run("reject_get", dataset=dataset, origin=origin).first if tx else None
        if tx and row:
            with_pages(tx, dataset, [row])
    if row is None:
        raise UsageError(f"{dataset} has no reject with _origin {origin}", hint=f"see: holdfast rejects list {dataset}")
    return row


def examine(database: Database, shown: str) -> list[Finding]:
    """Connect, look at server and ledger, and try to create, write and drop a table (rolled back)."""
    findings = [Finding("python", good=True, found=sys.version.split()[0])]
    try:
        version = ledger_version(database)
    except LedgerError as error:
        return [*findings, Finding("ledger", good=False, found=error.message, hint=error.hint)]
    except HoldfastError as error:
        return [*findings, Finding(f"database {shown}", good=False, found=error.message, hint=error.hint)]
    findings.append(Finding(f"database {shown}", good=True, found=f"connected, {database.engine_name}"))
    findings += _server_findings(database)
    findings.append(_ledger_finding(version.found, version.latest))
    findings.append(_rights(database))
    return findings


def _server_findings(database: Database) -> list[Finding]:
    with database.reading() as tx:
        facts = tx.run("server_facts").rows
    return [Finding(fact["what"], bool(fact["good"]), fact["found"], fact["hint"]) for fact in facts]


def _ledger_finding(found: int, latest: int) -> Finding:
    if found == 0:
        return Finding("ledger", good=True, found="none yet; the first load makes it")
    if found < latest:
        said = f"version {found}, this Holdfast has {latest}"
        return Finding("ledger", good=False, found=said, hint="run: holdfast db upgrade")
    return Finding("ledger", good=True, found=f"version {found}, current")


class _RollBack(Exception):
    """Raised to leave nothing behind."""


def _rights(database: Database) -> Finding:
    probe = TableDefinition("holdfast_doctor", (ColumnDefinition("probe", ColumnType(Kind.BIGINT)),))
    try:
        with database.transaction() as tx:
            tx.create_table(probe)
            tx.insert_many(probe.name, [{"probe": 1}])
            tx.execute("CREATE TEMPORARY TABLE IF NOT EXISTS holdfast_probed AS SELECT probe FROM holdfast_doctor")
            raise _RollBack
    except _RollBack:
        return Finding("rights", good=True, found="may create tables and write")
    except DatabaseError as error:
        return Finding("rights", good=False, found=error.message, hint=error.hint)
