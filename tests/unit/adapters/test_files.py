"""Local files: found by patterns in natural order, named alike on every machine, refused when they are no files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.adapters.sources.files import LocalFiles, natural_key
from holdfast.domain.errors import SourceError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    directory = tmp_path / "project"
    for name in ("data/day-10.csv", "data/day-2.csv", "data/day-1.csv", "data/more/x.csv", "data/odd[1].csv"):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return directory


def uris(project: Path, *patterns: str) -> list[str]:
    return [stamp.uri for stamp in LocalFiles(project).list(list(patterns))]


def test_day_2_comes_before_day_10(project: Path) -> None:
    assert uris(project, "data/day-*.csv") == ["data/day-1.csv", "data/day-2.csv", "data/day-10.csv"]


def test_a_file_named_twice_is_listed_once(project: Path) -> None:
    assert uris(project, "data/day-1.csv", "data/*-1.csv", "./data/../data/day-1.csv") == ["data/day-1.csv"]


def test_two_stars_look_into_folders(project: Path) -> None:
    assert "data/more/x.csv" in uris(project, "data/**/*.csv")


def test_a_name_with_brackets_is_first_of_all_a_name(project: Path) -> None:
    assert uris(project, "data/odd[1].csv") == ["data/odd[1].csv"]


def test_absolute_names_inside_the_project_become_relative_and_outside_stay(project: Path, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_bytes(b"x")
    assert uris(project, str(project / "data/day-1.csv")) == ["data/day-1.csv"]
    assert uris(project, str(tmp_path / "far.csv")) == [str(tmp_path / "far.csv")]
    assert uris(project, "../far.csv") == ["../far.csv"]


def test_a_project_whose_path_has_pattern_letters(tmp_path: Path) -> None:
    directory = tmp_path / "a[b]c*"
    directory.mkdir()
    (directory / "x.csv").write_bytes(b"x")
    assert uris(directory, "*.csv") == ["x.csv"]


def test_a_stamp_tells_size_and_time(project: Path) -> None:
    path = project / "data/day-1.csv"
    os.utime(path, ns=(5, 1_700_000_000_123_456_789))
    [stamp] = LocalFiles(project).list(["data/day-1.csv"])
    assert (stamp.size_bytes, stamp.modified) == (path.stat().st_size, "1700000000123456789")


def test_reads_are_exact_and_end_where_the_file_ends(project: Path) -> None:
    handle = LocalFiles(project).open("data/day-1.csv")
    assert handle.read(0, 4) == b"data"
    assert handle.read(5, 1000) == b"day-1.csv"
    assert handle.read(1000, 2000) == b""
    handle.close()
    handle.close()


def test_a_file_cut_short_while_open_gives_a_short_read_and_no_signal(project: Path) -> None:
    path = project / "data/day-1.csv"
    handle = LocalFiles(project).open("data/day-1.csv")
    os.truncate(path, 3)
    assert handle.read(0, 100) == b"dat"
    handle.close()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("data/none-*.csv", "no file matches 'data/none-*.csv'"),
        ("data/none.csv", "cannot read data/none.csv: there is no such file"),
        ("data", "data is a directory"),
        ("pipe", "pipe is a pipe, socket or device"),
        ("/dev/null", "/dev/null is a pipe, socket or device"),
        ("dangling.csv", "cannot read dangling.csv: there is no such file"),
    ],
)
def test_what_is_no_readable_file_is_refused_by_name(project: Path, pattern: str, expected: str) -> None:
    os.mkfifo(project / "pipe")
    (project / "dangling.csv").symlink_to("nowhere")
    with pytest.raises(SourceError) as caught:
        LocalFiles(project).list([pattern])
    assert expected in caught.value.message
    assert caught.value.hint


def test_opening_a_pipe_is_refused_without_waiting_for_a_writer(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with pytest.raises(SourceError, match="pipe"):
        LocalFiles(project).open("pipe")


def test_a_name_that_is_no_text_is_refused(project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project) + b"/bad\xff.csv")).write_bytes(b"x")
    with pytest.raises(SourceError, match="not UTF-8"):
        LocalFiles(project).list(["bad*"])


def test_an_unreadable_file_says_so_when_opened(project: Path) -> None:
    path = project / "data/day-1.csv"
    path.chmod(0)
    if os.geteuid() == 0:
        assert stat.S_IMODE(path.stat().st_mode) == 0  # root reads it all the same
        LocalFiles(project).open("data/day-1.csv").close()
    else:
        with pytest.raises(SourceError, match="this user may not read it"):
            LocalFiles(project).open("data/day-1.csv")


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_in_names_sort_by_value(numbers: list[int]) -> None:
    names = [f"d/part-{number}.csv" for number in numbers]
    assert sorted(names, key=natural_key) == [f"d/part-{number}.csv" for number in sorted(numbers)]
