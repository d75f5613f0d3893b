"""A small project with models: sales -> silver.daily -> gold.monthly and gold.by_currency; loaded, built and compared.

`expected` is the same from the loaded table alone, computed here: what a full recompute would give.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import holdfast
from holdfast import wiring_models
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.table import physical_table
from holdfast.ports.database import Row
from holdfast.wiring import Settings, open_project
from holdfast.wiring_models import Ask, BuildResult
from tests.support.processes import run_cli

COLUMNS = [
    {"name": "id", "type": "bigint"},
    {"name": "day", "type": "date"},
    {"name": "currency", "type": "string(3)"},
    {"name": "amount", "type": "decimal(12,2)"},
]
CONTRACT = """
table = "bronze.sales"
primary_key = ["id"]
partition = "day"
columns = [
    { name = "id", type = "bigint" }, { name = "day", type = "date" },
    { name = "currency", type = "string(3)" }, { name = "amount", type = "decimal(12,2)" },
]
"""
DAILY = """/*---
key = ["day", "currency"]
partition = { column = "day" }
[columns]
day = "date"
currency = "string(3)"
amount = "decimal(12,2)"
sales = "int"
---*/
SELECT day, currency, SUM(amount) AS amount, COUNT(*) AS sales FROM bronze.sales GROUP BY day, currency
"""
MONTHLY = """/*---
key = ["month", "currency"]
partition = { column = "month", grain = "month" }
[columns]
month = "string(7)"
currency = "string(3)"
amount = "decimal(12,2)"
large = "int"
---*/
WITH d AS (SELECT TO_CHAR(day, 'YYYY-MM') AS month, currency, amount FROM silver.daily)
SELECT month, currency, SUM(amount) AS amount, COUNT(*) FILTER (WHERE amount > 100) AS large
FROM d GROUP BY month, currency
"""
BY_CURRENCY = """/*---
key = "currency"
[columns]
currency = "string(3)"
amount = "decimal(12,2)"
---*/
SELECT currency, SUM(amount) AS amount FROM silver.daily GROUP BY currency
"""
MODELS = {"silver/daily": DAILY, "gold/monthly": MONTHLY, "gold/by_currency": BY_CURRENCY}
FIRST = [
    (1, "2024-05-31", "EUR", "1.50"),
    (2, "2024-06-01", "USD", "200.10"),
    (3, "2024-06-02", "USD", "0.10"),
    (4, "2024-06-02", "USD", "0.20"),
]
Rows = Iterable[tuple[int, str, str, str]]  # id, day, currency, amount
Contents = list[tuple[str, ...]]


class ModelsProject:
    """Each delivery is a file of its own."""

    def __init__(self, url: str, directory: Path, models: dict[str, str] | None = None, **contract: Any) -> None:
        self.url, self.directory = url, directory
        self.large = 100  # from which amount on a day is large to gold.monthly
        self.settings = Settings(url=url, project_dir=str(directory), retry_for_s=60)
        given = {
            "name": "sales",
            "table": "bronze.sales",
            "columns": COLUMNS,
            "primary_key": ["id"],
            "partition": "day",
        }
        self.contract: Contract = contract_from({**given, **contract})
        (directory / "contracts").mkdir(exist_ok=True)
        (directory / "holdfast.toml").write_text("")
        (directory / "contracts" / "sales.toml").write_text(CONTRACT)
        for name, text in (MODELS if models is None else models).items():
            self.write(name, text)

    @classmethod
    def at(cls, url: str, directory: Path) -> ModelsProject:
        """One that another process made."""
        return cls(url, directory, {})

    def write(self, name: str, text: str) -> None:
        path = self.directory / "models" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def load(self, name: str, rows: Rows) -> None:
        text = "".join(",".join(map(str, row)) + "\n" for row in rows)
        self.load_text(name, "id,day,currency,amount\n" + text)

    def load_text(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text)
        with open_project(self.settings) as project:
            result = project.load(self.contract, [name])
        assert result.error is None, result.error

    def build(self, *models: str, **ask: Any) -> BuildResult:
        with open_project(self.settings) as project:
            graph = wiring_models.graph_of(project, [self.contract], "fx_rates", self.directory / "models")
            return wiring_models.build(project, graph, Ask(models=models, **ask))

    def built(self, *models: str, **ask: Any) -> dict[str, list[str]]:
        """Build to the end; the partitions that were built, by model, without those that had nothing to build."""
        result = self.build(*models, **ask)
        assert result.error is None, result.error
        found = {report.model: [one.key for one in report.of("built")] for report in result.models}
        return {model: keys for model, keys in found.items() if keys}

    def cli(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        """The real command line on this project (of the contract as it stands in CONTRACT)."""
        return run_cli(*arguments, cwd=self.directory, env={"HOLDFAST_DB": self.url, **env})

    def wanted(self, **ask: Any) -> dict[str, dict[str, str]]:
        """What a dry run says: reasons by partition, by model."""
        with open_project(self.settings) as project:
            graph = wiring_models.graph_of(project, [self.contract], "fx_rates", self.directory / "models")
            found = wiring_models.plan(project, graph, Ask(**ask))
        return {p.model.target: {one.key: one.reason for one in p.wanted} for p in found if p.wanted}

    def query(self, table: str) -> list[Row]:
        database = holdfast.connect(self.url)
        try:
            with database.reading() as tx:
                return tx.query(f"SELECT * FROM {physical_table(table, has_schemas=database.traits.has_schemas)}")
        finally:
            database.close()

    def query_ledger(self, table: str, model: str) -> list[Row]:
        """The ledger's lines about a model."""
        database = holdfast.connect(self.url)
        try:
            with database.reading() as tx:
                ops = "ops." if database.traits.has_schemas else "ops_"
                return tx.query(f"SELECT * FROM {ops}{table} WHERE model = :model", {"model": model})
        finally:
            database.close()

    def execute(self, statement: str, table: str) -> None:
        database = holdfast.connect(self.url)
        try:
            with database.transaction() as tx:
                tx.execute(statement.format(physical_table(table, has_schemas=database.traits.has_schemas)))
        finally:
            database.close()

    def contents(self, table: str) -> Contents:
        """Rows as texts, money with two digits whatever the engine makes of 10.00."""
        rows = self.query(table)
        return sorted(tuple(_text(v) if name == "amount" else str(v) for name, v in row.items()) for row in rows)

    def check(self) -> None:
        """Every built table is what the loaded one says now."""
        for table, rows in self.expected().items():
            assert self.contents(table) == rows, table

    def expected(self) -> dict[str, Contents]:
        daily: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
        for row in self.query("bronze.sales"):
            daily[str(row["day"])[:10], row["currency"]].append(Decimal(str(row["amount"])))
        monthly: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
        total: dict[str, Decimal] = defaultdict(Decimal)
        for (day, currency), amounts in daily.items():
            monthly[day[:7], currency].append(sum(amounts, Decimal()))
            total[currency] += sum(amounts)
        return {
            "silver.daily": sorted(
                (d, c, _text(sum(found, Decimal())), str(len(found))) for (d, c), found in daily.items()
            ),
            "gold.monthly": sorted(
                (m, c, _text(sum(found, Decimal())), str(sum(value > self.large for value in found)))
                for (m, c), found in monthly.items()
            ),
            "gold.by_currency": sorted((currency, _text(amount)) for currency, amount in total.items()),
        }


def _text(value: Any) -> str:
    return f"{Decimal(str(value)):.2f}"
