"""One load, measured: the data, the contender, the place it loads into, and whether the table was right afterwards.

A contender turns the ground it stands on (an empty database with or without the table, the file, a directory of its
own) into one command. Preparing is not measured; the command is, from its start to its end.
"""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import holdfast
from bench.measure import OUTPUT, Measured, observe
from bench.place import MAKERS, TABLE, Key, NothingThere, Place, Postgres
from bench.record import Record, Run
from bench.tools import Absent, last_words, version_of
from bench.usage_data import ISO_DATE, make_usage
from tests.support.usage_project import CONTRACT

HOLDFAST = Path(sys.executable).with_name("holdfast")
MONEY = "product1_revenue"


@dataclass(frozen=True, slots=True)
class Data:
    """A file, the contract it keeps, and what the table must hold after it was loaded."""

    file: Path
    rows: int
    kept: int
    cents: int
    dataset: str = "usage"
    money: str = MONEY


@dataclass(frozen=True, slots=True)
class Ground:
    """What a contender finds: `home` is its own, empty on its first load."""

    url: str
    data: Data
    home: Path
    stage: Stage


@dataclass(frozen=True, slots=True)
class Command:
    words: list[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    """The contender's own home if left out."""


@dataclass(frozen=True, slots=True)
class Contender:
    """`key` says which table it finds; None: it makes its own. `how` is for the page."""

    name: str
    engine: str
    how: str
    command: Callable[[Ground], Command]
    key: Key | None = "keyed"
    upserts: bool = False
    tool: str = ""
    """What it runs, for its version."""
    rows_max: int | None = None
    """A slow one gets a smaller file; rows per second are compared."""


@dataclass
class Stage:
    """What all jobs share: the options, the files made so far, the places opened so far."""

    home: Path
    results: Path
    rows: int
    postgres_url: Callable[[], str]
    run_s_max: float = 600.0
    _files: dict[str, Data] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _grounds: int = 0

    def place(self, engine: str) -> Place:
        if engine not in self._places:
            home = self.home / engine
            home.mkdir(exist_ok=True)
            url = self.postgres_url() if engine == "postgres" else ""
            self._places[engine] = MAKERS[engine](home, url)
        return self._places[engine]

    @property
    def postgres(self) -> Postgres:
        place = self.place("postgres")
        assert isinstance(place, Postgres)
        return place

    def versions(self) -> dict[str, str]:
        return {engine: place.version for engine, place in self._places.items()}

    def usage(self, rows: int | None = None, **properties: object) -> Data:
        """A usage file of these properties, made once; see make_usage."""
        properties = {"rows": rows or self.rows, **properties}
        name = "-".join(f"{key}={value}" for key, value in properties.items()).replace("/", "").replace("%", "")
        if name not in self._files:
            file = self.home / f"{name}.csv"
            truth = make_usage(file, **properties)  # type: ignore[arg-type]
            cents = sum(sums["product1_cents"] for sums in truth["by_currency"].values())
            dataset = "usage_iso" if properties.get("date_format") == ISO_DATE else "usage"
            self._files[name] = Data(file, truth["rows"], truth["keys"], cents, dataset)
        return self._files[name]

    def forget_files(self) -> None:
        """Between jobs: large files of one are of no use to the next."""
        for data in self._files.values():
            for file in data.file.parent.glob(f"{data.file.stem}.*"):  # its truth and its halves as well
                file.unlink()
        self._files.clear()

    @cached_property
    def project(self) -> Path:
        """A Holdfast project with the contracts of all usage files."""
        home = self.home / "project"
        (home / "contracts").mkdir(parents=True)
        (home / "holdfast.toml").write_text("")
        text = CONTRACT.format(
            disposition="merge", publish="auto", key='primary_key = ["date", "bill_id"]', chunk_bytes=16 * 2**20
        )
        (home / "contracts" / "usage.toml").write_text(text)
        (home / "contracts" / "usage_iso.toml").write_text(text.replace("%d/%m/%Y", ISO_DATE))
        return home

    def contract(self, dataset: str) -> holdfast.Contract:
        text = (self.project / "contracts" / f"{dataset}.toml").read_text()
        return holdfast.Contract.model_validate({"name": dataset, **tomllib.loads(text)})

    def new_home(self) -> Path:
        self._grounds += 1
        home = self.home / f"ground-{self._grounds}"
        home.mkdir()
        return home

    def ground(self, contender: Contender, data: Data, like: str | None = None) -> Ground:
        """A fresh database, with the contender's kind of table in it unless it is a copy of another."""
        place = self.place(contender.engine)
        url = place.fresh(like)
        if contender.key and like is None:
            place.make_table(self.contract(data.dataset), contender.key)
        return Ground(url, data, self.new_home(), self)

    def observe(self, contender: Contender, ground: Ground, kill_after_s: float | None = None) -> Measured:
        command = contender.command(ground)
        pid = self.place(contender.engine).server_pid
        return observe(
            command.words,
            command.cwd or ground.home,
            pid,
            kill_after_s or self.run_s_max,
            dict(command.env),
            ground.home / OUTPUT,
        )

    def close(self) -> None:
        for place in self._places.values():
            place.close()


def load(
    stage: Stage,
    contender: Contender,
    data: Data,
    turn: int,
    *,
    like: str | None = None,
    before: Data | None = None,
    name: str | None = None,
    x: float | None = None,
) -> Run:
    """Load once into a fresh database, or into a copy of one that holds `before`, and look at the table."""
    ground = stage.ground(contender, data, like)
    measured = stage.observe(contender, ground)
    run = as_run(stage, contender, ground, measured, turn, before=before, name=name, x=x)
    shutil.rmtree(ground.home)  # some tools leave a copy of all rows there
    return run


def as_run(
    stage: Stage,
    contender: Contender,
    ground: Ground,
    measured: Measured,
    turn: int,
    *,
    name: str | None = None,
    x: float | None = None,
    before: Data | None = None,
) -> Run:
    """What was measured, with what is to be said about the table afterwards."""
    note = ended_how(measured, ground, stage)
    return Run(
        contender=name or contender.name,
        turn=turn,
        rows=ground.data.rows,
        wall_s=measured.wall_s,
        client_s=measured.client_s,
        server_s=measured.server_s,
        rss_mb=measured.rss_mb,
        largest_mb=measured.largest_mb,
        x=x,
        ended=not note,
        note=note or difference(stage.place(contender.engine), ground.data, before),
    )


def ended_how(measured: Measured, ground: Ground, stage: Stage) -> str:
    if measured.killed:
        return f"stopped after {stage.run_s_max:,.0f} s"
    return f"failed: {said(ground.home)}" if measured.exit_code else ""


def difference(place: Place, data: Data, before: Data | None = None) -> str:
    """What is wrong with the table; empty when it holds what the file says."""
    kept = data.kept + (before.kept if before else 0)
    cents = data.cents + (before.cents if before else 0)
    try:
        rows, found = place.found(TABLE, data.money)
    except NothingThere as error:
        return f"no table: {error}"
    if rows != kept:
        return f"{rows:,} rows instead of {kept:,}"
    return "" if found == cents else f"the sum is {found / 100:,.2f} instead of {cents / 100:,.2f}"


def said(home: Path) -> str:
    """Why a command failed, in its own words, without what only this machine knows."""
    words = last_words((home / OUTPUT).read_text(errors="replace"))
    return words.replace(str(home), ".").replace(str(home.parent), "..").replace(str(Path.home()), "~")


def present(record: Record, stage: Stage, contenders: list[Contender]) -> list[Contender]:
    """Those that can take part. The others are in the record, with the reason."""
    there = []
    for contender in contenders:
        record.how[contender.name] = contender.how
        try:
            data = Data(stage.project / "no.csv", 0, 0, 0)
            ground = Ground(stage.place(contender.engine).fresh(), data, stage.new_home(), stage)
            contender.command(ground)
        except Absent as reason:
            record.absent[contender.name] = str(reason)
            print(f"  without {contender.name}: {reason}", flush=True)
        else:
            there.append(contender)
            record.versions |= {contender.tool: version_of(contender.tool)} if contender.tool else {}
            record.upserting += [contender.name] if contender.upserts else []
    return there
