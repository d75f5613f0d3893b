"""Holdfast, and the engines' own bulk loaders as their documentation has them.

Each loader reads the same file into the table that its name says. `\\copy` and `.import` check the types, the key and
the CHECKs of the table and nothing else; they load all of the file or nothing of it.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from bench.load import HOLDFAST, Command, Contender, Ground
from bench.place import SCRIPTS, TABLE, Mariadb
from bench.tools import environment, program
from bench.variants import cut_in_two

DATESTYLE = "--command=SET datestyle = 'ISO, DMY'"  # reads 31/12/2024, and 2024-12-31 as well
ADD_KEY = f"ALTER TABLE {TABLE} ADD PRIMARY KEY (date, bill_id)"


def holdfast(workers: int, engine: str = "postgres") -> Contender:
    def command(ground: Ground) -> Command:
        words = ["load", ground.data.dataset, str(ground.data.file), "--workers", str(workers), "--db", ground.url]
        return Command([HOLDFAST, *words], cwd=ground.stage.project)

    return Contender(
        name=f"holdfast load, {workers} worker{'s' if workers > 1 else ''}{' (SQLite)' if engine == 'sqlite' else ''}",
        engine=engine,
        how="as it comes; the time is the whole command's, with planning, hashing and counting the table",
        command=command,
        key=None,
        upserts=True,
    )


def _copy(file: Path) -> str:
    quoted = str(file).replace("'", "''")
    return rf"--command=\copy {TABLE} FROM '{quoted}' WITH (FORMAT csv, HEADER true)"


def _psql(url: str, *commands: str) -> list[str | Path]:
    quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
    return [program("psql"), url, *quiet, *commands]


def _copy_one(ground: Ground) -> Command:
    return Command(_psql(ground.url, DATESTYLE, _copy(ground.data.file)))


def _copy_two(ground: Ground) -> Command:
    halves = cut_in_two(ground.data.file) if ground.data.rows else [ground.data.file] * 2
    one, two = (shlex.join(map(str, _psql(ground.url, DATESTYLE, _copy(half)))) for half in halves)
    return Command(["sh", "-c", f"{one} & first=$!; {two}; second=$?; wait $first && exit $second"])


def _copy_then_key(ground: Ground) -> Command:
    return Command(_psql(ground.url, DATESTYLE, _copy(ground.data.file), f"--command={ADD_KEY}"))


COPY_KEYED = Contender(
    "psql \\copy, keyed table",
    "postgres",
    "one statement into the contract's table: same key, same CHECKs, without `_origin` and `processed_at`",
    _copy_one,
    tool="psql",
)
COPY_TWO = Contender(
    "two psql \\copy at once, keyed table",
    "postgres",
    "the file cut in two at a line end beforehand, each half by its own process and transaction",
    _copy_two,
    tool="psql",
)
COPY_KEYLESS = Contender(
    "psql \\copy, no key",
    "postgres",
    "the same table without a key: what COPY costs by itself; nothing keeps a row from standing twice",
    _copy_one,
    key="keyless",
    tool="psql",
)
COPY_THEN_KEY = Contender(
    "psql \\copy, key added afterwards",
    "postgres",
    'as the PostgreSQL manual recommends under "Populating a Database": the table without a key, then ALTER TABLE ADD'
    " PRIMARY KEY; for an empty table only, and with one duplicate it fails at the end",
    _copy_then_key,
    key="keyless",
    tool="psql",
)


def _import(ground: Ground) -> Command:
    return Command([program("sqlite3"), _file(ground), f".import --csv --skip 1 '{ground.data.file}' {TABLE}"])


def _file(ground: Ground) -> str:
    return ground.url.removeprefix("sqlite:///")


SQLITE_IMPORT = Contender(
    "sqlite3 .import, keyed table",
    "sqlite",
    "the shell as it comes: one transaction, rollback journal, synchronous=FULL; dates stay the text of the file",
    _import,
    tool="sqlite3",
)


def _duckdb(ground: Ground) -> Command:
    date_format = "%Y-%m-%d" if ground.data.dataset == "usage_iso" else "%d/%m/%Y"
    statement = f"COPY {TABLE} FROM '{ground.data.file}' (FORMAT csv, HEADER true, dateformat '{date_format}')"
    return Command([environment("duckdb"), SCRIPTS / "duckdb_query.py", ground.url, statement])


DUCKDB_OWN = Contender(
    "DuckDB, its own file",
    "duckdb",
    "for comparison: COPY ... FROM of the file into a keyed table of DuckDB itself, an engine for analysis",
    _duckdb,
    tool="duckdb",
)


def _load_data(ground: Ground) -> Command:
    date = "STR_TO_DATE(@day, '%d/%m/%Y')" if ground.data.dataset == "usage" else "@day"
    statement = (
        f"LOAD DATA LOCAL INFILE '{ground.data.file}' INTO TABLE {TABLE} CHARACTER SET utf8mb4 FIELDS TERMINATED BY ','"
        " OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' LINES TERMINATED BY '\\n' IGNORE 1 LINES"
        f" (@day, bill_id, currency, name, product1_revenue, product2_revenue) SET date = {date}"
    )
    client = [program("mariadb"), "--host=127.0.0.1", "--user=root", "--local-infile=1", Mariadb.name]
    return Command([*client, "--execute", statement])


MARIADB_LOAD_DATA = Contender(
    "MariaDB LOAD DATA LOCAL INFILE",
    "mariadb",
    "for comparison: one statement into a keyed InnoDB table of a local server with its own settings",
    _load_data,
    tool="mariadb",
)

POSTGRES_OWN = [COPY_KEYED, COPY_TWO, COPY_KEYLESS, COPY_THEN_KEY]
