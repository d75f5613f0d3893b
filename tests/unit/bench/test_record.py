"""Ratios are taken within a round, and only of runs that came to an end."""

from __future__ import annotations

import statistics
from pathlib import Path

from bench.jobs.job import rotated
from bench.record import Goal, Record, Run, greatest, ratio, records, times, typical


def record(*runs: Run, upserting: list[str] | None = None) -> Record:
    return Record("peers", 100, 3, "2026-01-31", {"cores": "2"}, {}, list(runs), upserting=upserting or [])


def runs(contender: str, *walls_s: float, rows: int = 100, note: str = "", ended: bool = True) -> list[Run]:
    return [Run(contender, turn, rows, wall_s, note=note, ended=ended) for turn, wall_s in enumerate(walls_s)]


def test_a_ratio_is_the_median_over_the_rounds_not_the_ratio_of_the_medians() -> None:
    found = record(*runs("ours", 1.0, 2.0, 9.0), *runs("theirs", 2.0, 8.0, 3.0))
    assert ratio("ours", "theirs")(found) == 0.5  # of 1/2, 2/8 and 9/3; the medians are 2 and 3


def test_a_ratio_is_of_time_a_row_when_one_had_fewer_rows() -> None:
    found = record(*runs("ours", 2.0, rows=200), *runs("theirs", 2.0, rows=50))
    assert ratio("ours", "theirs")(found) == 0.25


def test_rounds_that_failed_are_in_no_figure() -> None:
    found = record(*runs("ours", 1.0, 1.0), *runs("theirs", 4.0), *runs("theirs", 0.1, 0.1, ended=False))
    assert ratio("ours", "theirs")(found) == 0.25
    assert ratio("ours", "nobody")(found) is None


def test_peers_that_do_not_upsert_or_were_wrong_or_are_ours_are_no_measure() -> None:
    found = record(
        *runs("ours", 1.0),
        *runs("ours too", 0.1),
        *runs("quick", 2.0),
        *runs("middling", 4.0),
        *runs("slow", 10.0),
        *runs("wrong", 0.5, note="99 rows instead of 100"),
        *runs("appends", 0.5),
        upserting=["ours", "ours too", "quick", "middling", "slow", "wrong"],
    )
    assert times("ours", max, apart=["ours too"])(found) == 2.0
    assert times("ours", statistics.median, apart=["ours too"])(found) == 4.0


def test_figures_are_found_in_the_run_or_in_what_it_has_more() -> None:
    found = record(Run("ours", 0, 1, 1.0, largest_mb=200.0, more={"rewritten": 7}), Run("ours", 1, 1, 3.0))
    assert typical("ours", "wall_s")(found) == 2.0
    assert greatest("ours", "largest_mb")(found) == 200.0
    assert greatest("nobody", "largest_mb")(found) is None
    first = record(found.runs[0])
    assert greatest("ours", "rewritten")(first) == 7


def test_a_goal_is_met_missed_or_only_shown() -> None:
    def verdict(value: float | None, **bound: float) -> str:
        return Goal("", lambda _: value, **bound).verdict(value)

    assert [verdict(0.33, at_most=0.33), verdict(0.34, at_most=0.33)] == ["met", "**missed**"]
    assert [verdict(3.0, at_least=3.0), verdict(2.9, at_least=3.0)] == ["met", "**missed**"]
    assert [verdict(1.0, at_most=0.0), verdict(0.0, at_most=0.0)] == ["**missed**", "met"]
    assert [verdict(2.0), verdict(None, at_most=1.0)] == ["", ""]


def test_a_record_reads_back_as_it_was_saved(tmp_path: Path) -> None:
    written = record(*runs("ours", 1.0, 2.0), upserting=["ours"])
    written.absent["theirs"] = "not on the PATH"
    written.save(tmp_path)
    assert list(records(tmp_path)) == [written]


def test_every_contender_is_first_once() -> None:
    entrants = [lambda _: [], lambda _: [], lambda _: []]
    orders = [list(rotated(entrants, turn)) for turn in range(3)]
    assert [order[0] for order in orders] == entrants
    assert all(sorted(map(id, order)) == sorted(map(id, entrants)) for order in orders)
