"""Rejects offered again say what a load would have said: columns the file lacks, texts kept cut, tables that differ."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

import holdfast
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import SourceError, TargetMismatch
from holdfast.engine.commit import RAW_CHARS_MAX
from holdfast.engine.replay import ReplayReport, export

LACKED = {
    "nullable": ({"nullable": True, "null_values": ["-"]}, None),
    "default": ({"default": "none", "null_values": ["-"]}, "none"),
    "no-null-values": ({"default": "none", "null_values": []}, "none"),
}


def contract(*columns: dict[str, object]) -> Contract:
    key = {"name": "id", "type": "int"}
    return contract_from(
        {"name": "items", "table": "items", "source": "items.csv", "primary_key": "id", "columns": [key, *columns]}
    )


class Items:
    """An open project with one file of items."""

    def __init__(self, opened: holdfast.Project, directory: Path) -> None:
        self.opened, self.file, self.exported = opened, directory / "items.csv", directory / "rejects.csv"

    def load(self, of: Contract, content: str) -> int:
        self.file.write_text(content)
        result = self.opened.load(of, [])
        assert result.error is None
        return result.report.counts.rejected

    def export(self, of: Contract, **mended: str) -> None:
        """Write the rejects out with these values corrected."""
        found = list(csv.DictReader(export(self.opened.database, of)))
        with self.exported.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows({**row, **mended} for row in found)

    def replay(self, of: Contract, *, mended: bool) -> ReplayReport:
        return self.opened.replay(of, self.exported if mended else None)[1]

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        with self.opened.database.reading() as tx:
            return [tuple(row.values()) for row in tx.query(f"SELECT {columns} FROM items ORDER BY id")]


@pytest.fixture
def project(database_url: str, tmp_path: Path) -> Iterator[Items]:
    with holdfast.open_project(holdfast.Settings(url=database_url, project_dir=str(tmp_path))) as opened:
        yield Items(opened, tmp_path)


@pytest.mark.parametrize("mended", [True, False], ids=["mended", "as-they-are"])
@pytest.mark.parametrize(("rules", "expected"), LACKED.values(), ids=LACKED)
def test_a_column_the_file_lacks_gets_what_a_load_gives_it(
    project: Items, rules: dict[str, object], expected: str | None, mended: bool
) -> None:
    """In the middle of the contract, so that fields taken by their place would be shifted."""
    note, name = {"name": "note", "type": "string(9)", **rules}, {"name": "name", "type": "string(9)"}
    strict, lenient = contract(note, {**name, "pattern": "[a-z]+"}), contract(note, name)
    assert project.load(strict, "id,name\n1,good\n2,BAD\n") == 1
    project.export(strict, name="better")
    assert project.replay(strict if mended else lenient, mended=mended).inserted == 1
    assert project.rows("id, note, name") == [(1, expected, "good"), (2, expected, "better" if mended else "BAD")]


@pytest.mark.parametrize("mended", [True, False], ids=["mended", "as-they-are"])
def test_a_text_that_was_kept_cut_is_not_loaded(project: Items, mended: bool) -> None:
    """What the ledger kept of it is not the row; one as long as may be kept whole is."""
    text, code = {"name": "text", "type": "string(100000)"}, {"name": "code", "type": "string(9)"}
    strict, lenient = contract(text, {**code, "pattern": "[a-z]+"}), contract(text, code)
    whole = "é" * (RAW_CHARS_MAX - len("1,,BAD"))
    assert project.load(strict, f"id,text,code\n1,{whole},BAD\n2,{whole}e,BAD\n") == 2
    project.export(strict, code="better")
    with capture_logs() as logs:
        report = project.replay(strict if mended else lenient, mended=mended)
    assert (report.offered, report.inserted, report.skipped) == (2, 1, 1)
    assert project.rows("id, text") == [(1, whole)]
    told = [entry["detail"] for entry in logs if entry["log_level"] == "warning"]
    assert ["kept cut" in detail for detail in told] == [True], "it says so"


def test_a_table_that_does_not_hold_what_the_mended_contract_reads(project: Items) -> None:
    """A load refuses such a table; a replay that did not would have the database round the value."""
    cents, mills = ({"name": "amount", "type": f"decimal(12,{scale})"} for scale in (2, 3))
    assert project.load(contract(cents), "id,amount\n1,1.99\n2,2.999\n") == 1
    with pytest.raises(TargetMismatch, match="column 'amount' is decimal"):
        project.replay(contract(mills), mended=False)
    assert [f"{amount:.3f}" for _, amount in project.rows("id, amount")] == ["1.990"]


def test_a_stray_quote_in_a_mended_export(project: Items) -> None:
    """It makes one field of all that follows, more than a reader takes."""
    of = contract({"name": "n", "type": "int"})
    project.load(of, "id,n\n1,bad\n")
    project.export(of, n="1")
    with project.exported.open("a") as file:
        file.write('"' + "1\n" * 100_000)
    with pytest.raises(SourceError, match=r"rejects.csv, line \d+: field larger .*; nothing was replayed"):
        project.replay(of, mended=True)
    assert project.replay(of, mended=False).still_rejected == 1
