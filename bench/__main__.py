"""The benchmark suite: runs its jobs, keeps what they measured, writes the page.

    python -m bench [--rows N] [--rounds N] [--only JOB,JOB] [--postgres URL] [--page docs/benchmarks.md]
    python -m bench --list
    python -m bench --page-only          make the page again from the kept results
    python -m bench --quick              one small round of everything; the page goes to a temporary directory

Results go beside the page (docs/benchmarks/results/JOB.json); the page is made from all that are there, so a job can be
run again by itself. Without --postgres (or HOLDFAST_BENCH_POSTGRES) a private server is started, which runs without
fsync, for all contenders alike. Third-party tools are installed into environments of their own when they are needed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

from bench.jobs import JOBS
from bench.jobs.job import Job
from bench.load import Stage
from bench.machine import machine, today, versions
from bench.page import write_page
from bench.record import Record
from tests.support.postgres_server import PostgresServer

QUICK_ROWS = 20_000
PAGE = Path("docs/benchmarks.md")


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures Holdfast and what it stands beside.")
    parser.add_argument("--list", action="store_true", help="name the jobs")
    parser.add_argument("--only", metavar="JOB[,JOB]", type=_jobs, default=list(JOBS.values()))
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help=f"one round of {QUICK_ROWS:,} rows, to see that it works")
    parser.add_argument("--page-only", action="store_true", help="run nothing, make the page from the results")
    parser.add_argument("--page", type=Path, metavar="FILE", help=f"{PAGE} unless given")
    parser.add_argument("--postgres", metavar="URL", default=os.environ.get("HOLDFAST_BENCH_POSTGRES"))
    parser.add_argument("--run-s-max", type=float, default=600.0, help="stop a single load after so many seconds")
    options = parser.parse_args(arguments)
    if options.quick:
        options.rows, options.rounds = QUICK_ROWS, 1
    if options.page is None:
        options.page = Path(tempfile.mkdtemp(prefix="holdfast-bench-page-")) / PAGE.name if options.quick else PAGE
    return options


def _jobs(text: str) -> list[Job]:
    names = text.split(",")
    unknown = [name for name in names if name not in JOBS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no job {', '.join(unknown)}; there are {', '.join(JOBS)}")
    return [JOBS[name] for name in names]


def run_jobs(options: argparse.Namespace, results: Path) -> None:
    with ExitStack() as server, ExitStack() as stack:  # the server goes last: databases on it are dropped before
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holdfast-bench-")))

        @cache
        def postgres_url() -> str:
            return options.postgres or server.enter_context(PostgresServer()).url

        stage = Stage(home, results, options.rows, postgres_url, options.run_s_max)
        stack.enter_context(closing(stage))
        for job in options.only:
            run_job(job, stage, options.rounds)
            write_page(options.page, results)


def run_job(job: Job, stage: Stage, rounds: int) -> None:
    rows = min(stage.rows, job.rows_max or stage.rows)
    rounds = min(rounds, job.rounds_max or rounds)
    print(f"{job.name}: {rows:,} rows, {rounds} round{'s' if rounds > 1 else ''}", flush=True)
    record = Record(job.name, rows, rounds, today(), machine(), versions())
    job.run(stage, record)
    record.versions |= stage.versions()
    record.save(stage.results)
    stage.forget_files()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # databases and processes are cleaned up then, too
    options = parse_options()
    results = options.page.with_suffix("") / "results"
    if options.list:
        width = max(map(len, JOBS))
        print("\n".join(f"{job.name:<{width}}  {job.title}" for job in JOBS.values()))
    elif options.page_only:
        write_page(options.page, results)
    else:
        run_jobs(options, results)
        print(f"the page is {options.page}")


if __name__ == "__main__":
    main()
