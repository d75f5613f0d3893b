"""Other tools that load CSV into a database, each configured for this job as its own documentation has it.

The job: rows of a CSV with ISO dates are upserted into a table on the key (date, bill_id); money stays exact. Each tool
gets the keyed table beforehand where it can use one. A tool that makes its own table is told the columns' types.
"""

from __future__ import annotations

import json
import shlex

import sqlalchemy as sa

from bench.load import Command, Contender, Ground
from bench.place import SCRIPTS, TABLE
from bench.tools import answer, environment, installed, program

COLUMN_TYPES = {
    "date": "date",
    "bill_id": "bigint",
    "product1_revenue": "decimal(15,2)",
    "product2_revenue": "decimal(15,2)",
}
TYPES = {
    "date": "DATE",
    "bill_id": "BIGINT",
    "currency": "VARCHAR",
    "name": "VARCHAR",
    "product1_revenue": "DECIMAL(15,2)",
    "product2_revenue": "DECIMAL(15,2)",
}
KEY = ("date", "bill_id")


def _with_password(url: str) -> str:
    """Some tools want to see a password, also where the server asks for none."""
    parsed = sa.make_url(url)
    return parsed.set(password=parsed.password or "none").render_as_string(hide_password=False)


def _dlt(reader: str, ground: Ground) -> Command:
    script = SCRIPTS / "dlt_load.py"
    words = [environment("dlt"), script, ground.data.file, _with_password(ground.url), reader, ground.home / "dlt"]
    return Command(words, {"DLT_DATA_DIR": str(ground.home / "dlt-data")})


def _pandas(ground: Ground) -> Command:
    return Command([environment("pandas"), SCRIPTS / "pandas_load.py", ground.data.file, ground.url])


def _polars(ground: Ground) -> Command:
    return Command([environment("polars"), SCRIPTS / "polars_load.py", ground.data.file, ground.url])


def _ingestr(ground: Ground) -> Command:
    keys = [f"--primary-key={name}" for name in KEY]
    types = ",".join(f"{name}:{kind}" for name, kind in COLUMN_TYPES.items())
    source = [f"--source-uri=csv://{ground.data.file}", "--source-table=usage"]
    target = [f"--dest-uri={ground.url}", f"--dest-table=public.{TABLE}", f"--columns={types}"]
    strategy = ["--incremental-strategy=merge", *keys, "--yes", "--progress=log"]
    silent = {"DISABLE_TELEMETRY": "true", "INGESTR_DISABLE_TELEMETRY": "true"}
    return Command([installed("ingestr", "ingestr"), "ingest", *source, *target, *strategy], silent)


def _sling(ground: Ground) -> Command:
    python = environment("sling")
    binary = next(python.parents[1].glob("lib/python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"))
    source = [f"--src-stream=file://{ground.data.file}", "--src-options", json.dumps({"columns": COLUMN_TYPES})]
    target = [
        "--tgt-conn=TARGET",
        f"--tgt-object=public.{TABLE}",
        "--mode=incremental",
        f"--primary-key={','.join(KEY)}",
    ]
    env = {
        "TARGET": f"{ground.url}{'&' if '?' in ground.url else '?'}sslmode=disable",
        "SLING_HOME_DIR": str(ground.home / "sling"),
        "SLING_DISABLE_TELEMETRY": "true",
    }
    return Command([binary, "run", *source, *target], env)


PGLOADER = """LOAD CSV
  FROM '{file}' (date, bill_id, currency, name, product1_revenue, product2_revenue)
  INTO {url}
  TARGET TABLE public.{table} (date, bill_id, currency, name, product1_revenue, product2_revenue)
  WITH skip header = 1, fields optionally enclosed by '"', fields escaped by double-quote, fields terminated by ',';
"""


def _pgloader(ground: Ground) -> Command:
    script = ground.home / "usage.load"
    script.write_text(PGLOADER.format(file=ground.data.file, url=ground.url, table=TABLE))
    return Command([program("pgloader"), f"--root-dir={ground.home / 'rejects'}", script])


def _singer(target: str, settings: dict[str, object], ground: Ground) -> Command:
    config = ground.home / "config.json"
    config.write_text(json.dumps(settings))
    tap = shlex.join([str(environment(target)), str(SCRIPTS / "singer_tap.py"), str(ground.data.file)])
    loader = shlex.join([str(installed(target, "target-postgres")), "--config", str(config)])
    return Command(["bash", "-c", f"set -o pipefail; {tap} 2>/dev/null | {loader}"])


def _meltano(ground: Ground) -> Command:
    settings = {
        "sqlalchemy_url": ground.url.replace("postgresql://", "postgresql+psycopg://"),
        "default_target_schema": "public",
        "load_method": "upsert",
        "use_copy": True,
        "batch_size_rows": 100_000,
        "add_record_metadata": False,
        "activate_version": False,
    }
    return _singer("meltanolabs-target-postgres", settings, ground)


def _pipelinewise(ground: Ground) -> Command:
    url = sa.make_url(_with_password(ground.url))
    settings = {
        "host": url.host,
        "port": url.port or 5432,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
        "default_target_schema": "public",
        "batch_size_rows": 100_000,
    }
    return _singer("pipelinewise-target-postgres", settings, ground)


def _duckdb_postgres(ground: Ground) -> Command:
    query = [environment("duckdb"), SCRIPTS / "duckdb_query.py", ":memory:"]
    answer([*query, "INSTALL postgres"])
    names = ", ".join(TYPES)
    file = ground.data.file
    types = json.dumps(TYPES).replace('"', "'")
    steps = [
        "LOAD postgres",
        f"ATTACH '{ground.url}' AS target (TYPE postgres)",
        f"INSERT INTO target.{TABLE} ({names}) SELECT * FROM read_csv('{file}', header = true, columns = {types})",
    ]
    return Command([*query, "; ".join(steps)])


DLT_ARROW = Contender(
    "dlt, Arrow batches",
    "postgres",
    "pyarrow's CSV reader with types, `write_disposition` merge with the upsert strategy, `loader_file_format` csv:"
    " what dlt's page on PostgreSQL calls fast loading; dlt makes its own table",
    lambda ground: _dlt("arrow", ground),
    key=None,
    upserts=True,
    tool="dlt",
)
DLT_READ_CSV = Contender(
    "dlt, its own read_csv",
    "postgres",
    "the filesystem source's `read_csv` (pandas, text columns with type hints), the rest as above",
    lambda ground: _dlt("pandas", ground),
    key=None,
    upserts=True,
    tool="dlt",
)
INGESTR = Contender(
    "ingestr",
    "postgres",
    "`--incremental-strategy merge` with both keys and `--columns` for the types",
    _ingestr,
    key=None,
    upserts=True,
    tool="ingestr",
)
SLING = Contender(
    "sling",
    "postgres",
    "`--mode incremental` with the primary key and the columns' types",
    _sling,
    upserts=True,
    tool="sling",
)
PGLOADER_LOAD = Contender(
    "pgloader",
    "postgres",
    "LOAD CSV into the keyed table with its own defaults; it appends: a key that is there already is a rejected row",
    _pgloader,
    tool="pgloader",
)
PANDAS = Contender(
    "pandas to_sql + upsert",
    "postgres",
    "chunks of 100,000 rows of text, `method` is the COPY callable of pandas' documentation, into a staging table; then"
    " INSERT ... ON CONFLICT DO UPDATE",
    _pandas,
    upserts=True,
    tool="pandas",
)
POLARS = Contender(
    "polars write_database + upsert",
    "postgres",
    '`engine="adbc"` into a staging table, then INSERT ... ON CONFLICT DO UPDATE; the file is read whole',
    _polars,
    upserts=True,
    tool="polars",
)
MELTANO = Contender(
    "target-postgres (MeltanoLabs)",
    "postgres",
    "`load_method` upsert, `use_copy`, batches of 100,000 rows, no metadata columns; fed by a minimal"
    " tap, because tap-csv is not on PyPI",
    _meltano,
    upserts=True,
    rows_max=1_000_000,
    tool="meltanolabs-target-postgres",
)
PIPELINEWISE = Contender(
    "target-postgres (PipelineWise)",
    "postgres",
    "batches of 100,000 rows, upserts by default; makes its own table, with money as double precision and dates as"
    " text; fed by the same minimal tap",
    _pipelinewise,
    key=None,
    upserts=True,
    rows_max=1_000_000,
    tool="pipelinewise-target-postgres",
)
DUCKDB_POSTGRES = Contender(
    "DuckDB's postgres extension",
    "postgres",
    "ATTACH and INSERT ... SELECT FROM read_csv; the extension is fetched from a server of DuckDB's when it"
    " is installed; it appends",
    _duckdb_postgres,
    tool="duckdb",
)
SQLITE_PANDAS = Contender(
    "pandas to_sql + upsert (SQLite)",
    "sqlite",
    "as for PostgreSQL, with `method` left out, the quick one for SQLite by pandas' documentation",
    _pandas,
    upserts=True,
    tool="pandas",
)
SQLITE_DLT = Contender(
    "dlt, Arrow batches (SQLite)",
    "sqlite",
    "the sqlalchemy destination (there is none for SQLite), merge by delete-insert: the one strategy it has with a key",
    lambda ground: _dlt("arrow", ground),
    key=None,
    upserts=True,
    rows_max=1_000_000,
    tool="dlt",
)

POSTGRES_PEERS = [
    DLT_ARROW,
    DLT_READ_CSV,
    INGESTR,
    SLING,
    PGLOADER_LOAD,
    PANDAS,
    POLARS,
    MELTANO,
    PIPELINEWISE,
    DUCKDB_POSTGRES,
]
SQLITE_PEERS = [SQLITE_PANDAS, SQLITE_DLT]
