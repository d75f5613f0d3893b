"""Each limit is kept: what stands at it passes, what is one over fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import limits

HEAD = '"""A module."""\n'


def found(tmp_path: Path, text: str, name: str = "ports/module.py") -> list[str]:
    (tmp_path / "ports").mkdir()
    (tmp_path / name).write_text(text)
    return [breach.removeprefix(f"{tmp_path}/{name}:") for breach in limits.breaches(tmp_path)]


def function(lines: int) -> str:
    return "async def long():\n" + "    x = 1\n" * (lines - 1)


def port(base: str, methods: int) -> str:
    return f"class Port({base}):\n" + "".join(f"    def m{n}(self) -> None: ...\n" for n in range(methods))


@pytest.mark.parametrize("text", [
    "",
    HEAD + "x = 1\n" * 399,
    HEAD + function(60),
    HEAD + port("Protocol", 10),
    HEAD + port("Database", 11),
])  # fmt: skip
def test_what_stands_at_the_limit_passes(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


@pytest.mark.parametrize(("text", "breach"), [
    ("x = 1\n", "1: the module has no docstring"),
    (HEAD + "x = 1\n" * 400, "1: the file has 401 lines; at most 400"),
    (HEAD + function(61), "2: function long has 61 lines; at most 60"),
    (HEAD + port("Protocol", 11), "2: port Port has 11 methods; at most 10"),
    (HEAD + port("typing.Protocol[T]", 11), "2: port Port has 11 methods; at most 10"),
    (HEAD + "# TODO later\n", "2: TODO stands here"),
    (HEAD + "raise NotImplementedError\n", "2: NotImplementedError stands here"),
])  # fmt: skip
def test_what_is_over_it_fails(tmp_path: Path, text: str, breach: str) -> None:
    [only] = found(tmp_path, text)
    assert only.startswith(breach)


def test_a_long_method_is_found_inside_its_class(tmp_path: Path) -> None:
    inside = "class A:\n" + "".join(f"    {line}\n" for line in function(61).splitlines())
    assert len(found(tmp_path, HEAD + inside)) == 1


def test_sql_files_are_held_to_it_too(tmp_path: Path) -> None:
    assert found(tmp_path, "SELECT 1;\n-- FIXME\n", "a.sql") == ["2: FIXME stands here; finish it or leave it out"]


@pytest.mark.parametrize(("text", "code"), [(HEAD, 0), ("x = 1\n", 1)])
def test_the_command_fails_when_there_is_a_breach(tmp_path: Path, text: str, code: int) -> None:
    (tmp_path / "module.py").write_text(text)
    done = subprocess.run([sys.executable, limits.__file__, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("module.py:1" in done.stdout) == bool(code)
