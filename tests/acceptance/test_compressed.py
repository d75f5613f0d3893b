"""Compressed files: loaded, killed and resumed like plain ones, refused when they are not whole."""

from __future__ import annotations

import bz2
import gzip
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

import holdfast
from holdfast.adapters.sources.archives import ArchiveHandle
from holdfast.adapters.sources.everywhere import Everywhere
from holdfast.domain.errors import SourceError
from holdfast.engine import opening
from holdfast.interfaces.config import load_project
from holdfast.wiring import LoadResult
from tests.acceptance.frozen import frozen, thaw
from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

ROWS = items(1, 200)
DATA = (HEADER + ROWS).encode()


class CountedArchives(Everywhere):
    """Says which files were unpacked."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.unpacked: list[str] = []

    def unpack(self, uri: str, compression: str) -> ArchiveHandle:
        self.unpacked.append(uri)
        return super().unpack(uri, compression)


def load(project: ItemsProject, *names: str) -> tuple[LoadResult, list[str]]:
    """Load in this process; the result, and which files were unpacked for it."""
    contract = load_project(project.url, start=project.directory).contract("items")
    settings = holdfast.Settings(url=project.url, project_dir=str(project.directory))
    with holdfast.open_project(settings) as opened:
        counted = CountedArchives(project.directory)
        opened.source = counted
        try:
            result = opened.load(contract, [f"data/{name}" for name in names])
        finally:
            counted.close()
    return result, counted.unpacked


def test_the_same_content_is_known_however_it_is_packed(database_url: str, tmp_path: Path) -> None:
    """And an unchanged archive is not unpacked to learn that; one that grew loads its tail only."""
    project = ItemsProject(tmp_path / "project", database_url, "append")
    project.write(gzip.compress(DATA, mtime=1), "a.csv.gz")
    result, unpacked = load(project, "a.csv.gz")
    assert (result.error, result.report.counts.inserted) == (None, 200)
    assert result.report.chunks_done > 10
    assert project.rows() == as_rows(ROWS)
    result, unpacked = load(project, "a.csv.gz")
    assert (result.report.files_known, result.report.counts.read, unpacked) == (1, 0, [])
    project.write(gzip.compress(DATA, 1, mtime=2), "a.csv.gz")
    project.write(bz2.compress(DATA), "b.csv.bz2")
    project.write(DATA, "c.csv")
    result, unpacked = load(project, "a.csv.gz", "b.csv.bz2", "c.csv")
    assert (result.report.files_known, result.report.counts.read) == (3, 0)
    project.write(pa.compress(DATA + items(201, 203).encode(), codec="zstd", asbytes=True), "d.csv.zst")
    project.write(gzip.compress(DATA) + gzip.compress(items(201, 203).encode()), "a.csv.gz")
    result, unpacked = load(project, "a.csv.gz", "d.csv.zst")
    assert (result.error, result.report.counts.read, result.report.files_loaded) == (None, 3, 1)
    assert project.rows() == as_rows(ROWS + items(201, 203))
    project.check_balance()


def test_what_is_not_whole_or_too_large_is_refused_before_anything_is_loaded(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, form="chunk_bytes = 256\nexpanded_bytes_max = 100_000")
    bomb = gzip.compress(HEADER.encode() + b"1,a,1.00\n" * 100_000)
    for name, content, told in [
        ("a.csv.gz", gzip.compress(DATA)[:-9], "ends before its content does"),
        ("a.csv.gz", gzip.compress(DATA)[:-4] + b"\0\0\0\0", "is damaged"),
        ("a.csv.gz", DATA, "is no gzip file"),
        ("a.csv.gz", bomb, "expands to more than 100,000 bytes"),
        ("a.csv", gzip.compress(DATA), "found a gzip file"),
    ]:
        project.write(content, name)
        with pytest.raises(SourceError, match=told) as caught:
            load(project, name)
        assert caught.value.exit_code == 2
        assert not project.exists()
    project.form = 'chunk_bytes = 256\ncompression = "gzip"'
    project.write_contract()
    assert load(project, "a.csv")[0].report.counts.inserted == 200, "the contract says how it is packed"
    project.write(gzip.compress(HEADER.encode() + b"1,a,1.00\n" * 5_000), "a.csv.gz")
    project.form = "chunk_bytes = 256\nexpansion_ratio_max = 3"
    project.write_contract()
    monkeypatch.setattr(opening, "RATIO_FROM_BYTES", 1_000)  # a small file of equal rows may expand more
    with pytest.raises(SourceError, match="expands to more than") as caught:
        load(project, "a.csv.gz")
    assert "expansion_ratio_max" in caught.value.hint


def test_killed_and_resumed_from_a_copy_by_two_workers(database_url: str, tmp_path: Path) -> None:
    """The chunks of a gzip end wherever records do; whoever goes on, anywhere, skips to the next one."""
    project = ItemsProject(tmp_path / "project", database_url, "append", form="chunk_bytes = 5_000")
    many = items(1, 3_000)
    parts = [(HEADER + many).encode()[at : at + 7_777] for at in range(0, len(HEADER + many), 7_777)]
    project.write(b"".join(map(gzip.compress, parts)), "a.csv.gz")  # members end in the middle of records
    code, _, _ = project.run("load", "items", "data/a.csv.gz", HOLDFAST_FAULT="commit.rows_written:5=kill")
    assert code == -9
    assert 0 < len(project.query("SELECT id FROM items")) < 3_000
    elsewhere = tmp_path / "elsewhere"
    shutil.move(project.directory, elsewhere)
    project.directory = elsewhere
    assert project.load("data/a.csv.gz", "--workers", "2")["chunks"]["failed"] == 0
    assert project.rows() == as_rows(many)
    project.check_balance()


def test_an_archive_that_changes_under_a_load_is_not_mixed(sqlite_url: str, tmp_path: Path) -> None:
    project = ItemsProject(tmp_path / "project", sqlite_url, form="chunk_bytes = 1_000")
    project.write(gzip.compress(DATA), "a.csv.gz")
    with frozen(project, "load", "items", "data/a.csv.gz", "--json", at="commit.begun:2") as worker:
        project.write(gzip.compress((HEADER + items(1, 200, "other")).encode()), "a.csv.gz")
        assert thaw(worker) == 1, worker.stderr
        assert "SourceChanged" in worker.stdout
    assert load(project, "a.csv.gz")[0].error is None
    assert project.rows() == as_rows(items(1, 200, "other"))
