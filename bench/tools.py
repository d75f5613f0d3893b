"""The third-party tools, each in a virtual environment of its own: they ask for different versions of the same things.

An environment is made when a contender first asks for it, below $HOLDFAST_BENCH_CACHE, $XDG_CACHE_HOME/holdfast-bench
or ~/.cache/holdfast-bench, and kept. What cannot be had is `Absent`, with the reason in the words of who refused.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

PACKAGES: dict[str, tuple[str, ...]] = {
    "dlt": ("dlt[postgres]==1.31.0", "pyarrow==26.0.1", "pandas==3.1.1", "sqlalchemy==2.0.58", "alembic"),
    "duckdb": ("duckdb==2.0.0",),
    "ingestr": ("ingestr==0.15.9",),  # later ones fetch their program from GitHub when they first run
    "sling": ("sling-linux-amd64==1.4.11",),  # likewise
    "pandas": ("pandas==3.1.1", "sqlalchemy==2.1.9", "psycopg2-binary==2.9.13"),
    "polars": ("polars==2.1.0", "adbc-driver-postgresql==1.13.0", "pyarrow==26.0.1"),
    "meltanolabs-target-postgres": ("meltanolabs-target-postgres==0.8.1",),
    "pipelinewise-target-postgres": ("pipelinewise-target-postgres==2.1.2",),
    "blake3": ("blake3==1.0.11",),
    "matplotlib": ("matplotlib==3.11.2",),
}
LAST_WORDS_LETTERS_MAX = 200
DEBIAN = {
    "psql": "postgresql-client",
    "sqlite3": "sqlite3",
    "pgloader": "pgloader",
    "mariadb": "mariadb-client",
    "xxhsum": "xxhash",
    "b3sum": "b3sum",
}


class Absent(Exception):
    """A contender cannot take part; the message says why."""


def program(name: str) -> str:
    """The path of a program of the system."""
    found = shutil.which(name)
    if found is None:
        raise Absent(f"`{name}` is not on the PATH (Debian: `apt install {DEBIAN.get(name, name)}`)")
    return found


@cache
def environment(tool: str) -> Path:
    """The Python of a tool's environment, which is made first if need be."""
    packages = PACKAGES[tool]
    mark = sha256(" ".join((*packages, sys.version)).encode()).hexdigest()[:8]
    home = _cache() / f"{tool}-{mark}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        print(f"installing {' '.join(packages)}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
        (home / "complete").touch()
    return python


def installed(tool: str, name: str) -> Path:
    """A program that a tool's environment brought along."""
    return environment(tool).with_name(name)


def version_of(tool: str) -> str:
    """Of a tool: the pinned packages; of a program: what it says of itself."""
    if tool in PACKAGES:
        return ", ".join(PACKAGES[tool])
    done = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.split("\n", 1)[0].strip()[:60]


def answer(command: Sequence[str | Path]) -> str:
    """What a short command prints. One that fails makes its contender absent, in the command's own last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Absent(last_words(done.stderr))
    return done.stdout.strip()


def last_words(text: str) -> str:
    """The line that says why it failed: the last that begins with an error, else the last with one, else the last."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if any(letter.isalpha() for letter in line)]
    for pattern in (r"^[\w.]*(Error|Exception|ERROR)\b", r"(?i)error", ""):
        for line in reversed(lines):
            if re.search(pattern, line):
                return re.sub(r"https?://\S+", "(its server)", line)[:LAST_WORDS_LETTERS_MAX]
    return "nothing was said"


def _cache() -> Path:
    given = os.environ.get("HOLDFAST_BENCH_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "holdfast-bench"


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Absent(f"could not be installed: {last_words(done.stdout)}")
