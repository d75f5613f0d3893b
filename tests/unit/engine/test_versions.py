"""Versions of one file: whatever was edited, however often, its rows end as a fresh load of the last one says."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.domain.errors import ContractError
from holdfast.engine import ledger

CONTRACT = contract_from(
    {
        "name": "items",
        "table": "items",
        "source": "items.csv",
        "primary_key": "key",
        "columns": [{"name": "key", "type": "int"}, {"name": "value", "type": "int"}],
        "format": {"chunk_bytes": 64},
    }
)
Rows = list[tuple[int, int]]
rows = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), min_size=1, max_size=80)


@st.composite
def versions(draw: st.DrawFn) -> list[Rows]:
    """A file, and what became of it: values corrected, rows put in, rows put at the end.

    None is taken out: a keyed table keeps what a row that is gone had said, for no delivery says "delete".
    """
    made = [draw(rows)]
    for _ in range(draw(st.integers(1, 4))):
        edited = list(made[-1])
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(edited)))
            corrected = [(key, draw(st.integers(0, 99))) for key, _ in edited[at : at + draw(st.integers(0, 3))]]
            put = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 99)), max_size=3))
            edited[at : at + len(corrected)] = [*corrected, *put]
        made.append(edited)
    return made


def load(directory: Path, url: str, of: Rows) -> dict[int, int]:
    text = "key,value\n" + "".join(f"{key},{value}\n" for key, value in of)
    (directory / "items.csv").write_text(text)
    with holdfast.open_project(holdfast.Settings(url=url, project_dir=str(directory))) as project:
        result = project.load(CONTRACT, [])
        assert result.error is None
        with project.database.reading() as tx:
            return {row["key"]: row["value"] for row in tx.query("SELECT key, value FROM items")}


@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking is slow
@given(made=versions())
def test_edits_end_as_a_fresh_load(made: list[Rows]) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        for version in made:
            found = load(directory, f"sqlite:///{name}/edited.db", version)
        fresh = load(directory, f"sqlite:///{name}/fresh.db", made[-1])
    assert {key: found[key] for key in fresh} == fresh


def test_a_corrected_row_does_not_beat_a_later_one_of_its_chunks_neighbours(tmp_path: Path) -> None:
    """`apples` stands in the first chunk and, with its last price, in the second: editing `pears` leaves it alone."""
    url = f"sqlite:///{tmp_path}/items.db"
    filler = [(100 + i, 0) for i in range(20)]
    apples, pears = 1, 2
    assert load(tmp_path, url, [(apples, 100), (pears, 5), *filler, (apples, 110)])[apples] == 110
    assert load(tmp_path, url, [(apples, 100), (pears, 6), *filler, (apples, 110)]) == {
        **dict(filler),
        apples: 110,
        pears: 6,
    }


def test_a_gap_that_is_full_costs_a_reload_not_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "CHUNK_STEP", 10)  # a gap that is full sooner
    url = f"sqlite:///{tmp_path}/items.db"
    tail = [(100 + i, 0) for i in range(30)]
    for edit in range(10 + 5):
        found = load(tmp_path, url, [(1, edit), (2, 0), *tail, (1, 1_000)])
    assert found[1] == 1_000


@pytest.mark.parametrize("edit", [0, 1])
def test_only_the_changed_chunk_is_read_again(tmp_path: Path, edit: int) -> None:
    url = f"sqlite:///{tmp_path}/items.db"
    of = [(i, 10) for i in range(100)]
    load(tmp_path, url, of)
    with holdfast.open_project(holdfast.Settings(url=url, project_dir=str(tmp_path))) as project:
        of[50 + edit] = (50 + edit, 20)
        (tmp_path / "items.csv").write_text("key,value\n" + "".join(f"{key},{value}\n" for key, value in of))
        report = project.load(CONTRACT, []).report
    assert report.counts.updated == 1
    assert report.counts.read < 20


def test_text_cannot_be_a_sequence() -> None:
    """Databases order text by their collation, the parser by bytes: the winner would depend on where a file was cut."""
    columns = [{"name": "key", "type": "int"}, {"name": "version", "type": "string(9)"}]
    with pytest.raises(ContractError, match="sequence 'version' is text"):
        contract_from({"name": "c", "table": "c", "primary_key": "key", "sequence": "version", "columns": columns})
