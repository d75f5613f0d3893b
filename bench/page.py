"""Makes docs/benchmarks.md from the kept results: targets first, then every job, then how each contender is configured.

The words are here, the figures are in the records; nothing is run. What was not measured says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.jobs import JOBS
from bench.jobs.job import Job
from bench.plots import draw
from bench.record import Record, Run, median, records

HEAD = """# Benchmarks

`make bench` measures whole loads, of Holdfast and of what else loads a CSV, on the machine it runs on, and writes this
page. `make bench ROWS=20000000` takes larger files; `python -m bench --list` names the jobs, `--only JOB` runs one.

- All contenders of a job take turns in one go: every round each of them once, and who goes first changes every round.
  Times are medians of the rounds, ratios the median of the ratios within a round, memory the greatest.
- A load is timed from the start of its command to its end. Before it there is a new database with an empty table
  (unless said otherwise) and a CHECKPOINT; afterwards the rows are counted and an amount is summed, and both are
  compared with what the generator of the file knows. *right* means that both agree.
- Client processor time and memory are those of the whole process tree; server processor time is that of all of the
  server's processes.
- Rows are usage bills of about 55 bytes: date, number, currency, name, two amounts; 2% of the names have quotes, commas
  or line breaks in them. The key is date and number.
"""
COLUMNS = ("", "rows", "rows/s", "seconds", "client CPU s", "server CPU s", "peak MB", "of one process", "afterwards")


def write_page(page: Path, results: Path) -> None:
    found = {record.job: record for record in records(results)}
    plots = draw(page.with_suffix(""), found)
    parts = [HEAD, goals(found)]
    parts += [section(job, found[job.name], plots.get(job.name)) for job in JOBS.values() if job.name in found]
    parts += [configured(found.values()), measured_on(found.values())]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n\n".join(part.strip() for part in parts if part) + "\n", encoding="utf-8")


def goals(found: dict[str, Record]) -> str:
    """Every ratio with its target. Below 1x Holdfast took less time."""
    rows = []
    for job in JOBS.values():
        record = found.get(job.name)
        name, size = (f"[{job.name}](#{job.name})", f"{record.rows:,}") if record else (job.name, "")
        for goal in job.goals:
            value = goal.figure(record) if record else None
            rows.append((name, size, goal.what, goal.target(), goal.found(value), goal.verdict(value)))
    words = "`a / b` is the time of a over that of b: below 1x, a took less. Other figures say what they are of."
    head = ("job", "rows", "ratio", "target", "found", "")
    return f"## Targets\n\n{words}\n\n" + "\n".join(table(head, rows, numbers={1, 3, 4}))


def section(job: Job, record: Record, plot: str | None) -> str:
    parts = [f"## {job.name}", f"**{job.title}.** {job.why}", summary(record)]
    if plot:
        parts.append(f"![{job.title}]({plot})")
    if record.runs and job.table:
        parts.append("\n".join(figures(record)))
    if record.seen:
        parts.append("\n".join(table(list(record.seen[0]), [list(seen.values()) for seen in record.seen])))
    if record.absent:
        parts.append("\n".join(["Not there:", "", *(f"- {name}: {why}" for name, why in record.absent.items())]))
    return "\n\n".join(parts)


def summary(record: Record) -> str:
    rounds = f", {record.rounds} round{'s' if record.rounds > 1 else ''}" if record.runs else ""
    return f"{record.rows:,} rows{rounds}, {record.date}."


def figures(record: Record) -> list[str]:
    """A line for each contender, or for each of its x; the first one is Holdfast."""
    groups: dict[tuple[str, float | None], list[Run]] = {}
    for run in record.runs:
        groups.setdefault((run.contender, run.x), []).append(run)
    with_x = any(x is not None for _, x in groups)
    rows = [line(name, x, runs, record) for (name, x), runs in groups.items()]
    if with_x:
        head = (COLUMNS[0], JOBS[record.job].plot, *COLUMNS[1:])
        return table(head, rows, numbers=set(range(1, len(head) - 1)))
    return table(COLUMNS, [(row[0], *row[2:]) for row in rows], numbers=set(range(1, len(COLUMNS) - 1)))


def line(name: str, x: float | None, runs: list[Run], record: Record) -> list[str]:
    ended = [run for run in runs if run.ended]
    marked = f"{name} (upserts)" if name in record.upserting and not name.startswith("holdfast") else name
    notes = "; ".join(dict.fromkeys(run.note for run in runs if run.note)) or "right"
    at = "" if x is None else f"{x:,.10g}"
    rows = f"{runs[0].rows:,}"
    if not ended:
        return [marked, at, rows, *["-"] * 6, notes]
    wall_s = median(ended, lambda run: run.wall_s)
    server_s = median(ended, lambda run: run.server_s)
    return [
        marked,
        at,
        rows,
        f"{median(ended, lambda run: run.rows_per_s):,.0f}",
        f"{wall_s:.2f}",
        f"{median(ended, lambda run: run.client_s):.2f}",
        f"{server_s:.2f}" if server_s else "-",
        f"{max(run.rss_mb for run in ended):,.0f}",
        f"{max(run.largest_mb for run in ended):,.0f}",
        notes,
    ]


def configured(found: Iterable[Record]) -> str:
    how: dict[str, str] = {}
    for record in found:
        how |= {name: text for name, text in record.how.items() if text}
    rows = [(name, text) for name, text in how.items()]
    return "## How each is configured\n\n" + "\n".join(table(("contender", ""), rows)) if rows else ""


def measured_on(found: Iterable[Record]) -> str:
    """One paragraph for each machine and set of versions, with the jobs that ran there."""
    jobs: dict[str, list[str]] = {}
    for record in found:
        told = ", ".join(f"{name}: {value}" for name, value in (record.machine | record.versions).items())
        jobs.setdefault(told, []).append(record.job)
    if not jobs:
        return ""
    return "## Measured on\n\n" + "\n\n".join(f"{', '.join(names)}: {told}." for told, names in jobs.items())


def table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: set[int] | None = None) -> Iterator[str]:
    head = list(head)
    yield "| " + " | ".join(head) + " |"
    yield "|" + "|".join("---:" if i in (numbers or set()) else "---" for i in range(len(head))) + "|"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
