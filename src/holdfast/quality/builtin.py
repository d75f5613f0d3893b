"""Checks that every dataset has: the ledger adds up, its chunks cover the files, the table is what it says.

Also the declared ones that ask the ledger about files. Their statements have names, in `adapters/sql/`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from holdfast.adapters.databases.statements import fill
from holdfast.domain.check import BUILT_IN_NAMES, Check
from holdfast.domain.check_kinds import RejectShare, RowCount
from holdfast.ports.database import Row, Transaction
from holdfast.quality.answer import SAMPLE_ROWS, Finding, Query, Question, count_of, counted, percent, sample_of
from holdfast.quality.subject import Place

FATES, FILES, COUNT, CURRENT = BUILT_IN_NAMES
BUILT_IN_MODEL = (Check(kind="built_in", name=CURRENT),)
BUILT_IN = tuple(Check(kind="built_in", name=name) for name in (FATES, FILES, COUNT))


def _statement(place: Place, name: str, **binds: Any) -> Query:
    sql = fill(place.database.statement(name), {"target": place.table})
    return Query(sql, {"dataset": place.subject.name, **binds})


def _fates(_check: Check, place: Place) -> Question:
    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        found = f"{counted(failing, 'chunk')} where it is not" if failing else "so it is in every chunk"
        expected = "expected read = inserted + updated + unchanged + superseded + rejected"
        return Finding(failing, expected, found, sample_of(rows))

    return Question(_statement(place, "check_rows_fates"), judge)


def _files(_check: Check, place: Place) -> Question:
    expected = "expected every current file covered by written chunks, without gap or overlap"

    def judge(rows: list[Row]) -> Finding:
        bad = [{"file": row["uri"], "version": row["version"], "found": why} for row in rows if (why := _gap(row))]
        listed = "; ".join(f"{row['file']}: {row['found']}" for row in bad[:3])
        found = f"{counted(len(bad), 'file')} not so: {listed}" if bad else f"{counted(len(rows), 'file')}, all covered"
        return Finding(len(bad), expected, found, bad[:SAMPLE_ROWS])

    return Question(_statement(place, "check_file_spans"), judge, whole=True)


def _gap(row: Row) -> str:
    """What is wrong with a file's chunks; nothing: they cover it. An empty file has none."""
    end = int(json.loads(row["layout"]).get("data_end") or 0)
    if not row["chunks"]:
        start = int(json.loads(row["layout"]).get("data_start") or 0)
        return f"no chunk covers {start:,} to {end:,}" if end > start else ""
    if row["unfinished"]:
        return f"{int(row['unfinished']):,} of {counted(int(row['chunks']), 'chunk')} not written"
    if row["breaks"]:
        return f"{counted(int(row['breaks']), 'place')} where chunks leave a gap or overlap"
    if row["first_start"] > 0:
        return f"the first chunk begins at {row['first_start']:,}"
    return f"the last chunk ends at {row['last_end']:,} of {end:,}" if row["last_end"] < end else ""


def _count(_check: Check, place: Place) -> Question:
    expected = "expected as many rows in the table as the ledger says were inserted"

    def judge(rows: list[Row]) -> Finding:
        if not rows:
            return Finding(0, expected, "as many")
        loaded, ledger = int(rows[0]["loaded_rows"]), int(rows[0]["ledger_rows"])
        more = "more" if loaded > ledger else "fewer"
        found = (
            f"{loaded:,} rows, {abs(loaded - ledger):,} {more} than the ledger's {ledger:,}: holdfast verify finds them"
        )
        return Finding(abs(loaded - ledger), expected, found)

    return Question(_statement(place, "check_table_count"), judge)


def _against_files(_check: RowCount, place: Place) -> Question:
    keyed = 1 if place.subject.primary_key else 0
    expected = "expected of each file as many rows in the table as the ledger says" + (", or fewer" if keyed else "")

    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        told = "; ".join(
            f"{r['file']}: {int(r['table_rows']):,} rows, the ledger says {int(r['rows_written']):,}" for r in rows[:3]
        )
        found = f"{counted(failing, 'file')} not so: {told}" if failing else "so it is of every file"
        return Finding(failing, expected, found, sample_of(rows))

    return Question(_statement(place, "check_files_rows", keyed=keyed), judge)


def _reject_share(check: RejectShare, place: Place) -> Question:
    def judge(rows: list[Row]) -> Finding:
        failing = count_of(rows)
        told = "; ".join(
            f"{r['file']}: {percent(int(r['rows_rejected']), int(r['rows_read']))}"
            f" ({int(r['rows_rejected']):,} of {int(r['rows_read']):,} rows)"
            for r in rows[:3]
        )
        found = f"{counted(failing, 'file')} above: {told}" if failing else "no file above"
        expected = f"expected at most {check.share_max_percent}% of a file's rows rejected"
        return Finding(failing, expected, found, sample_of(rows))

    hundredths = check.share_max_percent * 100
    return Question(_statement(place, "check_reject_shares", hundredths=hundredths), judge)


def _current(_check: Check, place: Place) -> Question:
    """No partition older than what it is made of. Which those are is the builder's own judgement."""
    from holdfast.models.planning import plan_model

    graph, model = place.subject.graph, place.subject.model
    assert graph
    assert model

    def asks(tx: Transaction) -> Finding:
        plan = plan_model(place.database, tx, graph, model)
        bad = [{"partition": one.key or "whole table", "why": one.reason} for one in plan.dirty]
        told = ", ".join(f"{row['partition']} ({row['why']})" for row in bad[:3]) + (", ..." if len(bad) > 3 else "")
        good = f"{counted(len(plan.current), 'partition')}, all current"
        found = (
            f"{counted(len(bad), 'partition')} to build: {told}; run: holdfast build {model.target}" if bad else good
        )
        return Finding(len(bad), "expected no partition older than its inputs", found, bad[:SAMPLE_ROWS])

    query = Query(place.database.statement("model_states"), {"model": model.name})
    return Question(query, lambda _rows: Finding(0, "", ""), asks=asks)


def missing_table(tx: Transaction, place: Place, check: Check) -> Finding:
    """What a check says where there is no table: nothing yet, or that there should be one."""
    expected, found = "expected a table", f"there is no table {place.subject.relation}"
    if check.kind == "built_in" and check.name == COUNT:
        rows = int(tx.run("check_rows_written", dataset=place.subject.name).rows[0]["ledger_rows"])
        if rows:
            return Finding(rows, expected, f"{found}, and the ledger says {counted(rows, 'row')} were inserted")
    if check.kind == "built_in" and check.name == CURRENT and place.subject.model:
        states = tx.run("model_states", model=place.subject.model.name).rows
        built = sum(state["built_at"] is not None for state in states)
        if built:
            return Finding(built, expected, f"{found}, and the ledger says it was built")
    return Finding(0, expected, f"{found} yet", skipped=True)


_MAKERS: dict[str, Callable[[Check, Place], Question]] = {
    CURRENT: _current,
    FATES: _fates,
    FILES: _files,
    COUNT: _count,
}


def ledger_question(check: Check, place: Place) -> Question | None:
    """What a check of this module asks; None for a kind that is not of this module."""
    if check.kind == "built_in":
        return _MAKERS[check.name](check, place)
    if isinstance(check, RejectShare):
        return _reject_share(check, place)
    if isinstance(check, RowCount) and check.against == "files":
        return _against_files(check, place)
    return None
