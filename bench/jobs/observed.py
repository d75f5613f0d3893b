"""What is seen rather than timed: a tool that is killed half-way, and a file in which some rows are bad."""

from __future__ import annotations

from collections.abc import Callable

from bench.contenders import COPY_KEYED, COPY_TWO, SQLITE_IMPORT, holdfast
from bench.jobs.job import Job
from bench.load import Contender, Ground, Stage, difference, load, present, said
from bench.peers import POSTGRES_PEERS, SQLITE_PEERS
from bench.place import TABLE, NothingThere
from bench.record import Record
from bench.usage_data import ISO_DATE

CONTENDERS = [holdfast(2), COPY_KEYED, COPY_TWO, *POSTGRES_PEERS, holdfast(1, "sqlite"), SQLITE_IMPORT, *SQLITE_PEERS]
BAD_SHARE = 0.001
NO_TABLE = "no table"
PATIENCE_S, PATIENCE_TIMES = 20.0, 10.0
"""How long a second try may take, whatever the first one took: some try row by row what is there already."""
Seen = Callable[[Stage, Record, Contender], dict[str, str]]


def _each(look: Seen) -> Callable[[Stage, Record], None]:
    def run(stage: Stage, record: Record) -> None:
        for contender in present(record, stage, CONTENDERS):
            seen = {"": contender.name, **look(stage, record, contender)}
            record.seen.append(seen)
            record.save(stage.results)
            print("  " + " · ".join(seen.values()), flush=True)

    return run


def _killed(stage: Stage, record: Record, contender: Contender) -> dict[str, str]:
    """Load once undisturbed, to know the time; once killed at half of it; then run the same command again."""
    data = stage.usage(record.rows, order="sorted", date_format=ISO_DATE)
    calm = load(stage, contender, data, 0)
    ground = stage.ground(contender, data)
    killed = stage.observe(contender, ground, kill_after_s=calm.wall_s / 2)
    left = _rows_in_table(stage, ground, contender)
    again = stage.observe(contender, ground, kill_after_s=PATIENCE_S + PATIENCE_TIMES * calm.wall_s)
    wrong = difference(stage.place(contender.engine), data)
    if again.killed:
        after = f"stopped after {again.wall_s:.0f} s (undisturbed: {calm.wall_s:.1f} s);"
        after += f" {_rows_in_table(stage, ground, contender)}"
    elif again.exit_code:
        after = f"fails: {said(ground.home)}; {_rows_in_table(stage, ground, contender)}"
    else:
        after = f"finishes in {again.wall_s:.1f} s (undisturbed: {calm.wall_s:.1f} s)"
        after += f", but {wrong}" if wrong else ", the table is right"
    return {
        "killed after": f"{killed.wall_s:.1f} s" if killed.killed else "had ended by then",
        "what the kill leaves": left,
        "the same command again": after,
    }


def _bad(stage: Stage, record: Record, contender: Contender) -> dict[str, str]:
    data = stage.usage(record.rows, order="sorted", date_format=ISO_DATE, bad=BAD_SHARE)
    ground = stage.ground(contender, data)
    ended = stage.observe(contender, ground)
    wrong = difference(stage.place(contender.engine), data)
    outcome = f"fails: {said(ground.home)}" if ended.exit_code else "succeeds"
    rows = _rows_in_table(stage, ground, contender)
    return {
        "the command": f"stopped after {stage.run_s_max:,.0f} s" if ended.killed else outcome,
        "rows in the table": rows,
        "good rows": f"{data.kept:,} of {data.rows:,}",
        "verdict": _verdict(rows, failed=bool(ended.exit_code), wrong=wrong),
    }


def _verdict(rows: str, *, failed: bool, wrong: str) -> str:
    if failed:
        return "refuses the file" if rows in (NO_TABLE, "0 rows") else "stops part way; what it wrote stays"
    return f"**exit code 0, and wrong**: {wrong}" if wrong else "all good rows and nothing else"


def _rows_in_table(stage: Stage, ground: Ground, contender: Contender) -> str:
    try:
        return f"{stage.place(contender.engine).found(TABLE, ground.data.money)[0]:,} rows"
    except NothingThere:
        return NO_TABLE


JOBS = (
    Job(
        "kill",
        "What a kill -9 leaves",
        "Each command is killed at half the time it takes undisturbed, with all its processes, and then run again as it"
        " is. What it does by itself counts; nobody cleans up in between.",
        _each(_killed),
        rows_max=500_000,
    ),
    Job(
        "bad-rows",
        "What becomes of bad rows",
        "One row in a thousand breaks the contract, in twelve ways: dates that do not exist, text for numbers, too many"
        " decimals, negative amounts, missing and extra fields, stray quotes.",
        _each(_bad),
        rows_max=100_000,
    ),
)
