"""Asking a table's checks: each its own statement, row by row ones together; none keeps the others from being asked.

Reads happen in snapshots, results are written afterwards, in one transaction a table.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from holdfast.domain.check import Check
from holdfast.domain.errors import HoldfastError, TransientError
from holdfast.fx.moments import now
from holdfast.ports.database import Database, Transaction
from holdfast.quality.answer import Finding, Query, Question
from holdfast.quality.builtin import BUILT_IN, BUILT_IN_MODEL, ledger_question, missing_table
from holdfast.quality.day_rules import day_question
from holdfast.quality.local_rules import find_local, local_rule, remember_local
from holdfast.quality.results import CheckResult, save, standing, status_of
from holdfast.quality.row_rules import ROW_KINDS, RowRule, row_rule
from holdfast.quality.slices import failing_rows, fingerprints, remember, sliced
from holdfast.quality.subject import Place, Subject
from holdfast.quality.table_rules import table_question

Keep = Callable[[Transaction], None]  # writes what need not be looked for again


@dataclass(frozen=True, slots=True)
class Statement:
    """A check and what it asks."""

    dataset: str
    check: Check
    query: Query


def checks_of(subject: Subject) -> list[Check]:
    """What is checked of a table: what every dataset or model has, then what was declared, in its order."""
    return [*(BUILT_IN_MODEL if subject.model else BUILT_IN), *subject.checks]


def statements(database: Database, subject: Subject) -> list[Statement]:
    """The SQL of every check, without asking any. Raises ContractError where one cannot be written."""
    place, moment = Place(database, subject), now(database)
    return [Statement(subject.name, check, _query(check, place, moment)) for check in checks_of(subject)]


def _query(check: Check, place: Place, moment: datetime) -> Query:
    if isinstance(check, ROW_KINDS):
        return row_rule(check, place).query(place)
    return _question(check, place, moment).query


def _question(check: Check, place: Place, moment: datetime) -> Question:
    question = (
        ledger_question(check, place) or table_question(check, place, moment) or day_question(check, place, moment)
    )
    assert question, check.kind
    return question


def check_table(
    database: Database, subject: Subject, run_id: str, *, full: bool = False, already: int = 0
) -> list[CheckResult]:
    """Ask every check of a table and write down what was found. `full`: earlier answers count for nothing.

    Raises TransientError where the database went away; a check's own trouble is its result.
    """
    place, moment = Place(database, subject), now(database)
    checks = checks_of(subject)
    kept: list[Keep] = []
    with database.reading() as tx:
        there = tx.reflect(subject.relation) is not None
        if not there:
            began = time.monotonic()
            results = [_result(subject.name, one, missing_table(tx, place, one), began) for one in checks]
    if there:
        by_row, kept = _row_results(place, [check for check in checks if isinstance(check, ROW_KINDS)], full=full)
        results = [by_row.get(check.title) or _asked(place, check, moment, kept, full=full) for check in checks]
    with database.transaction() as tx:
        for keep in kept:
            keep(tx)
        save(tx, results, run_id, already)
    return results


def _result(dataset: str, check: Check, finding: Finding, began: float, **more: object) -> CheckResult:
    return CheckResult(
        dataset=dataset,
        name=check.title,
        kind=check.kind,
        severity=check.severity,
        status=status_of(check, finding),
        finding=finding,
        duration_ms=round((time.monotonic() - began) * 1000),
        **more,  # type: ignore[arg-type]
    )


def _broken(dataset: str, check: Check, error: HoldfastError, began: float) -> CheckResult:
    return CheckResult(
        dataset=dataset,
        name=check.title,
        kind=check.kind,
        severity=check.severity,
        status="error",
        finding=Finding(0, "expected a statement that runs", error.message),
        duration_ms=round((time.monotonic() - began) * 1000),
    )


def _row_results(place: Place, checks: Sequence[Check], *, full: bool) -> tuple[dict[str, CheckResult], list[Keep]]:
    """Results of checks of single rows, by title, and the tallies to remember. All share one scan, if they can."""
    try:
        return _rows_together(place, checks, full=full) if checks else ({}, [])
    except TransientError:
        raise
    except HoldfastError:
        results: dict[str, CheckResult] = {}
        kept: list[Keep] = []
        for check in checks:  # one of them is the cause: the others shall be asked
            began = time.monotonic()
            try:
                found, more = _rows_together(place, [check], full=full)
            except TransientError:
                raise
            except HoldfastError as error:
                found, more = {check.title: _broken(place.subject.name, check, error, began)}, []
            results |= found
            kept += more
        return results, kept


def _rows_together(place: Place, checks: Sequence[Check], *, full: bool) -> tuple[dict[str, CheckResult], list[Keep]]:
    rules: list[RowRule] = [row_rule(check, place) for check in checks]
    results: dict[str, CheckResult] = {}
    with place.database.reading() as tx:
        began = time.monotonic()
        found = sliced(tx, place, rules, full=full)
        for one, rule in zip(found, rules, strict=True):
            finding = rule.find(one.total)
            if finding.failing:
                finding = Finding(finding.failing, finding.expected, finding.found, failing_rows(tx, place, one))
            read = None if one.read is None else len(one.read)
            results[rule.check.title] = _result(
                place.subject.name, rule.check, finding, began, sql_hash=rule.hash(place), partitions_read=read,
                stands=read == 0,
            )  # fmt: skip
    return results, [partial(remember, place=place, one=one, title=one.rule.check.title) for one in found]


def _asked(place: Place, check: Check, moment: datetime, kept: list[Keep], *, full: bool) -> CheckResult:
    began, dataset = time.monotonic(), place.subject.name
    try:
        question = _question(check, place, moment)
        if rule := local_rule(check, place, question):
            with place.database.reading() as tx:
                one = find_local(tx, place, rule, check.title, full=full)
            kept.append(partial(remember_local, place=place, one=one, title=check.title))
            read = None if one.read is None else len(one.read)
            return _result(
                dataset, check, one.finding(), began, sql_hash=question.hash, partitions_read=read, stands=read == 0
            )
        with place.database.reading() as tx:
            print_of = _fingerprint(tx, question)
            known = None if full or print_of is None else standing(tx, dataset, check, question.hash, print_of)
            finding = known or question.find(tx)
        return _result(
            dataset, check, finding, began, sql_hash=question.hash, fingerprint=print_of, stands=known is not None,
            partitions_read=0 if known else None,
        )  # fmt: skip
    except TransientError:
        raise
    except HoldfastError as error:
        return _broken(dataset, check, error, began)


def _fingerprint(tx: Transaction, question: Question) -> str | None:
    """The touches of all the question reads; None: it reads what nobody touches, so it must be asked."""
    prints = {relation: fingerprints(tx, relation) for relation in question.reads}
    if not prints or not all(prints.values()):
        return None
    return hashlib.sha256(json.dumps(prints, sort_keys=True).encode()).hexdigest()
