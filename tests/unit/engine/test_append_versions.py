"""Keyless files that change into one another: the table holds what the files hold, each row once."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast
from holdfast.domain.contract import Contract, contract_from
from holdfast.engine import ledger

COLUMN = {"name": "n", "type": "int"}


def contract(disposition: str = "append", **more: object) -> Contract:
    form = {"chunk_bytes": 64}
    base = {"name": "c", "table": "c", "source": "*.csv", "columns": [COLUMN], "format": form}
    return contract_from(base | {"write_disposition": disposition} | more)


def load(directory: Path, files: dict[str, list[int | str]], of: Contract | None = None) -> list[int]:
    for name, numbers in files.items():
        (directory / name).write_text("n\n" + "".join(f"{n}\n" for n in numbers))
    settings = holdfast.Settings(url=f"sqlite:///{directory}/c.db", project_dir=str(directory))
    with holdfast.open_project(settings) as project:
        project.load(of or contract(), [])
        with project.database.reading() as tx:
            return sorted(row["n"] for row in tx.query("SELECT n FROM c"))


def test_a_file_that_becomes_a_copy_lets_its_own_rows_go(tmp_path: Path) -> None:
    assert load(tmp_path, {"a.csv": [1, 2], "b.csv": [3, 4]}) == [1, 2, 3, 4]
    assert load(tmp_path, {"b.csv": [1, 2]}) == [1, 2]
    assert load(tmp_path, {"a.csv": [], "b.csv": []}) == []


def test_a_full_gap_between_chunk_numbers_doubles_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "CHUNK_STEP", 10)  # a gap that is full sooner
    tail: list[int | str] = list(range(1_000, 1_060))
    for edit in range(10 + 3):
        assert load(tmp_path, {"a.csv": [edit, *tail]}) == [edit, *tail]


def test_a_replace_that_was_stopped_is_given_up_when_the_contract_turns(tmp_path: Path) -> None:
    replacing = contract("replace", max_rejects=0)
    assert load(tmp_path, {"a.csv": [1, 2]}, replacing) == [1, 2]
    assert load(tmp_path, {"a.csv": [1, 2, "bad"]}, replacing) == [1, 2]
    assert load(tmp_path, {"a.csv": [1, 2, 3]}) == [1, 2, 3]
