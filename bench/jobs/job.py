"""What a job is, and how contenders take turns in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.load import Stage
from bench.record import Goal, Record, Run

Entrant = Callable[[int], list[Run]]
"""What takes a turn: it is given the round's number, and gives one run or several that belong together."""


@dataclass(frozen=True, slots=True)
class Job:
    name: str
    title: str
    why: str
    run: Callable[[Stage, Record], None]
    goals: tuple[Goal, ...] = ()
    rows_max: int | None = None
    rounds_max: int | None = None
    plot: str = ""
    """What the x of its runs is, where they are to be plotted."""
    table: bool = True
    """False: its runs are only of use in the plot."""


def race(stage: Stage, record: Record, entrants: Sequence[Entrant]) -> None:
    """Every round everybody once; who goes first changes every round, so nobody always follows the same other."""
    for turn in range(record.rounds):
        for entrant in rotated(entrants, turn):
            for run in entrant(turn):
                record.runs.append(run)
                said = run.note or "right"
                at = f" at {run.x:g}" if run.x is not None else ""
                print(f"  round {turn + 1}  {run.contender}{at}: {run.wall_s:.2f} s, {said}", flush=True)
            record.save(stage.results)


def rotated(entrants: Sequence[Entrant], turn: int) -> Iterator[Entrant]:
    first = turn % len(entrants) if entrants else 0
    yield from (*entrants[first:], *entrants[:first])
