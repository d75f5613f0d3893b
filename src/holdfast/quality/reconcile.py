"""Reconciliation: the pinned sources read again and compared with the table, row by row, whatever their size.

The table is read in one snapshot together with the ledger, the sources meanwhile by another thread. Both become prints
(`reconcile_hash`) in buckets on disk, and bucket by bucket it is decided which rows are missing, extra or different.
Nothing is written to the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from holdfast.domain.contract import Contract
from holdfast.domain.origin import origin_range
from holdfast.ports.database import Database
from holdfast.ports.source import Source
from holdfast.quality.reconcile_compare import Known, compare
from holdfast.quality.reconcile_findings import Findings, Tally
from holdfast.quality.reconcile_hash import Printer, Prints
from holdfast.quality.reconcile_mended import mended_rows
from holdfast.quality.reconcile_report import Proof, Sample, proof_of
from holdfast.quality.reconcile_sample import settled
from holdfast.quality.reconcile_scope import Scope, read_scope
from holdfast.quality.reconcile_source import SourceReader
from holdfast.quality.reconcile_spill import Spill, buckets_for
from holdfast.quality.reconcile_table import table_rows

GoOn = Callable[[], None]
"""Raises Interrupted where somebody asked to stop."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: `most` differences in full; `share` of the chunks (0 to 1, None: all), chosen by `seed`."""

    dataset: str
    most: int = 20
    share: float | None = None
    seed: int = 0


def verify(database: Database, source: Source, question: Question, go_on: GoOn) -> Proof:
    """Raises UsageError, TargetMismatch, Interrupted and the database's errors."""
    from holdfast.quality.reconcile_told import told

    with ExitStack() as stack:
        tally = Tally()
        with database.reading() as tx:
            whole = read_scope(tx, question.dataset)
            scope = whole if question.share is None else whole.sampled(question.share, question.seed)
            reader, printer = _reader(database, source, scope), _printer(database, scope.contract)
            buckets = buckets_for(sum(chunk.rows_read for chunk in scope.chunks))
            expected, found = (stack.enter_context(closing(Spill(printer.width, buckets))) for _ in range(2))
            unsaid: list[int] = []
            for rows in mended_rows(tx, scope, unsaid):
                tally.mended += rows.num_rows
                expected.add(printer.prints(rows))
            reading = stack.enter_context(_beside(partial(reader.print_all, printer, expected), go_on))
            origins = [] if scope is whole else [origin_range(chunk.claim.number) for chunk in scope.chunks]
            for rows in table_rows(database, tx, scope.contract, origins):
                go_on()
                prints = printer.prints(rows)
                tally.add(prints)
                found.add(prints)
        found.flush()
        reading.result()
        known = _known(reader, unsaid)
        findings = Findings(question.most)
        left_open: list[Prints] = []
        for number in range(buckets):
            go_on()
            verdict = compare(expected.bucket(number), found.bucket(number), known)
            if scope is not whole:
                left_open.append(verdict.missing)
                verdict = replace(verdict, missing=verdict.missing[:0])
            findings.add(verdict)
    sample = None
    if question.share is not None:
        verdict = settled(database, printer, question.dataset, np.concatenate(left_open), go_on)
        tally.add(verdict.different[1])
        findings.add(verdict)
        sample = Sample(question.share, question.seed, len(scope.chunks), len(whole.chunks))
    differences = told(database, source, printer, reader, findings.in_order(), go_on)
    return proof_of(scope, reader.unreadable, tally, findings, differences, sample)


def _reader(database: Database, source: Source, scope: Scope) -> SourceReader:
    return SourceReader(source, scope, database.traits.exact_digits_max)


def _printer(database: Database, contract: Contract) -> Printer:
    partition = contract.table_partition
    return Printer(contract, database.traits.json_as_written, partition.column if partition else None)


def _known(reader: SourceReader, unsaid: list[int]) -> Known:
    return Known(np.array(sorted(reader.unreadable), np.int64), np.array(sorted(unsaid), np.int64))


@contextmanager
def _beside(work: Callable[[GoOn], None], go_on: GoOn) -> Iterator[Future[None]]:
    """Let a thread do the work while the block runs; where the block raises, the work is given up."""
    given_up = threading.Event()

    def check() -> None:
        if given_up.is_set():
            raise _GivenUp
        go_on()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="holdfast-verify") as pool:
        future = pool.submit(work, check)
        try:
            yield future
        except BaseException:
            given_up.set()
            raise


class _GivenUp(Exception):
    """The other side failed; nobody sees this one."""
