"""Files that are not what they should be: refused with what was expected and found, or loaded as far as sound."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

GOOD = HEADER + items(1, 20)
BIG_TEXT = {"id": "bigint", "name": "string", "amount": "decimal(12,2)"}


@pytest.fixture
def project(sqlite_url: str, tmp_path: Path) -> ItemsProject:
    return ItemsProject(tmp_path / "project", sqlite_url)


REFUSED: dict[str, tuple[bytes, int, str, str]] = {
    "empty": (b"", 2, "data/a.csv is empty (0 bytes); expected a header line", "delivered whole"),
    "semicolons": (GOOD.replace(",", ";").encode(), 4, "column 'id' is missing", 'set delimiter = ";"'),
    "gzip": (b"\x1f\x8b" + bytes(100), 2, "expected CSV text, found a gzip file", "unpack"),
    "binary": (bytes(range(256)) * 50, 2, "its first record cannot be read (E_NUL)", "check encoding"),
    "utf-16 without a mark": (GOOD.encode("utf-16-le"), 2, "found a binary file (NUL bytes)", "utf-16-le"),
    "missing column": (b"id,name\n1,x\n", 4, "column 'amount' is missing", "change the contract"),
    "unknown column": (b"id,name,amount,owner\n", 4, "field 'owner' is not in the contract", "discard_column"),
    "a header twice": (b"id,name,Name,amount\n", 4, "in the header 2 times: 'name', 'Name'", "change the contract"),
    "sql in the header": (
        b'id,name,amount,"x""; DROP TABLE items; --"\n',
        4,
        "field 'x\"; DROP TABLE items; --' is not in the contract",
        "discard_column",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_is_refused(project: ItemsProject, what: str) -> None:
    content, exit_code, found, hint = REFUSED[what]
    project.write(content)
    error = project.refused("load", "items", exit_code=exit_code)
    assert error["message"].startswith("data/a.csv")
    assert found in error["message"]
    assert "nothing was loaded" in error["message"]
    assert hint in error["hint"]
    assert not project.exists(), "not even a table was made"


def test_a_source_that_is_no_file(project: ItemsProject) -> None:
    """Missing, matching nothing, a directory, a pipe. As root no permission bites, so these stand for unreadable."""
    os.mkfifo(project.directory / "data" / "pipe.txt")
    for source, found in (
        ("data/absent.csv", "cannot read data/absent.csv: there is no such file"),
        ("data/*.csv", "no file matches"),
        ("data", "data is a directory; a source is a file"),
        ("data/pipe.txt", "data/pipe.txt is a pipe, socket or device"),
    ):
        error = project.refused("load", "items", source)
        assert error["code"] == "SourceError"
        assert found in error["message"]
        assert "nothing was read" in error["message"]


def test_a_header_and_nothing_else(project: ItemsProject) -> None:
    project.write(HEADER)
    code, out, err = project.run("load", "items")
    assert (code, err) == (0, "")
    assert out.startswith("items  0 read · 0 inserted")
    assert project.rows() == []
    assert project.load()["files"] == {"loaded": 0, "known": 1}


LOADED: dict[str, tuple[str, bytes]] = {
    "byte order mark": ("", codecs.BOM_UTF8 + GOOD.encode()),
    "carriage returns": ("", GOOD.replace("\n", "\r").encode()),
    "no final newline": ("", GOOD.rstrip("\n").encode()),
    "blank lines and comments": (
        'comment = "#"',
        ("# made by hand\n" + GOOD.replace("5,item", "\n# note, with comma\n5,item", 1) + "\n\n#end").encode(),
    ),
    "preamble and footer": (
        "skip_lines = 2\nskip_footer_lines = 2",
        ("Report,1\n\n" + GOOD + 'Total,"20\nEnd\n').encode(),
    ),
    "utf-16": ('encoding = "utf-16"', GOOD.encode("utf-16")),
    "utf-16-be": ('encoding = "utf-16-be"', GOOD.encode("utf-16-be")),
    "tabs": ('delimiter = "\\t"', GOOD.replace(",", "\t").encode()),
}


@pytest.mark.parametrize("what", LOADED)
def test_a_file_that_is_only_written_otherwise(sqlite_url: str, tmp_path: Path, what: str) -> None:
    form, content = LOADED[what]
    project = ItemsProject(tmp_path / "project", sqlite_url, form=f"chunk_bytes = 128\n{form}")
    project.write(content)
    told = project.load()
    assert (told["read"], told["rejected"]) == (20, 0)
    assert told["chunks"]["done"] > 1
    assert project.rows() == as_rows(items(1, 20))


def test_latin_1_by_contract(database_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", database_url, form='encoding = "latin-1"')
    project.write((HEADER + "1,café,1.00\n2,naïve,2.00\n").encode("latin-1"))
    assert project.load()["read"] == 2
    assert project.rows() == [(1, "café", "1.00"), (2, "naïve", "2.00")]


def test_broken_records_take_no_neighbour_with_them(database_url: str, tmp_path: Path) -> None:
    """An open quote in the first row, a NUL, another encoding: one reject each, in a file of many chunks."""
    project = ItemsProject(tmp_path / "project", database_url)
    content = (
        (HEADER + '1,"open,1.00\n').encode()
        + items(2, 99).encode()
        + b"100,a\0b,1.00\n"
        + items(101, 120).encode()
        + "121,caf\xe9,1.00\n".encode("latin-1")
        + "122,café,1.00\n".encode()
    )
    project.write(content)
    told = project.load("--workers", "2")
    assert (told["read"], told["rejected"]) == (122, 3)
    assert project.rows() == as_rows(items(2, 99) + items(101, 120) + "122,café,1.00\n")
    rejects = project.told("rejects", "list", "items")["rejects"]
    assert [(r["code"], r["line"]) for r in rejects] == [("E_QUOTE", 2), ("E_NUL", 101), ("E_ENCODING", 122)]
    assert [r["raw"] for r in rejects] == ['1,"open,1.00', "100,a\\x00b,1.00", "121,caf\\xe9,1.00"]


def test_when_every_row_is_bad(project: ItemsProject) -> None:
    project.write(HEADER + "a,b,c\n" * 15)
    told = project.load()
    assert (told["read"], told["rejected"]) == (15, 15)
    assert told["warnings"] == ["every row was rejected: does the contract fit these files?"]
    assert project.rows() == []


@pytest.mark.parametrize(("letters", "rejected"), [(10_000_000, 0), (20_000_000, 1)])
def test_a_field_of_megabytes(database_url: str, tmp_path: Path, letters: int, rejected: int) -> None:
    """Up to max_record_bytes (16 MB) a record is a record; beyond it a reject whose raw text is cut."""
    project = ItemsProject(tmp_path / "project", database_url, columns=BIG_TEXT)
    project.write(HEADER + "1," + "x" * letters + ",1.00\n" + items(2, 20))
    assert project.load()["rejected"] == rejected
    kept = project.query("SELECT id, length(name) AS size FROM items WHERE length(name) > 100")
    assert kept == ([] if rejected else [{"id": 1, "size": letters}])
    if rejected:
        reject = project.told("rejects", "list", "items")["rejects"][0]
        assert (reject["code"], reject["line"]) == ("E_RECORD_SIZE", 2)
        assert reject["byte_length"] == letters + len("1,,1.00")
        assert len(reject["raw"]) < 70_000


def test_more_columns_than_the_database_can_have(shared_url: str, tmp_path: Path) -> None:
    """DuckDB can have them."""
    columns = {"id": "bigint", **{f"c{number}": "int" for number in range(5_000)}}
    project = ItemsProject(tmp_path / "project", shared_url, columns=columns)
    project.write(",".join(columns) + "\n" + "1" + ",1" * 5_000 + "\n")
    error = project.refused("load", "items")
    assert "cannot make the table the contract asks for (5,002 columns)" in error["message"]
    assert "nothing was loaded" in error["message"]
    assert not project.exists()
    assert project.told("status")["datasets"] == []


def test_a_column_name_that_is_sql(database_url: str, tmp_path: Path) -> None:
    """Names are quoted wherever they go: table, staging, merge, rejects."""
    name = "x\"; DROP TABLE items; --'"
    project = ItemsProject(tmp_path / "project", database_url, columns={**BIG_TEXT, name: "string"})
    head = HEADER.rstrip("\n") + ',"x""; DROP TABLE items; --\'"\n'
    project.write(head + "1,a,1.00,'; DROP TABLE items; --\n2,b,x,y\n")
    assert project.load()["rejected"] == 1
    project.write(head + "1,a,2.00,z\n")
    project.load()
    assert [dict(row)[name] for row in project.query("SELECT * FROM items")] == ["z"]


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ("sequence = 'owner'", "sequence names 'owner', which is no column"),
        ("colour = 1", "colour is no key of a contract"),
        ("= =", "items.toml:5:1: not valid TOML"),
        ("max_rejects = 'few'", "max_rejects 'few': write a number of rows (100) or a share of them (0.5%)"),
    ],
)
def test_a_contract_that_is_not_sound(sqlite_url: str, tmp_path: Path, top: str, said: str) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, top=top)
    project.write(GOOD)
    error = project.refused("load", "items")
    assert said in error["message"]


def test_a_dataset_without_a_contract(project: ItemsProject) -> None:
    error = project.refused("load", "nothing")
    assert "no dataset 'nothing'" in error["message"]
    assert "there are: items" in error["message"]
    assert "holdfast contract infer" in error["hint"]
