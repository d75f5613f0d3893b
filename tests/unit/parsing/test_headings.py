"""Headers in the middle of a file: the file's own is rejected, another one is found."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.parsing import csv
from holdfast.parsing.headings import HeadingFinder
from holdfast.parsing.parsed import ParsedChunk

TEXTS = [{"name": "name", "type": "string"}, {"name": "city", "type": "string"}]


def contract(**more: Any) -> Contract:
    return contract_from({"name": "t", "table": "t", "write_disposition": "append", "columns": TEXTS, **more})


def parsed(text: str, encoding: str = "utf-8", **more: Any) -> list[ParsedChunk]:
    """By both paths."""
    asked = contract(format={"encoding": encoding, **more})
    data = text.encode(encoding)
    header = csv.read_header(data, asked.format, True)
    layout = csv.bind(asked, header, "t.csv")
    body, rest = data[header.data_start :], {"first_line": 2, "base_offset": header.data_start}
    return [parse(body, layout, asked, **rest) for parse in (csv.parse_chunk, csv.parse_chunk_exact)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-le"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_header_again_is_no_row(encoding: str, newline: str) -> None:
    lines = ["name,city", "Ann,Rome", "name,city", "Bob,name,city", "name,citya", "Cy,Oslo", "name,city"]
    for chunk in parsed(newline.join(lines), encoding):
        assert chunk.table.column("name").to_pylist() == ["Ann", "name", "Cy"]
        assert [(r.line, r.reasons[0].code) for r in chunk.rejects] == [
            (3, "E_HEADER"),
            (4, "E_RAGGED"),
            (7, "E_HEADER"),
        ]


def test_a_mark_of_byte_order_before_it_does_not_hide_it() -> None:
    for chunk in parsed("name,city\nAnn,Rome\n\ufeffname,city\nBob,Bonn\n"):
        assert chunk.table.num_rows == 2
        assert [r.reasons[0].code for r in chunk.rejects] == ["E_HEADER"]


def test_a_line_of_a_quoted_field_is_no_header() -> None:
    for chunk in parsed('name,city\nAnn,"Rome\nname,city\nor so"\n'):
        assert chunk.table.column("city").to_pylist() == ["Rome\nname,city\nor so"]
        assert chunk.rejects == []


@pytest.fixture(params=["all of it", "likely lines"])
def searched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where few lines begin as a header may, only those are searched: both ways find the same."""
    if request.param == "likely lines":
        monkeypatch.setattr("holdfast.parsing.headings._BYTES_PER_LIKELY_MIN", 1)
        monkeypatch.setattr("holdfast.parsing.headings._SLICE_BYTES", 3)
        monkeypatch.setattr("holdfast.parsing.headings._LINE_BYTES", 4)


def other_heading(body: str, names: tuple[str, ...] = ("name", "city"), encoding: str = "utf-8") -> Any:
    finder = HeadingFinder(contract(format={"encoding": encoding}), names, "lf", encoding)
    return finder.find(body.encode(encoding), 0)


@pytest.mark.usefixtures("searched")
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16-be"])
@pytest.mark.parametrize("heading", ["city,name", "City,Name", '"city","name"', "name,city,zip", "city,zip,name"])
def test_another_header_is_found_where_it_stands(encoding: str, heading: str) -> None:
    found = other_heading(f"Ann,Rome\n{heading}\nRome,Ann\n", encoding=encoding)
    assert found is not None
    assert found.offset == len("Ann,Rome\n".encode(encoding))
    assert [name.lower() for name in found.fields] == heading.lower().replace('"', "").split(",")


@pytest.mark.usefixtures("searched")
@pytest.mark.parametrize(
    "heading",
    ["zip,name,city", "a,city, Name ", '"zip","city","name"', ",name,city", "C_I T_Y,zip,name", "zip,name,extra,city"],
)
def test_another_header_may_begin_with_a_field_nobody_knows_and_be_spaced_otherwise(heading: str) -> None:
    body = f"Ann,city\nname,Rome\nname,city\n{heading}\nRome,Ann\n"
    found = other_heading(body)
    assert found is not None
    assert found.offset == body.index(heading)


@pytest.mark.usefixtures("searched")
def test_another_header_of_letters_beyond_ascii_is_found() -> None:
    columns = [{"name": "ort", "from": "Gr\u00f6\u00dfe Stra\u00dfe", "type": "string"}, *TEXTS]
    asked = contract(columns=columns)
    names = ("Gr\u00f6\u00dfe Stra\u00dfe", "name", "city")
    body = "a,b,c\nnew,NAME,GR\u00d6\u00dfE_Stra\u00dfe\nd,e,f\n".encode()
    found = HeadingFinder(asked, names, "lf", "utf-8").find(body, 0)
    assert found is not None
    assert found.offset == 6


@pytest.mark.usefixtures("searched")
@pytest.mark.parametrize(
    "body",
    [
        "Ann,Rome\nname,city\nBob,Bonn\n",  # the file's own
        "Ann,Rome\nname,Bonn\ncity,Oslo\n",  # rows that hold one such word
        'Ann,"Rome\ncity,name\n"\n',  # within a field
        "Ann,Rome\nnamed,citys\n",
        "",
    ],
)
def test_nothing_else_is_taken_for_one(body: str) -> None:
    assert other_heading(body) is None
