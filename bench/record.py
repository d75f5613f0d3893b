"""What a job measured, every single run of it, and the arithmetic on it.

A record is one JSON file, written anew after every run, so that a job that is stopped keeps what it has, and a page can
be made from records without running anything. Ratios are taken within a round, between runs that were neighbours in
time, and their median is given: a machine that is slower for a while is so for both.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Figure = Callable[["Record"], float | None]


@dataclass(frozen=True, slots=True)
class Run:
    """One contender, once. `x` is what a growth job varies; `note` is empty when the table was right afterwards."""

    contender: str
    turn: int
    rows: int
    wall_s: float
    client_s: float = 0.0
    server_s: float = 0.0
    rss_mb: float = 0.0
    largest_mb: float = 0.0
    x: float | None = None
    note: str = ""
    ended: bool = True
    """False: it failed or ran out of its time, and its figures are of no use."""
    more: dict[str, float] = field(default_factory=dict)

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.wall_s


@dataclass(slots=True)
class Record:
    """All of one job. `how` says how each contender is configured; `absent` why one did not take part."""

    job: str
    rows: int
    rounds: int
    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    runs: list[Run] = field(default_factory=list)
    how: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    upserting: list[str] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    """What was seen rather than measured: one table row each."""

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        part = directory / f"{self.job}.json.part"
        part.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(directory / f"{self.job}.json")

    @classmethod
    def load(cls, file: Path) -> Record:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{**values, "runs": [Run(**run) for run in values["runs"]]})

    def of(self, contender: str, x: float | None = None) -> list[Run]:
        """The runs of a contender that came to an end."""
        return [run for run in self.runs if run.contender == contender and run.ended and x in (None, run.x)]

    def contenders(self) -> list[str]:
        return list(dict.fromkeys(run.contender for run in self.runs))


def median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(map(of, runs))


def ratio(ours: str, theirs: str) -> Figure:
    """Time a row of ours over that of theirs: the median over the rounds in which both came to an end."""

    def figure(record: Record) -> float | None:
        pairs = [(a, b) for a in record.of(ours) for b in record.of(theirs) if a.turn == b.turn]
        return statistics.median(b.rows_per_s / a.rows_per_s for a, b in pairs) if pairs else None

    return figure


def times(ours: str, rank: Callable[[list[float]], float], apart: Sequence[str] = ()) -> Figure:
    """How many times the rows per second of the peers that upsert: of the fastest (max), or of their median.

    A peer whose table was wrong afterwards does not count; nor do those set `apart`.
    """

    def figure(record: Record) -> float | None:
        names = [name for name in record.upserting if name not in (ours, *apart)]
        peers = [runs for name in names if (runs := record.of(name)) and not any(run.note for run in runs)]
        if not peers or not record.of(ours):
            return None
        theirs = rank([median(runs, lambda run: run.rows_per_s) for runs in peers])
        return median(record.of(ours), lambda run: run.rows_per_s) / theirs

    return figure


def greatest(contender: str, of: str) -> Figure:
    """The greatest value of a run's field, or of what it has `more`."""

    def figure(record: Record) -> float | None:
        return max((_value(run, of) for run in record.of(contender)), default=None)

    return figure


def typical(contender: str, of: str) -> Figure:
    def figure(record: Record) -> float | None:
        runs = record.of(contender)
        return median(runs, lambda run: _value(run, of)) if runs else None

    return figure


def _value(run: Run, of: str) -> float:
    return run.more[of] if of in run.more else float(getattr(run, of))


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it should be. Without a bound it is only shown."""

    what: str
    figure: Figure
    at_most: float | None = None
    at_least: float | None = None
    unit: str = "x"

    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}{self._unit()}"
        return f"≥ {self.at_least:g}{self._unit()}" if self.at_least is not None else "shown"

    def found(self, value: float | None) -> str:
        return "not measured" if value is None else f"{value:.2f}{self._unit()}"

    def verdict(self, value: float | None) -> str:
        if value is None or (self.at_most is None and self.at_least is None):
            return ""
        met = value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0.0)
        return "met" if met else "**missed**"

    def _unit(self) -> str:
        return "x" if self.unit == "x" else f" {self.unit}"


def records(directory: Path) -> Iterator[Record]:
    for file in sorted(directory.glob("*.json")):
        yield Record.load(file)
