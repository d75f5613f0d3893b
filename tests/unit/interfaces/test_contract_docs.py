"""Every contract in docs/contracts.md is sound and reads the file that stands beside it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from holdfast.domain.contract import Column, Contract, Format, contract_from
from holdfast.parsing.csv import bind, parse_chunk, read_header

PAGE = (Path(__file__).parents[3] / "docs" / "contracts.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```\n```csv rejects=(\d+)\n(.*?)```", PAGE, re.DOTALL)


def test_every_toml_block_has_a_file_beside_it() -> None:
    assert len(EXAMPLES) == PAGE.count("```toml") == 5


@pytest.mark.parametrize(("toml", "rejects", "text"), EXAMPLES)
def test_the_example_reads_its_file(toml: str, rejects: str, text: str) -> None:
    contract = contract_from(tomllib.loads(toml))
    data = text.encode()
    header = read_header(data, contract.format, True)
    body = data[header.data_start :]
    parsed = parse_chunk(body, bind(contract, header, "f"), contract, first_line=1, base_offset=header.data_start)
    assert len(parsed.rejects) == int(rejects)


@pytest.mark.parametrize("model", [Contract, Column, Format])
def test_every_key_stands_in_a_table(model: type[Contract | Column | Format]) -> None:
    documented = set(re.findall(r"`(\w+)`", "".join(line for line in PAGE.splitlines() if line.startswith("| `"))))
    assert {field.alias or name for name, field in model.model_fields.items()} <= documented


def test_the_python_example_runs() -> None:
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["contract"], Contract)
