"""Measures whole loads against the engine's own bulk loader: `sqlite3 .import` and `psql \\copy`.

    python -m bench.load --rows 5000000 [--order sorted] [--workers 1] [--rounds 3] [--postgres URL] [--only sqlite]
                         [--indexes] [--write docs/benchmarks.md]

Contenders take turns, and who goes first changes every round; figures are medians of the rounds, memory the greatest.
All are timed from process start to process end; Holdfast's time includes planning and hashing the file. Without
--postgres a private server is started, which runs without fsync for both sides.
"""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sqlite3
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pyarrow as pa

import holdfast
from bench.contenders import Place, Postgres, Sqlite, postgres_databases
from bench.measure import Measured, median
from bench.usage_data import make_usage
from tests.support.postgres_server import PostgresServer
from tests.support.usage_project import CONTRACT

HOLDFAST = Path(sys.executable).with_name("holdfast")
INDEXES = '[[indexes]]\ncolumns = ["date"]\n[[indexes]]\ncolumns = ["currency"]\n'
COLUMNS = "| | rows/s | seconds | client CPU s | server CPU s | peak RSS MB |\n|---|---:|---:|---:|---:|---:|"
MARK = "<!-- measured -->"
THEIRS = {"SQLite": "`sqlite3 .import`", "PostgreSQL": "`psql \\copy`"}


def make_project(home: Path, options: argparse.Namespace) -> holdfast.Contract:
    text = CONTRACT.format(
        disposition="merge", publish="auto", key='primary_key = ["date", "bill_id"]', chunk_bytes=options.chunk_bytes
    ) + (INDEXES if options.indexes else "")
    (home / "contracts").mkdir()
    (home / "data").mkdir()
    (home / "contracts" / "usage.toml").write_text(text)
    (home / "holdfast.toml").write_text("")
    make_usage(home / "data" / "usage.csv", rows=options.rows, order=options.order)
    return holdfast.Contract.model_validate({"name": "usage", **tomllib.loads(text)})


def places(options: argparse.Namespace, home: Path, contract: holdfast.Contract, stack: ExitStack) -> Iterator[Place]:
    if options.only != "postgres":
        yield Sqlite(home, contract)
    if options.only != "sqlite":
        url = options.postgres or stack.enter_context(PostgresServer()).url
        fresh, pid = stack.enter_context(postgres_databases(url))
        with psycopg.connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL server {version}", flush=True)
        yield Postgres(home, contract, fresh, pid)


def compare(place: Place, options: argparse.Namespace) -> tuple[Measured, Measured]:
    """Medians of theirs and ours."""
    command: list[str | Path] = [HOLDFAST, "load", "usage", "--workers", str(options.workers)]
    theirs: list[Measured] = []
    ours: list[Measured] = []
    for turn in range(options.rounds):
        first, second = (place.theirs, lambda: place.ours(command))[:: -1 if turn % 2 else 1]
        pair = [first(), second()][:: -1 if turn % 2 else 1]
        theirs.append(pair[0])
        ours.append(pair[1])
        print(f"{place.title} round {turn + 1}: {pair[0].wall_s:.2f} s, Holdfast {pair[1].wall_s:.2f} s", flush=True)
    return median(theirs), median(ours)


def line(name: str, rows: int, m: Measured) -> str:
    server = f"{m.server_s:.2f}" if m.server_s else "-"
    return f"| {name} | {rows / m.wall_s:,.0f} | {m.wall_s:.2f} | {m.client_s:.2f} | {server} | {m.rss_mb:.0f} |"


def section(place: Place, options: argparse.Namespace) -> str:
    theirs, ours = compare(place, options)
    words = f"{options.rows:,} rows, {options.order} keys, {options.workers} worker(s)"
    words += ", two more indexes" if options.indexes else ""
    table = [COLUMNS, line(THEIRS[place.title], options.rows, theirs), line("`holdfast load`", options.rows, ours)]
    ratio = f"Holdfast: **{theirs.wall_s / ours.wall_s:.2f}x** the speed of {THEIRS[place.title]}."
    return f"### {place.title}: {words}\n\n" + "\n".join(table) + f"\n\n{ratio}\n"


def machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, pyarrow {pa.__version__}"
    )


def write(page: Path, sections: list[str]) -> None:
    """Put what was measured below the page's mark; what stands above it is left as it is."""
    above, mark, _ = page.read_text().partition(MARK)
    if not mark:
        raise SystemExit(f"{page} has no line {MARK!r}, so nothing was written")
    told = f"`python -m bench.load {shlex.join(sys.argv[1:])}` on {machine()}:"
    page.write_text("\n\n".join([above + mark, told, *(section.strip() for section in sections)]) + "\n")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure loads against sqlite3 .import and psql \\copy.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--order", choices=["random", "sorted"], default="sorted")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk-bytes", type=int, default=16 * 1024 * 1024)
    parser.add_argument("--indexes", action="store_true", help="give the table two indexes beside its key")
    parser.add_argument("--postgres", metavar="URL", help="a server to make databases on; a private one if left out")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables on this page, in place of the old")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as name, ExitStack() as stack:
        home = Path(name)
        contract = make_project(home, options)
        sections = []
        for place in places(options, home, contract, stack):
            sections.append(section(place, options))
            print(sections[-1], flush=True)
        if options.write:
            write(options.write, sections)


if __name__ == "__main__":
    main()
