"""A project around small files of items (id, name, amount) that a test writes by hand, loaded by the real command."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import holdfast
from tests.support.processes import Started, run_cli, start_cli

HEADER = "id,name,amount\n"
COLUMNS = {"id": "bigint", "name": "string(40)", "amount": "decimal(12,2)"}
Item = tuple[int, str, str]


def items(first: int, last: int, name: str = "item") -> str:
    """Good lines for the ids from `first` to `last`; about 21 bytes each."""
    return "".join(f"{number},{name} {number:04},{number}.25\n" for number in range(first, last + 1))


def as_rows(text: str) -> list[Item]:
    """What a table holds once these (unquoted) lines are loaded: the last line of an id, in order of ids."""
    fields = [line.split(",") for line in text.splitlines()]
    return sorted({int(number): (int(number), name, amount) for number, name, amount in fields}.values())


@dataclass
class ItemsProject:
    """A directory with one contract, and the database it loads into. `top` and `form` are lines of the contract."""

    directory: Path
    url: str
    disposition: str = "merge"
    top: str = ""
    form: str = "chunk_bytes = 256"
    columns: dict[str, str] = field(default_factory=lambda: dict(COLUMNS))
    key: str = "id"
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.directory / "contracts").mkdir(parents=True)
        (self.directory / "data").mkdir()
        (self.directory / "holdfast.toml").write_text("")
        self.write_contract()

    def write_contract(self, name: str = "items", table: str = "items") -> None:
        key = f"primary_key = ['{self.key}']" if self.disposition == "merge" else ""
        columns = [f"[[columns]]\nname = {json.dumps(n)}\ntype = {t}" for n, t in self._types()]
        head = [f"table = '{table}'", "source = 'data/*.csv'", f"write_disposition = '{self.disposition}'", key]
        parts = [*head, self.top, "[format]", self.form, *columns]
        (self.directory / "contracts" / f"{name}.toml").write_text("\n".join(parts) + "\n")

    def _types(self) -> list[tuple[str, str]]:
        """A type may carry further keys of the column: `bigint; nullable = true`."""
        found = []
        for name, text in self.columns.items():
            kind, _, more = text.partition(";")
            found.append((name, f"'{kind}'" + (f"\n{more.strip()}" if more else "")))
        return found

    def write(self, content: str | bytes, name: str = "a.csv") -> Path:
        path = self.directory / "data" / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *arguments: str, **env: str) -> Started:
        return start_cli(*arguments, cwd=self.directory, env={"HOLDFAST_DB": self.url, **self.env, **env})

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        environment = {"HOLDFAST_DB": self.url, **self.env, **env}
        return run_cli(*arguments, cwd=self.directory, env=environment)

    def told(self, *arguments: str, **env: str) -> dict[str, Any]:
        """The terminal object of a command that ends well."""
        code, out, err = self.run(*arguments, "--json", **env)
        assert code == 0, f"exit {code}\n{out}\n{err}"
        told: dict[str, Any] = json.loads(out)
        assert (told["status"], told["exit_code"]) == ("done", 0)
        return told

    def load(self, *arguments: str, **env: str) -> dict[str, Any]:
        """Load to the end; what became of the dataset's rows."""
        dataset: dict[str, Any] = self.told("load", "items", *arguments, **env)["datasets"][0]
        return dataset

    def refused(self, *arguments: str, exit_code: int = 2, **env: str) -> dict[str, Any]:
        """The error of a command that must fail: told once in JSON, once for people, and never as a traceback."""
        code, out, err = self.run(*arguments, "--json", **env)
        assert code == exit_code, f"exit {code}\n{out}\n{err}"
        told: dict[str, Any] = json.loads(out)
        assert told["exit_code"] == exit_code
        error: dict[str, Any] = told["error"]
        assert f"error: {error['message']}" in err
        assert error["hint"] in err, "the next step is said"
        assert error["hint"], error
        assert "Traceback" not in err
        assert "unexpected" not in error["message"], "a known kind of trouble"
        return error

    def query(self, sql: str) -> list[dict[str, Any]]:
        database = holdfast.connect(self.url)
        try:
            with database.transaction() as tx:
                return tx.query(sql)
        finally:
            database.close()

    def execute(self, *statements: str) -> None:
        database = holdfast.connect(self.url)
        try:
            with database.transaction() as tx:
                if self.url.startswith(
                    "mysql"
                ):  # a table made by hand tells texts apart by every byte, as is asked for
                    tx.execute("ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
                for statement in statements:
                    tx.execute(statement)
        finally:
            database.close()

    def ops(self, table: str) -> str:
        return f"ops.{table}" if self.url.startswith(("postgres", "duckdb")) else f"ops_{table}"

    def exists(self, table: str = "items") -> bool:
        database = holdfast.connect(self.url)
        try:
            with database.transaction() as tx:
                return tx.reflect(table) is not None
        finally:
            database.close()

    def rows(self) -> list[Item]:
        """The table's items in order of ids, amounts with two digits."""
        found = self.query("SELECT id, name, amount FROM items ORDER BY id, name, amount")
        return [(row["id"], row["name"], f"{row['amount']:.2f}") for row in found]

    def chunks(self) -> list[tuple[int, str]]:
        rows = self.query(f"SELECT number, state FROM {self.ops('chunk')} ORDER BY number")
        return [(row["number"], row["state"]) for row in rows]

    def check_balance(self) -> None:
        """P3 over the whole ledger: every row read has one fate, and what was inserted is what the table holds."""
        row = self.query(
            "SELECT SUM(rows_read) AS source_rows, SUM(rows_inserted) AS inserted, SUM(rows_inserted + rows_updated"
            f" + rows_unchanged + rows_superseded + rows_rejected) AS fates FROM {self.ops('chunk')}"
            " WHERE state = 'done'"
        )[0]
        assert row["source_rows"] == row["fates"]
        assert row["inserted"] == len(self.query("SELECT 1 AS one FROM items"))
