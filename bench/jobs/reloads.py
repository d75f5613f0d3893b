"""Jobs in which something that was loaded is delivered again: unchanged, under another name, with 5% corrected."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.contenders import holdfast
from bench.jobs.job import Job, race
from bench.load import HOLDFAST, Command, Contender, Data, Stage, as_run, load, present
from bench.measure import observe
from bench.record import Goal, Record, Run, greatest, ratio, typical
from bench.tools import environment, program

TWO = holdfast(2)
FIRST, AGAIN = "first load", "the same file again"
OTHER_NAME, CORRECTED, FEW = "the same rows in other bytes", "5% of the rows corrected", "only 5% of the rows"
NEXT_XID = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"
REWRITTEN = "SELECT COUNT(*) FROM usage_data WHERE CAST(CAST(xmin AS text) AS bigint) >= {since}"
HASH = """
import sys, xxhash
found = xxhash.xxh3_128()
with open(sys.argv[1], "rb", buffering=0) as source:
    while block := source.read(2**20):
        found.update(block)
print(found.hexdigest())
"""
BLAKE3 = "import sys, blake3; print(blake3.blake3(max_threads=blake3.blake3.AUTO).update_mmap(sys.argv[1]).hexdigest())"


def deliveries(stage: Stage, turn: int, steps: Sequence[tuple[str, Data]]) -> list[Run]:
    """One database, one file name, and one load after the other of what is delivered under it."""
    ground = stage.ground(TWO, steps[0][1])
    delivered = ground.home / "usage.csv"
    runs = []
    for name, data in steps:
        deliver(data, delivered)
        now = replace(ground, data=replace(data, file=delivered))
        since = stage.postgres.query(NEXT_XID)[0][0]
        run = as_run(stage, TWO, now, stage.observe(TWO, now), turn, name=name)
        rewritten = stage.postgres.query(REWRITTEN.format(since=since))[0][0] if run.ended else 0
        runs.append(replace(run, more={"rewritten": rewritten}))
    return runs


def deliver(data: Data, to: Path) -> None:
    """The file under another name, in place of what was there: a link, no copy."""
    new = to.with_suffix(".new")
    os.link(data.file, new)
    new.replace(to)


def _hasher(name: str, how: str, command: Callable[[str], list[str | Path]], tool: str = "") -> Contender:
    return Contender(name, "sqlite", how, lambda ground: Command(command(str(ground.data.file))), key=None, tool=tool)


HASHERS = [
    _hasher("xxh3 in Python", "reads blocks of 1 MiB and hashes them", lambda file: [sys.executable, "-c", HASH, file]),
    _hasher("xxhsum", "`xxhsum -H2` of Debian", lambda file: [program("xxhsum"), "-H2", file], "xxhsum"),
    _hasher("b3sum", "Debian's; on all cores", lambda file: [program("b3sum"), file], "b3sum"),
    _hasher(
        "blake3 in Python", "PyPI; on all cores", lambda file: [environment("blake3"), "-c", BLAKE3, file], "blake3"
    ),
]


def _unchanged(stage: Stage, record: Record) -> None:
    data = stage.usage(record.rows)
    record.how = {FIRST: TWO.how, AGAIN: "the ledger knows the content"}

    def ours(turn: int) -> list[Run]:
        ground = stage.ground(TWO, data)
        return [as_run(stage, TWO, ground, stage.observe(TWO, ground), turn, name=name) for name in (FIRST, AGAIN)]

    def hashed(turn: int, hasher: Contender) -> list[Run]:
        ground = stage.ground(hasher, data)
        measured = stage.observe(hasher, ground)
        return [replace(as_run(stage, hasher, ground, measured, turn), note="")]

    hashers = [partial(hashed, hasher=hasher) for hasher in present(record, stage, HASHERS)]
    race(stage, record, [ours, *hashers])


def _renamed(stage: Stage, record: Record) -> None:
    first, other = stage.usage(record.rows), stage.usage(record.rows, crlf=True)
    record.how = {FIRST: TWO.how, OTHER_NAME: "line ends are CR LF, so every byte range differs; no value does"}

    def both(turn: int) -> list[Run]:
        return deliveries(stage, turn, [(FIRST, first), (OTHER_NAME, other)])

    race(stage, record, [both])


def _corrected(stage: Stage, record: Record) -> None:
    first, other = stage.usage(record.rows), stage.usage(record.rows, changed=0.05)
    few = stage.usage(max(1, record.rows // 20))
    record.how = {
        FIRST: TWO.how,
        CORRECTED: "a new version of the file: every 20th row has another amount, so every chunk differs",
        FEW: "a twentieth of the rows into an empty table",
    }

    def both(turn: int) -> list[Run]:
        return deliveries(stage, turn, [(FIRST, first), (CORRECTED, other)])

    def small(turn: int) -> list[Run]:
        return [load(stage, TWO, few, turn, name=FEW)]

    race(stage, record, [both, small])


def _planned(stage: Stage, record: Record) -> None:
    whole, tiny = stage.usage(record.rows), stage.usage(1)
    names = {"holdfast plan": whole, "holdfast plan, one row": tiny}
    record.how = {
        "holdfast plan": "the whole command, into an empty database, the file just written and so in the page cache",
        "holdfast plan, one row": "what starting the program takes",
    }

    def planned(turn: int, name: str, data: Data) -> list[Run]:
        home = stage.new_home()
        command = [HOLDFAST, "plan", data.dataset, data.file, "--db", f"sqlite:///{home}/plan.db"]
        m = observe(command, stage.project, output=home / "output")
        size_gb = data.file.stat().st_size / 1e9
        note = f"exit code {m.exit_code}" if m.exit_code else ""
        more = {"gb_per_s": size_gb / m.wall_s, "gb": size_gb}
        figures = {"client_s": m.client_s, "rss_mb": m.rss_mb, "largest_mb": m.largest_mb}
        return [Run(name, turn, data.rows, m.wall_s, **figures, note=note, ended=not note, more=more)]

    race(stage, record, [partial(planned, name=name, data=data) for name, data in names.items()])


def _cost(record: Record) -> float | None:
    """Time against time, not time a row: the few rows are all that is new."""
    corrected, few = typical(CORRECTED, "wall_s")(record), typical(FEW, "wall_s")(record)
    return corrected / few if corrected is not None and few is not None else None


def _net_speed(record: Record) -> float | None:
    """Gigabytes a second without the start of the program."""
    whole, start = typical("holdfast plan", "wall_s")(record), typical("holdfast plan, one row", "wall_s")(record)
    size_gb = typical("holdfast plan", "gb")(record)
    if whole is None or start is None or size_gb is None or whole <= start:
        return None
    return size_gb / (whole - start)


JOBS = (
    Job(
        "reload-unchanged",
        "The same file again",
        "A load of known content has nothing to do but to find that out: read the file and hash it.",
        _unchanged,
        (
            Goal(f"{AGAIN} / {HASHERS[1].name}", ratio(AGAIN, HASHERS[1].name), at_most=1.5),
            Goal(f"{AGAIN} / {HASHERS[0].name}", ratio(AGAIN, HASHERS[0].name), at_most=1.5),
            Goal(f"{AGAIN} / {FIRST}", ratio(AGAIN, FIRST)),
        ),
    ),
    Job(
        "reload-renamed",
        "The same rows in other bytes",
        "A file that holds what is there already, and that no hash knows: nothing may be rewritten.",
        _renamed,
        (
            Goal(f"{OTHER_NAME} / {FIRST}", ratio(OTHER_NAME, FIRST), at_most=1.0),
            Goal("rows rewritten in the table (by xmin)", greatest(OTHER_NAME, "rewritten"), at_most=0, unit="rows"),
        ),
    ),
    Job(
        "reload-5-percent",
        "A file with corrections",
        "Every 20th row of the file has another amount.",
        _corrected,
        (
            Goal(f"{CORRECTED} / {FIRST}", ratio(CORRECTED, FIRST)),
            Goal(f"time of {CORRECTED} / time of {FEW}", _cost),
            Goal("rows rewritten in the table (by xmin)", greatest(CORRECTED, "rewritten"), unit="rows"),
        ),
    ),
    Job(
        "planning",
        "Planning",
        "Record ends found, file and chunks hashed; nothing written.",
        _planned,
        (
            Goal("holdfast plan", typical("holdfast plan", "gb_per_s"), at_least=1.0, unit="GB/s"),
            Goal("without the start of the program", _net_speed, unit="GB/s"),
        ),
    ),
)
