"""A project with a generated usage file: loaded by the real command line, compared with the file's truth.

`contents` is all a table says (values and `_origin`, without the moment of writing): equal contents mean that two
histories of loading, however they were killed, ended in the same table.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import holdfast
from bench.usage_data import make_usage
from tests.support.processes import Started, run_cli, start_cli

CONTRACT = """
table = "usage_data"
source = "data/*.csv"
write_disposition = "{disposition}"
publish = "{publish}"
{key}
partition = "date"
processed_at = "processed_at"

[format]
chunk_bytes = {chunk_bytes}

[[columns]]
name = "date"
type = "date(%d/%m/%Y)"
[[columns]]
name = "bill_id"
type = "bigint"
[[columns]]
name = "currency"
type = "string(3)"
one_of = ["USD", "EUR", "GBP", "ILS"]
[[columns]]
name = "name"
type = "string(200)"
[[columns]]
name = "product1_revenue"
type = "decimal(15,2)"
min = 0
[[columns]]
name = "product2_revenue"
type = "decimal(15,2)"
min = 0
"""
COLUMNS = "date, bill_id, currency, name, product1_revenue, product2_revenue, _origin"
Contents = list[tuple[Any, ...]]


@dataclass
class UsageProject:
    """A directory with a contract and one file, and the database it loads into."""

    directory: Path
    url: str
    rows: int = 3_000
    dup: float = 0.05
    bad: float = 0.01
    chunk_bytes: int = 32_768
    publish: str = "auto"
    disposition: str = "merge"
    crlf: bool = False
    env: dict[str, str] = field(default_factory=dict)
    fresh: bool = False
    """Its commands are new programs, not forks of a warm one."""
    truth: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        (self.directory / "contracts").mkdir(parents=True)
        (self.directory / "data").mkdir()
        (self.directory / "holdfast.toml").write_text("")
        key = 'primary_key = ["date", "bill_id"]' if self.disposition == "merge" else ""
        (self.directory / "contracts" / "usage.toml").write_text(
            CONTRACT.format(disposition=self.disposition, publish=self.publish, key=key, chunk_bytes=self.chunk_bytes)
        )
        self.truth = make_usage(self.file, rows=self.rows, dup=self.dup, bad=self.bad, crlf=self.crlf)

    @property
    def file(self) -> Path:
        return self.directory / "data" / "usage.csv"

    def start(self, *arguments: str, **env: str) -> Started:
        environment = {"HOLDFAST_DB": self.url, **self.env, **env}
        return start_cli(*arguments, cwd=self.directory, env=environment, fresh=self.fresh)

    def run(self, *arguments: str, deadline_s: float = 120, **env: str) -> tuple[int, str, str]:
        environment = {"HOLDFAST_DB": self.url, **self.env, **env}
        return run_cli(*arguments, cwd=self.directory, env=environment, deadline_s=deadline_s, fresh=self.fresh)

    def load(self, *arguments: str, **env: str) -> dict[str, Any]:
        """Load to the end; the terminal object of --json. Fails unless the exit code is 0."""
        code, out, err = self.run("load", "usage", "--json", *arguments, **env)
        assert code == 0, f"exit {code}\n{out}\n{err}"
        return json.loads(out)["datasets"][0]

    def load_until_done(self, *arguments: str, tries: int = 4) -> None:
        """Load as often as a person would after kills: a chunk that was killed three times is tried again."""
        for _ in range(tries):
            code, out, err = self.run("load", "usage", "--json", *arguments)
            if code == 0:
                return
            assert code == 1, f"exit {code}\n{out}\n{err}"
        raise AssertionError(f"not done after {tries} calm loads\n{out}\n{err}")

    def query(self, sql: str) -> list[dict[str, Any]]:
        database = holdfast.connect(self.url)
        try:
            with database.transaction() as tx:
                return tx.query(sql)
        finally:
            database.close()

    def check_touches(self) -> None:
        """What they say came and went, day by day, is what the table has."""
        came = self.query(
            f"SELECT partition_key AS day, SUM(rows_inserted - rows_removed) AS n FROM {self.ops('touch')}"
            " WHERE relation = 'usage_data' GROUP BY partition_key"
        )
        there = self.query("SELECT date AS day, COUNT(*) AS n FROM usage_data GROUP BY date")
        assert {row["day"]: int(row["n"]) for row in came if row["n"]} == {str(row["day"]): row["n"] for row in there}

    def contents(self) -> Contents:
        rows = self.query(f"SELECT {COLUMNS} FROM usage_data")
        return sorted(tuple(str(value) for value in row.values()) for row in rows)

    @property
    def is_one_process(self) -> bool:
        """May only one process at a time have the database open? Its workers are threads, and nobody looks in."""
        return self.url.startswith("duckdb")

    def ops(self, table: str) -> str:
        return f"ops.{table}" if self.url.startswith(("postgres", "duckdb")) else f"ops_{table}"

    def workers_left(self) -> int:
        """Workers that went without signing off: each was killed while it worked."""
        try:
            return int(self.query(f"SELECT COUNT(*) AS n FROM {self.ops('worker')}")[0]["n"])
        except holdfast.HoldfastError:
            return 0  # killed before there was a ledger

    def progress(self) -> Callable[[], bool]:
        """To ask whether a load that begins now has written a chunk. Where nobody may look in, its log grows."""
        if not self.is_one_process:
            before = self.chunks_done()
            return lambda: self.chunks_done() > before
        log = Path(self.url.removeprefix("duckdb:///") + ".wal")
        least = log.stat().st_size if log.exists() else 0

        def has_grown() -> bool:
            nonlocal least
            size = log.stat().st_size if log.exists() else 0
            least = min(least, size)
            return size > least + 4 * self.chunk_bytes

        return has_grown

    def chunks_done(self) -> int:
        try:
            return int(self.query(f"SELECT COUNT(*) AS n FROM {self.ops('chunk')} WHERE state = 'done'")[0]["n"])
        except holdfast.HoldfastError:
            return 0  # no ledger yet

    def check_accounts(self) -> None:
        """The ledger and the table against the file's truth: nothing lost, twice or unexplained."""
        chunk = self.ops("chunk")
        total = self.query(
            f"SELECT SUM(rows_read) AS source_rows, SUM(rows_rejected) AS rejected, SUM(rows_inserted) AS inserted,"
            f" SUM(rows_updated + rows_unchanged + rows_superseded) AS superseded FROM {chunk} WHERE state = 'done'"
        )[0]
        states = {row["state"] for row in self.query(f"SELECT DISTINCT state FROM {chunk}")}
        assert states == {"done"}
        assert int(total["source_rows"]) == self.truth["rows"]
        assert int(total["rejected"]) == self.truth["rejected"]
        kept = self.query("SELECT COUNT(*) AS n FROM usage_data")[0]["n"]
        if self.disposition == "merge":
            assert int(total["inserted"]) == kept == self.truth["keys"]
            assert int(total["superseded"]) == self.truth["superseded"]
            self._check_sums()
        else:
            assert int(total["inserted"]) == kept == self.truth["rows"] - self.truth["rejected"]
        rejects = self.query(f"SELECT COUNT(*) AS n FROM {self.ops('reject')}")[0]["n"]
        assert rejects == self.truth["rejected"]
        self.check_touches()
        if self.url.startswith("sqlite"):
            assert self.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]

    def _check_sums(self) -> None:
        rows = self.query(
            "SELECT currency, COUNT(*) AS n, SUM(CAST(ROUND(product1_revenue * 100) AS DECIMAL(18, 0))) AS p1,"
            " SUM(CAST(ROUND(product2_revenue * 100) AS DECIMAL(18, 0))) AS p2 FROM usage_data GROUP BY currency"
        )
        found = {
            row["currency"]: {"rows": row["n"], "product1_cents": int(row["p1"]), "product2_cents": int(row["p2"])}
            for row in rows
        }
        assert found == self.truth["by_currency"]
