"""An `_origin` leads back to the very bytes its row was read from, whatever they are written in; or says why not."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.domain.types import parse_type
from holdfast.engine.replay import export
from holdfast.quality.explain_key import conditions_of, subject_of
from holdfast.quality.explain_row import RowStory, explain_row
from holdfast.quality.explain_source import Delivery, SourceState, delivery_of
from holdfast.quality.explain_values import text_of
from tests.support.spreadsheet import write_xlsx

COLUMNS = [
    {"name": "id", "type": "bigint"},
    {"name": "day", "type": "date(%d/%m/%Y)"},
    {"name": "note", "type": "string(40)", "nullable": True},
]
ROUGH = (
    'id,day,note\n# a comment\n1,01/02/2024,plain\n\n2,02/02/2024,"two\nlines, ""quoted"""\n'
    'bad,03/02/2024,rejected\n4,04/02/2024,str"ay\n5,05/02/2024,caf\u00e9\nid,day,note\n\n# again\n'
    '6,06/02/2024,"\n\n"\n7,07/02/2024,last'
)
FIXED = "   1 01/02/2024plain\n\n   2 02/02/2024caf\u00e9 \n   x 03/02/2024no   \n   4 04/02/2024last \n"
LINES = (
    '{"id": 1, "day": "01/02/2024", "note": "plain"}\n\n{"id": "no", "day": "02/02/2024"}\n'
    '{"day": "03/02/2024", "id": 3, "note": "caf\u00e9\\n"}\n{"id": 4, "day": "04/02/2024", "note": null}\n'
)


def contract(**form: Any) -> holdfast.Contract:
    return contract_from({"name": "items", "table": "items", "primary_key": ["id"], "columns": COLUMNS, "format": form})


@contextmanager
def project_in(directory: Path) -> Iterator[holdfast.Project]:
    settings = holdfast.Settings(url=f"sqlite:///{directory}/holdfast.db", project_dir=str(directory))
    with holdfast.open_project(settings) as project:
        yield project


def deliveries(project: holdfast.Project, made: holdfast.Contract, name: str) -> list[Delivery]:
    """One of every row of the table once the file is loaded."""
    result = project.load(made, [name])
    assert result.error is None, result.error
    with project.database.reading() as tx:
        origins = [row["o"] for row in tx.query('SELECT "_origin" AS o FROM items ORDER BY 1')]
    return [delivery_of(project.database, project.source, "items", origin) for origin in origins]


def check(found: list[Delivery], content: bytes, encoding: str, rows: dict[int, str | None]) -> None:
    """Each row's raw text stands where it is said to stand, and reads as what the table has of it."""
    assert {d.values["id"]: d.values["note"] for d in found if d.values} == rows
    for delivery in found:
        assert (delivery.source, delivery.uri) == (SourceState.READ, found[0].uri)
        assert delivery.raw is not None
        assert delivery.byte_offset is not None
        assert delivery.byte_length is not None
        there = content[delivery.byte_offset : delivery.byte_offset + delivery.byte_length]
        assert there.decode(encoding) == delivery.raw
        assert content[: delivery.byte_offset].decode(encoding).count("\n") + 1 == delivery.line


KEPT = {1: "plain", 2: 'two\nlines, "quoted"', 5: "caf\u00e9", 6: "\n\n", 7: "last"}


@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv(tmp_path: Path, chunk_bytes: int, encoding: str, newline: str) -> None:
    """Quoted line ends, comments, blank lines, rejects and a second header do not move what follows them."""
    text = ROUGH.replace("\n", newline)
    content = text.encode(encoding)
    (tmp_path / "a.csv").write_bytes(content)
    made = contract(chunk_bytes=chunk_bytes, encoding=encoding, comment="#")
    kept = {key: note.replace("\n", newline) for key, note in KEPT.items()}
    with project_in(tmp_path) as project:
        # a byte order mark says which way round UTF-16 is
        check(deliveries(project, made, "a.csv"), content, "utf-16-le" if encoding == "utf-16" else encoding, kept)


def test_a_compressed_file_is_placed_in_its_expanded_text(tmp_path: Path) -> None:
    content = ROUGH.encode()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(content))
    with project_in(tmp_path) as project:
        found = deliveries(project, contract(chunk_bytes=64, comment="#"), "a.csv.gz")
        check(found, content, "utf-8", KEPT)
    assert {delivery.compression for delivery in found} == {"gzip"}


@pytest.mark.parametrize(
    ("name", "text", "form", "rows"),
    [
        ("a.jsonl", LINES, {}, {1: "plain", 3: "caf\u00e9\n", 4: None}),
        (
            "a.txt",
            FIXED,
            {"type": "fixed", "widths": [4, 1, 10, 5], "header": ["id", "gap", "day", "note"]},
            {1: "plain", 2: "caf\u00e9", 4: "last"},
        ),
    ],
    ids=["jsonl", "fixed"],
)
@pytest.mark.parametrize("chunk_bytes", [64, 1 << 20])
def test_a_record_a_line(
    tmp_path: Path, name: str, text: str, form: dict[str, Any], rows: dict[int, str | None], chunk_bytes: int
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    made = contract(chunk_bytes=chunk_bytes, **form).model_copy(update={"drift": "discard_column"})
    with project_in(tmp_path) as project:
        check(deliveries(project, made, name), text.encode(), "utf-8", rows)


def write_parquet(path: Path) -> None:
    ids = list(range(1, 31))
    table = pa.table({"id": ids, "day": [f"{i:02}/02/2024" for i in range(1, 29)] + ["bad"] * 2, "note": ["n"] * 30})
    pq.write_table(table, path, row_group_size=7)


def write_sheet(path: Path) -> None:
    rows = [["id", "day", "note"], [1, "01/02/2024", "n"], [None, None, None], [2, "bad", "n"], [3, "03/02/2024", "n"]]
    write_xlsx(path, {"one": rows})


@pytest.mark.parametrize(
    ("name", "write", "rows", "raw"),
    [
        ("a.parquet", write_parquet, list(range(1, 29)), '{"id": 1, "day": "01/02/2024", "note": "n"}'),
        ("a.xlsx", write_sheet, [2, 5], "1,01/02/2024,n"),
    ],
    ids=["parquet", "excel"],
)
def test_rows_that_are_no_lines_have_numbers(
    tmp_path: Path, name: str, write: Callable[[Path], None], rows: list[int], raw: str
) -> None:
    write(tmp_path / name)
    with project_in(tmp_path) as project:
        found = deliveries(project, contract(chunk_bytes=64), name)
    assert [delivery.line for delivery in found] == rows
    assert {(delivery.source, delivery.byte_offset) for delivery in found} == {(SourceState.READ, None)}
    assert found[0].raw == raw


def test_a_source_that_is_gone_or_changed_is_never_quoted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(ROUGH)
    with project_in(tmp_path) as project:
        made = contract(comment="#")
        (first, *_) = deliveries(project, made, "a.csv")
        path.write_text(ROUGH.replace("plain", "PLAIN"))
        changed = delivery_of(project.database, project.source, "items", first.origin)
        path.unlink()
        gone = delivery_of(project.database, project.source, "items", first.origin)
        by_hand = delivery_of(project.database, project.source, "items", -1)
        unknown = delivery_of(project.database, project.source, "items", 7777 << 24)
    assert (changed.source, changed.raw, changed.chunk) == (SourceState.CHANGED, None, first.chunk)
    assert "holds other bytes now" in changed.why
    assert (gone.source, gone.raw, gone.uri) == (SourceState.GONE, None, "a.csv")
    assert "there is no such file" in gone.why
    assert (by_hand.source, unknown.source) == (SourceState.BY_HAND, SourceState.FORGOTTEN)


def test_a_value_edited_by_hand_is_told_from_the_sources(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROUGH)
    with project_in(tmp_path) as project:
        made = contract(comment="#")
        project.load(made, ["a.csv"])
        with project.database.transaction() as tx:
            tx.execute("UPDATE items SET note = 'mine' WHERE id = 1")
        story, other = (
            explain_row(project.database, project.source, made, conditions_of(subject_of(made), [f"id={n}"]))
            for n in (1, 2)
        )
    assert isinstance(story, RowStory)
    assert story.differences is not None
    assert [(d.column, d.table, d.source) for d in story.differences] == [("note", "mine", "plain")]
    assert isinstance(other, RowStory)
    assert other.differences == []


def test_a_mended_row_is_compared_with_what_it_was_mended_to(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,day,note\n1,2024-02-01,rejected\n")
    mended = tmp_path / "mended.csv"
    with project_in(tmp_path) as project:
        made = contract()
        project.load(made, ["a.csv"])
        lines = list(export(project.database, made))
        mended.write_text("".join(lines).replace("2024-02-01,rejected,", "01/02/2024,rejected,"))
        assert project.replay(made, mended)[1].inserted == 1
        asked = conditions_of(subject_of(made), ["id=1"])
        story = explain_row(project.database, project.source, made, asked)
        with project.database.transaction() as tx:
            tx.execute("UPDATE items SET day = '2024-02-02' WHERE id = 1")
        edited = explain_row(project.database, project.source, made, asked)
    assert isinstance(story, RowStory)
    assert isinstance(edited, RowStory)
    assert (story.mended, story.differences, story.delivery.raw) == (True, [], "1,2024-02-01,rejected")
    assert [(d.column, d.table, d.source) for d in edited.differences or ()] == [("day", "2024-02-02", "2024-02-01")]


def test_a_value_that_is_none_of_its_type_is_told_as_it_is() -> None:
    """SQLite keeps whatever somebody writes into it; the one who looks for it must be able to see it."""
    wrong = {
        "decimal(12,2)": "abc",
        "decimal(14,2)": "1e300",
        "float": "x",
        "timestamp": "junk",
        "json": "{",
    }
    assert {kind: text_of(parse_type(kind), value) for kind, value in wrong.items()} == wrong
    assert text_of(parse_type("decimal(12,2)"), "7") == "7.00"


def test_a_parquet_file_of_another_size_is_said_to_be_another(tmp_path: Path) -> None:
    """It is a sound file, and must not be called broken."""
    table = pa.table({"id": [1, 2, 3], "day": ["01/02/2024"] * 3, "note": ["a", "b", "c"]})
    pq.write_table(table, tmp_path / "a.parquet")
    made = contract_from({"name": "items", "table": "items", "primary_key": ["id"], "columns": COLUMNS})
    with project_in(tmp_path) as project:
        origin = deliveries(project, made, "a.parquet")[0].origin
        pq.write_table(table.slice(1), tmp_path / "a.parquet")
        found = delivery_of(project.database, project.source, "items", origin)
        assert (found.source, found.raw) == (SourceState.CHANGED, None)
        assert "holds other bytes now than those that were loaded" in found.why
