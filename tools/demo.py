"""The main job, shown: load a million rows into SQLite, kill the load half-way, go on, load again.

    python -m tools.demo [--rows 1000000]

Uses Holdfast as a person would, by its command line only, in a temporary project. Every number is then compared with
the generator's truth, through a connection of its own; exits 1 and keeps the project when one of them is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.usage_data import make_usage

HOLDFAST = Path(sys.executable).with_name("holdfast")
CHUNK_BYTES = 1024 * 1024  # small, so that a load of a few seconds has many places to be killed in
KILL_AT_SHARE = 0.3
LINES_SHOWN = 24
LOAD_S_MAX = 600


class Wrong(Exception):
    """A number, or an exit code, is not what it must be."""


class Project:
    """A directory with a Holdfast project in it, and the commands run there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # settings of the person's own session must not decide where the demo loads to
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}

    def run(self, command: str) -> None:
        """Run a command to its end and show it. Raises Wrong unless it exits 0."""
        done = self._call(command, stderr=subprocess.STDOUT)
        show(command, done.stdout)
        if done.returncode:
            raise Wrong(f"`holdfast {command}` exited with {done.returncode}, expected 0")

    def status(self) -> dict[str, Any]:
        """What `holdfast status --json` says about the dataset; empty before the load has registered anything."""
        done = self._call("status usage --json")
        datasets = json.loads(done.stdout)["datasets"] if done.returncode == 0 else []
        return datasets[0] if datasets else {}

    def load_and_kill(self, command: str) -> bool:
        """Start a load in its own process group and kill -9 the group. False when it was done before that."""
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            load = subprocess.Popen(
                [HOLDFAST, *command.split()],
                cwd=self.directory, env=self._env, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
            killed = self._wait_for_share(load)
            if killed:
                os.killpg(load.pid, signal.SIGKILL)
            load.wait()
            said.seek(0)
            show(command, said.read())
        return killed

    def _wait_for_share(self, load: subprocess.Popen[bytes]) -> bool:
        end = time.monotonic() + LOAD_S_MAX
        while load.poll() is None:
            if time.monotonic() > end:
                os.killpg(load.pid, signal.SIGKILL)
                load.wait()
                raise Wrong(f"the load made no progress worth killing in {LOAD_S_MAX} s")
            status = self.status()
            if status and status["done"] + status["landed"] >= KILL_AT_SHARE * status["chunks"] > 0:
                return load.poll() is None
        return False

    def _call(self, command: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HOLDFAST, *command.split()],
            cwd=self.directory, env=self._env, stdout=subprocess.PIPE, stderr=stderr,
            text=True, check=False, timeout=LOAD_S_MAX,
        )  # fmt: skip


def say(text: str) -> None:
    print(f"\n# {text}", flush=True)


def show(command: str, said: str) -> None:
    lines = said.rstrip().splitlines()
    print(f"$ holdfast {command}")
    for line in lines[:LINES_SHOWN]:
        print(line)
    if len(lines) > LINES_SHOWN:
        print(f"... {len(lines) - LINES_SHOWN:,} more lines")
    sys.stdout.flush()


def cut_smaller(contract: Path) -> None:
    """Set format.chunk_bytes in a contract, whether or not it has a [format] table."""
    text = re.sub(r"(?m)^chunk_bytes *=.*\n", "", contract.read_text(encoding="utf-8"))
    head, _, rest = text.partition("\n[format]\n")
    contract.write_text(f"{head}\n[format]\nchunk_bytes = {CHUNK_BYTES}\n{rest}", encoding="utf-8")


def stored(database: Path) -> dict[str, dict[str, int]]:
    """Rows and exact cents by currency, counted in the table itself."""
    cents = "sum(CAST(round({} * 100) AS INTEGER))"
    query = (
        f"SELECT currency, count(*), {cents.format('product1_revenue')}, {cents.format('product2_revenue')} "
        "FROM usage_data GROUP BY currency"
    )
    with closing(sqlite3.connect(database)) as connection:
        return {
            currency: {"rows": rows, "product1_cents": cents1, "product2_cents": cents2}
            for currency, rows, cents1, cents2 in connection.execute(query)
        }


def prove(project: Project, truth: dict[str, Any], *, in_full: bool = True) -> None:
    """Compare table and ledger with the truth. Raises Wrong after showing both numbers."""
    status = project.status()
    table = stored(project.directory / "holdfast.db")
    compared = {
        "rows read": (status["rows_read"], truth["rows"]),
        "rows rejected": (status["rows_rejected"], truth["rejected"]),
        "rows in the table": (sum(sums["rows"] for sums in table.values()), truth["keys"]),
    }
    for code, sums in truth["by_currency"].items():
        for what, expected in sums.items():
            compared[f"{code} {what}"] = (table.get(code, {}).get(what, 0), expected)
    for what, (found, expected) in compared.items():
        if in_full or found != expected:
            verdict = "as it must be" if found == expected else f"WRONG: must be {expected:,}"
            print(f"  {what:<20} {found:>19,}  {verdict}")
    if any(found != expected for found, expected in compared.values()):
        raise Wrong("a number above is not what the generator wrote into the file")
    if not in_full:
        print(f"  all {len(compared)} numbers are the same")


def demonstrate(directory: Path, rows: int) -> None:
    project = Project(directory)
    say("A new project, with a contract for usage billing data.")
    project.run("init")
    cut_smaller(directory / "contracts" / "usage.toml")
    say(f"Its file, made anew: {rows:,} rows, 1% of the keys delivered twice, 0.1% of the rows broken in 12 ways.")
    truth = make_usage(directory / "data" / "usage.csv", rows=rows, dup=0.01, bad=0.001)
    project.run("plan usage")
    say("Load it with two workers, and kill -9 all of them once about a third of the chunks are in.")
    if project.load_and_kill("load usage --workers 2"):
        say("Killed. What the ledger knows:")
    else:
        say("It was done before it could be killed; what follows must hold all the same.")
    project.run("status usage")
    say("The same command again goes on where the chunks stopped.")
    project.run("load usage --workers 2")
    say("Every row is there, once. Counted in the table, against what the generator knows:")
    prove(project, truth)
    say("A third time there is nothing to do.")
    project.run("load usage --workers 2")
    prove(project, truth, in_full=False)
    say("And the rows that broke the contract are kept, with reason and place.")
    project.run("rejects list usage")


def main() -> int:
    parser = argparse.ArgumentParser(description="Load, kill, resume, load again, and prove every number.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    directory = Path(tempfile.mkdtemp(prefix="holdfast-demo-"))
    try:
        demonstrate(directory, rows)
    except Wrong as wrong:
        print(f"\nWRONG: {wrong}. The project is kept in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    say("Done: killed, resumed, proven.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
