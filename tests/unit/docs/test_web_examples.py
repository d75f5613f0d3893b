"""The example of the pages about APIs and feeds: its server runs, its contracts are loaded, and do what is told."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.processes import Started, run_cli
from tests.unit.docs.pages import ROOT, blocks

EXAMPLE = ROOT / "examples" / "web"
PORT = "8765"


@pytest.mark.parametrize(
    ("page", "dataset", "first", "second"),
    [
        ("docs/sources/http-api.md", "orders", {"inserted": 250}, {"unchanged": 49, "inserted": 0}),
        ("docs/sources/feed.md", "news", {"inserted": 5}, {"read": 0, "files": {"loaded": 0, "known": 1}}),
    ],
)
def test_the_example_loads(
    page: str, dataset: str, first: dict[str, object], second: dict[str, object], tmp_path: Path
) -> None:
    here = tmp_path / "web"
    shutil.copytree(EXAMPLE, here)
    contract = here / "contracts" / f"{dataset}.toml"
    assert contract.read_text() in blocks(page, "toml"), "the page shows another contract"
    (typed,) = (block for block in blocks(page, "console") if "server.py" in block)
    commands = re.findall(r"^\$ holdfast (.*)$", typed, re.MULTILINE)
    with Started([sys.executable, "server.py", "0"], cwd=here) as server:
        line = server.wait_for_line("listening", deadline_s=60)
        contract.write_text(contract.read_text().replace(PORT, line.rpartition(":")[2]))
        (here / "token").write_text("open-sesame\n")
        contract.write_text(contract.read_text().replace("ORDERS_TOKEN", "HOLDFAST_EXAMPLE_TOKEN"))
        env = {"HOLDFAST_EXAMPLE_TOKEN_FILE": str(here / "token")}
        told = []
        for command in commands:
            code, out, err = run_cli(*command.split(), "--json", cwd=here, env=env)
            assert code == 0, err
            told.append(json.loads(out))
    loads = [each["datasets"][0] for each in told if "datasets" in each]
    assert len(loads) == 2
    assert {name: loads[0][name] for name in first} == first
    assert {name: loads[1][name] for name in second} == second
