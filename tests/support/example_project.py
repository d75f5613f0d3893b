"""A copy of a project under examples/, with the data that its generator makes, run by the real command line."""

from __future__ import annotations

import json
import runpy
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import holdfast
from holdfast.domain.table import physical_table
from tests.support.processes import run_cli

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass
class ExampleProject:
    """`made` is given to the generator `make_NAME.py`; its `truth` is what the tables must say."""

    name: str
    directory: Path
    url: str
    made: dict[str, Any] = field(default_factory=dict)
    truth: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        shutil.copytree(EXAMPLES / self.name, self.directory, ignore=shutil.ignore_patterns("data", "late", "*.db*"))
        make = runpy.run_path(str(self.directory / f"make_{self.name}.py"))[f"make_{self.name}"]
        self.truth = make(self.directory, **self.made)

    def run(self, *arguments: str) -> dict[str, Any]:
        """The terminal object of a command with --json. Fails unless the exit code is 0."""
        env = {"HOLDFAST_DB": self.url}
        code, out, err = run_cli(*arguments, "--json", cwd=self.directory, env=env, deadline_s=240)
        assert code == 0, f"exit {code}\n{out}\n{err}"
        told: dict[str, Any] = json.loads(out)
        return told

    def wanted(self) -> dict[str, list[str]]:
        """By model, the partitions that a build would build now."""
        models = self.run("build", "--dry-run")["models"]
        return {m["model"]: [one["partition"] for one in m["would_build"]] for m in models if m["would_build"]}

    def build(self) -> dict[str, dict[str, Any]]:
        """By model that had anything to build: its partitions, and the rows that were `changed` in any way."""
        built = {}
        for model in self.run("build")["models"]:
            if model["built"]:
                changed = model["inserted"] + model["updated"] + model["removed"]
                partitions = [one["partition"] for one in model["partitions"] if one["status"] == "built"]
                built[model["model"]] = {"partitions": partitions, "changed": changed}
        return built

    def rows(self, relation: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns of a table's rows, as this engine gives them."""
        database = holdfast.connect(self.url)
        try:
            table = physical_table(relation, has_schemas=database.traits.has_schemas)
            with database.reading() as tx:
                return [tuple(row.values()) for row in tx.query(f"SELECT {', '.join(columns)} FROM {table}")]
        finally:
            database.close()
