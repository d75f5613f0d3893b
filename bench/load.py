"""Measures whole loads against the engine's own bulk loader: `sqlite3 .import` and `psql \\copy`.

    python -m bench.load --rows 5000000 [--order sorted] [--workers 1] [--postgres URL] [--only sqlite]

Both sides load the same file into an empty table with the same key, and both are timed from process start to process
end; ours includes planning and hashing the file. Without --postgres a private server is started, which runs without
fsync for both sides. Single runs: expect 10 to 15% of noise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa

from bench.usage_data import make_usage
from tests.support.postgres_server import PostgresServer

HOLDFAST = Path(sys.executable).with_name("holdfast")
POSTGRES_TABLE = (
    "CREATE TABLE usage_data (date date, bill_id bigint, currency varchar(3), name varchar(200),"
    " product1_revenue numeric(15,2), product2_revenue numeric(15,2), PRIMARY KEY (date, bill_id));"
)
SQLITE_TABLE = (
    "CREATE TABLE usage_data (date TEXT, bill_id INTEGER, currency TEXT, name TEXT,"
    " product1_revenue NUMERIC, product2_revenue NUMERIC, PRIMARY KEY (date, bill_id)) WITHOUT ROWID;"
)
# The contract's table has them too, so that both sides keep the same indexes.
INDEXES = "CREATE INDEX usage_date ON usage_data (date); CREATE INDEX usage_currency ON usage_data (currency);"


def seconds(command: list[str | Path], cwd: Path) -> float:
    """Run a command to its end. Raises CalledProcessError, with what it said, when it fails."""
    start = time.monotonic()
    # settings of the person's own session must not decide what is measured
    env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout, done.stderr, file=sys.stderr)
        done.check_returncode()
    return time.monotonic() - start


def ours(project: Path, database: str, workers: int) -> float:
    command: list[str | Path] = [HOLDFAST, "load", "usage", "--db", database, "--workers", str(workers)]
    return seconds(command, project)


def sqlite_import(project: Path) -> float:
    steps = [SQLITE_TABLE + INDEXES, ".import --csv --skip 1 data/usage.csv usage_data"]
    return seconds(["sqlite3", "theirs.db", *steps], project)


def psql_copy(project: Path, url: str) -> float:
    steps = [POSTGRES_TABLE + INDEXES, "SET datestyle = 'ISO, DMY'", r"\copy usage_data FROM data/usage.csv CSV HEADER"]
    return seconds(["psql", url, "--no-psqlrc", "--quiet", *[f"--command={step}" for step in steps]], project)


@contextmanager
def postgres(url: str | None) -> Iterator[Callable[[], str]]:
    """Gives a maker of fresh databases; they are dropped in the end."""
    if url is None:
        with PostgresServer() as server, postgres(server.url) as fresh:
            yield fresh
        return
    made: list[str] = []

    def fresh_database() -> str:
        made.append(f"holdfast_bench_{uuid.uuid4().hex}")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {made[-1]}".encode())
        return sa.make_url(url).set(database=made[-1]).render_as_string(hide_password=False)

    try:
        yield fresh_database
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in made:
                connection.execute(f"DROP DATABASE {name}".encode())


def report(engine: str, rows: int, theirs_s: float, ours_s: float) -> None:
    print(f"{engine:<10} {rows / theirs_s:>12,.0f} {rows / ours_s:>12,.0f} {theirs_s / ours_s:>8.2f}x", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure loads against sqlite3 .import and psql \\copy.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--order", choices=["random", "sorted"], default="sorted")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--postgres", metavar="URL", help="a server to make databases on; a private one if left out")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name:
        project = Path(name)
        seconds([HOLDFAST, "init"], project)
        make_usage(project / "data" / "usage.csv", rows=options.rows, order=options.order)
        print(f"{options.rows:,} rows, {options.order} keys, {options.workers} worker(s), rows a second")
        print(f"{'':<10} {'their own':>12} {'Holdfast':>12}")
        if options.only != "postgres":
            theirs_s = sqlite_import(project)
            report("SQLite", options.rows, theirs_s, ours(project, "sqlite:///ours.db", options.workers))
        if options.only != "sqlite":
            with postgres(options.postgres) as fresh:
                theirs_s = psql_copy(project, fresh())
                report("PostgreSQL", options.rows, theirs_s, ours(project, fresh(), options.workers))


if __name__ == "__main__":
    main()
