"""Jobs that load more and more of something, for the plots: rows, workers, columns, duplicates, rejects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bench.contenders import COPY_KEYED, COPY_TWO, SQLITE_IMPORT, holdfast
from bench.jobs.job import Entrant, Job, race
from bench.load import Contender, Data, Stage, as_run, load, present
from bench.place import TABLE
from bench.record import Record, Run
from bench.variants import make_wide, wide_contract

ONE, TWO, FOUR = holdfast(1), holdfast(2), holdfast(4)
SQLITE_ONE = holdfast(1, "sqlite")
PARTS = (1 / 40, 1 / 20, 1 / 10, 1 / 4, 1 / 2, 1)
"""Of 20 million rows: 0.5, 1, 2, 5, 10 and 20 million."""
WIDTHS = {"postgres": (5, 50, 500, 1500), "sqlite": (5, 50, 500, 1990)}
"""PostgreSQL holds 1,600 columns in 8 kB; SQLite 2,000, and Holdfast adds one."""
WIDE_BYTES_A_ROW = 55


def _sweep(
    contenders: Sequence[Contender], points: Callable[[Stage, Record], dict[float, Data]]
) -> Callable[..., None]:
    """Every contender with every file, from the smallest x on."""

    def run(stage: Stage, record: Record) -> None:
        there = present(record, stage, contenders)

        def entrant(turn: int, x: float, data: Data, contender: Contender) -> list[Run]:
            return [load(stage, contender, data, turn, x=x)]

        entrants: list[Entrant] = [
            partial(entrant, x=x, data=data, contender=contender)
            for x, data in points(stage, record).items()
            for contender in there
        ]
        race(stage, record, entrants)

    return run


def _row_counts(stage: Stage, record: Record) -> dict[float, Data]:
    counts = [max(1, int(record.rows * part)) for part in PARTS]
    return {float(rows): stage.usage(rows, order="random") for rows in counts}


def _shares(name: str, shares: Sequence[float]) -> Callable[[Stage, Record], dict[float, Data]]:
    """Files with this share of duplicates or bad rows; x is the share in percent."""
    return lambda stage, record: {share * 100: stage.usage(record.rows, **{name: share}) for share in shares}


def _workers(stage: Stage, record: Record) -> None:
    data = stage.usage(record.rows, order="random")
    contenders = {1: ONE, 2: TWO, 4: FOUR}

    def entrant(turn: int, workers: int) -> list[Run]:
        return [load(stage, contenders[workers], data, turn, name="holdfast load", x=workers)]

    record.how = {"holdfast load": ONE.how}
    race(stage, record, [partial(entrant, workers=workers) for workers in contenders])


def _widths(stage: Stage, record: Record) -> None:
    """The same bytes in fewer, wider rows. The contract has the file's columns; only Holdfast is asked."""
    record.how = {TWO.name: TWO.how, SQLITE_ONE.name: SQLITE_ONE.how}

    def file(columns: int) -> Data:
        dataset = f"wide_{columns}"
        (stage.project / "contracts" / f"{dataset}.toml").write_text(wide_contract(TABLE, columns))
        path = stage.home / f"{dataset}.csv"
        rows, cents = make_wide(path, columns, record.rows * WIDE_BYTES_A_ROW)
        return Data(path, rows, rows, cents, dataset, money="amount")

    def entrant(turn: int, columns: int, contender: Contender) -> list[Run]:
        data = file(columns)
        ground = stage.ground(contender, data)
        run = as_run(stage, contender, ground, stage.observe(contender, ground), turn, x=columns)
        size_mb = data.file.stat().st_size / 1e6
        data.file.unlink()
        return [replace(run, more={"mb": size_mb, "cells": float(data.rows * columns)})]

    race(
        stage,
        record,
        [
            partial(entrant, columns=columns, contender=contender)
            for contender in (TWO, SQLITE_ONE)
            for columns in WIDTHS[contender.engine]
        ],
    )


JOBS = (
    Job(
        "growth-rows",
        "Time against rows",
        "Keys in random order, from a fortieth of the rows to all of them.",
        _sweep([TWO, COPY_KEYED, COPY_TWO, SQLITE_ONE, SQLITE_IMPORT], _row_counts),
        rounds_max=1,
        plot="rows",
        table=False,
    ),
    Job(
        "growth-workers",
        "Time against workers",
        "PostgreSQL, keys in random order, an empty table.",
        _workers,
        plot="workers",
    ),
    Job(
        "growth-width",
        "Time against columns",
        "The same bytes in rows of 5 to 1,500 columns (SQLite: 1,990): a key, an amount, whole numbers.",
        _widths,
        rows_max=5_000_000,
        rounds_max=1,
        plot="columns",
    ),
    Job(
        "growth-duplicates",
        "Time against duplicates",
        "Rows whose key stood further up in the file, with other values.",
        _sweep([TWO, SQLITE_ONE], _shares("dup", (0.0, 0.02, 0.2))),
        rows_max=5_000_000,
        rounds_max=1,
        plot="duplicates, % of the rows",
    ),
    Job(
        "growth-rejects",
        "Time against rejects",
        "Rows that break the contract, in twelve ways.",
        _sweep([TWO, SQLITE_ONE], _shares("bad", (0.0, 0.0001, 0.01))),
        rows_max=5_000_000,
        rounds_max=1,
        plot="rejects, % of the rows",
    ),
)
