"""The table proved against its sources: what that takes, beside the load that filled it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from bench.contenders import holdfast
from bench.jobs.job import Job, race
from bench.load import HOLDFAST, Command, Stage, as_run
from bench.measure import OUTPUT
from bench.record import Goal, Record, Run, greatest, ratio

SAMPLE = "5%"
NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def _load(engine: str) -> str:
    return f"load, {NAMES[engine]}"


def _verify(engine: str) -> str:
    return f"verify, {NAMES[engine]}"


def _sampled(engine: str) -> str:
    return f"verify --sample {SAMPLE}, {NAMES[engine]}"


def _proved(stage: Stage, record: Record) -> None:
    data = stage.usage(record.rows)
    for engine in NAMES:
        record.how |= {
            _load(engine): "one worker, into an empty database; the whole command",
            _verify(engine): "right after that load: every row of the file against every row of the table",
            _sampled(engine): "one chunk in twenty, looked up in the table",
        }

    def both(turn: int, engine: str) -> list[Run]:
        loader = holdfast(1, engine)
        ground = stage.ground(loader, data)
        runs = [as_run(stage, loader, ground, stage.observe(loader, ground), turn, name=_load(engine))]
        for name, words in ((_verify(engine), []), (_sampled(engine), ["--sample", SAMPLE])):
            command = ["verify", data.dataset, *words, "--json", "--db", ground.url]
            proving = replace(loader, command=lambda _, words=command: Command([HOLDFAST, *words], cwd=stage.project))
            measured = stage.observe(proving, ground)
            run = as_run(stage, loader, ground, measured, turn, name=name)
            found = json.loads((ground.home / OUTPUT).read_text()) if run.ended else {"rows": {"found": 0}}
            runs.append(replace(run, more={"found": found["rows"]["found"]}))
        return runs

    race(stage, record, [partial(both, engine=engine) for engine in NAMES])


JOBS = (
    Job(
        "verify",
        "Proving the table",
        "`holdfast verify` reads the file again and compares every row of it. Beside it, the load of these rows.",
        _proved,
        tuple(
            goal
            for engine in NAMES
            for goal in (
                Goal(f"{_verify(engine)} / {_load(engine)}", ratio(_verify(engine), _load(engine)), at_most=1.5),
                Goal(f"{_sampled(engine)} / {_load(engine)}", ratio(_sampled(engine), _load(engine))),
                Goal(f"memory of {_verify(engine)}", greatest(_verify(engine), "rss_mb"), unit="MB"),
            )
        ),
    ),
)
