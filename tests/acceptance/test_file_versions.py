"""Files that come again in another form: grown, corrected, shortened, reverted, doubled. The table follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

BOTH = pytest.mark.parametrize("disposition", ["merge", "append"])


@pytest.fixture
def project(shared_url: str, tmp_path: Path, disposition: str) -> ItemsProject:
    return ItemsProject(tmp_path / "project", shared_url, disposition)


@BOTH
@pytest.mark.parametrize("end", ["\n", ""], ids=["whole", "no-final-newline"])
def test_a_file_that_grew_loads_its_tail(project: ItemsProject, end: str) -> None:
    """Old chunks are known by their bytes; a last line without an end may have been half a line and is read again."""
    old = HEADER + items(1, 100).removesuffix("\n") + end
    project.write(old)
    first = project.load()
    before = project.chunks()
    project.write(old.removesuffix("\n") + "\n" + items(101, 120))
    grown = project.load()
    assert first["read"] == 100
    assert 20 <= grown["read"] < 40, "the tail, and at most the chunk before it"
    assert grown["chunks"]["done"] < first["chunks"]["done"]
    still = project.chunks()
    assert before[:-1] == still[: len(before) - 1], "what was done stays done"
    assert project.rows() == as_rows(items(1, 120))


@BOTH
def test_a_file_that_was_cut_off_inside_a_quoted_field(project: ItemsProject) -> None:
    """What was rejected as an open quote is whole in the next version; its reject is no longer open."""
    project.write(HEADER + items(1, 30) + '31,"two')
    assert project.load()["rejected"] == 1
    project.write(HEADER + items(1, 30) + '31,"two\nlines",31.25\n' + items(32, 40))
    project.load()
    found = project.rows()
    assert found[:30] + found[31:] == as_rows(items(1, 30) + items(32, 40))
    assert found[30] == (31, "two\nlines", "31.25")
    assert project.told("rejects", "list", "items")["codes"] == []


@BOTH
@pytest.mark.parametrize("name", ["ITEM 0050", "a longer name"], ids=["same-length", "other-length"])
def test_a_file_edited_in_the_middle_loads_only_that(project: ItemsProject, name: str) -> None:
    old = HEADER + items(1, 100)
    project.write(old)
    first = project.load()
    project.write(old.replace("50,item 0050", f"50,{name}"))
    changed = project.load()
    assert changed["read"] < first["read"] / 4
    assert project.rows() == as_rows(items(1, 49) + f"50,{name},50.25\n" + items(51, 100))
    if project.disposition == "append":
        project.check_balance()


@BOTH
def test_rows_taken_out_of_a_file(project: ItemsProject) -> None:
    """A keyless table holds what its files hold now; a keyed one keeps its keys: no delivery says "delete"."""
    project.write(HEADER + items(1, 100))
    project.load()
    project.write(HEADER + items(1, 40) + items(61, 100))
    told = project.load()
    gone = 0 if project.disposition == "merge" else 20
    assert told["removed"] - told["inserted"] == gone, "rows that a new version takes out are told"
    assert project.rows() == as_rows(items(1, 100) if project.disposition == "merge" else items(1, 40) + items(61, 100))


@pytest.mark.also_on("mysql")
@BOTH
def test_old_content_comes_back(project: ItemsProject) -> None:
    """A correction that is taken back is a third version, not "known content"."""
    old, new = HEADER + items(1, 40), HEADER + items(1, 40, "mended")
    for content, name in ((old, "item"), (new, "mended"), (old, "item")):
        project.write(content)
        project.load()
        assert project.rows() == as_rows(items(1, 40, name))
    versions = project.query(f"SELECT MAX(version) AS newest FROM {project.ops('file')}")
    assert versions == [{"newest": 3}]


@BOTH
def test_two_files_with_the_same_bytes_load_once(project: ItemsProject) -> None:
    content = HEADER + items(1, 30)
    project.write(content, "a.csv")
    project.write(content, "b.csv")
    told = project.load()
    assert (told["read"], told["files"]) == (30, {"loaded": 1, "known": 1})
    project.write(HEADER + items(1, 30, "new"), "a.csv")
    project.load()
    expected = items(1, 30, "new") + items(1, 30)
    if project.disposition == "append":
        assert sorted(project.rows()) == sorted([*as_rows(items(1, 30)), *as_rows(items(1, 30, "new"))])
    else:
        assert project.rows() == as_rows(expected), "b.csv is a file of its own now, and later in order"


@pytest.mark.parametrize("disposition", ["merge"])
def test_of_several_files_the_later_name_wins(project: ItemsProject) -> None:
    """Natural order: day-10 comes after day-9."""
    for day in (10, 9, 1):
        project.write(HEADER + items(day, 20, f"day {day}"), f"day-{day}.csv")
    project.load("--workers", "2")
    assert project.rows() == as_rows(items(1, 20, "day 1") + items(9, 20, "day 9") + items(10, 20, "day 10"))
    project.check_balance()


@pytest.mark.parametrize("disposition", ["append"])
def test_a_changed_file_can_be_refused(shared_url: str, tmp_path: Path, disposition: str) -> None:
    """on_changed_file = "refuse": a file that only grew is no change; one that says something else is."""
    project = ItemsProject(tmp_path / "project", shared_url, disposition, top='on_changed_file = "refuse"')
    project.write(HEADER + items(1, 60))
    project.load()
    project.write(HEADER + items(1, 80))
    project.load()
    project.write(HEADER + items(1, 20, "changed") + items(21, 80))
    error = project.refused("load", "items")
    assert error["code"] == "SourceError"
    assert "data/a.csv" in error["message"]
    assert "nothing was loaded" in error["message"]
    assert project.rows() == as_rows(items(1, 80))
    assert {state for _, state in project.chunks()} == {"done"}


@BOTH
def test_bytes_that_move_to_another_name(project: ItemsProject) -> None:
    """A log that is rotated: the old bytes under a new name, new bytes under the old one. Nothing is lost."""
    first = project.write(HEADER + items(1, 20), "a.csv")
    project.load()
    first.rename(first.with_name("a.1.csv"))
    project.write(HEADER + items(21, 40), "a.csv")
    project.load()
    assert project.rows() == as_rows(items(1, 40))


@BOTH
def test_a_file_cut_off_between_carriage_return_and_newline(project: ItemsProject) -> None:
    whole = (HEADER + items(1, 40)).replace("\n", "\r\n")
    project.write(whole[:-1])
    project.load()
    project.write(whole + items(41, 50).replace("\n", "\r\n"))
    assert project.load()["rejected"] == 0
    assert project.rows() == as_rows(items(1, 50))
    assert project.told("rejects", "list", "items")["codes"] == []


@pytest.mark.parametrize("disposition", ["append", "replace"])
def test_a_file_of_which_the_header_is_left(project: ItemsProject) -> None:
    project.write(HEADER + items(1, 30))
    project.load()
    project.write(HEADER)
    assert project.load()["read"] == 0
    assert project.rows() == []
