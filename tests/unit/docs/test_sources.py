"""The example of each page about a file format ends as the page says."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from holdfast.domain.contract import contract_from
from holdfast.wiring import Settings, open_project
from tests.support.spreadsheet import write_xlsx
from tests.unit.docs.pages import blocks

DAY = date(2024, 1, 31)
SHEET = [
    ["Sales of January"],
    ["Id", "Amount", "Day"],
    [1, 10.5, DAY],
    [2, None, "31/01/2024"],
    [3, ValueError("#N/A"), DAY],
]


def write_data(page: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("jsonl", "text"):
        for text in blocks(page, language):
            path.write_text(text, encoding="utf-8")
    for code in blocks(page, "python"):
        monkeypatch.chdir(path.parents[1])
        exec(code, {})
    if path.suffix == ".xlsx":
        write_xlsx(path, {"2023": [["nothing"]], "2024": SHEET})


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "excel"])
def test_the_example_ends_as_the_page_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = f"docs/sources/{name}.md"
    [told] = [re.findall(r"^(\w+)  (.*)$", block, re.MULTILINE) for block in blocks(page) if "holdfast load" in block]
    [(dataset, counts)] = told
    contract = contract_from({"name": dataset, **tomllib.loads(blocks(page, "toml")[0])})
    path = tmp_path / contract.source[0]
    path.parent.mkdir()
    write_data(page, path, monkeypatch)
    with open_project(Settings(url=f"sqlite:///{tmp_path}/d.db", project_dir=str(tmp_path))) as project:
        found = project.load(contract, []).report.counts
    assert counts == (
        f"{found.read} read · {found.inserted} inserted · {found.updated} updated · {found.unchanged} unchanged"
        f" · {found.rejected} rejected"
    )
