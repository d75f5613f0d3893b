"""Keeps the house small: fails when a module, a function or a port outgrew its limit, or something was left undone.

    python -m tools.limits [DIR]        DIR is src unless given

Prints one line per breach and exits 1 when there is one.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
PORT_METHODS_MAX = 10
UNDONE = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def breaches(directory: Path) -> Iterator[str]:
    """Every breach in the Python and SQL files below a directory, as `path:line: what`."""
    for path in sorted(directory.rglob("*")):
        if path.suffix not in (".py", ".sql"):
            continue
        text = path.read_text(encoding="utf-8")
        for line, what in _of_text(text):
            yield f"{path}:{line}: {what}"
        if path.suffix == ".py" and text.strip():
            module = ast.parse(text)
            for line, what in [*_of_module(module), *(_of_ports(module) if path.parent.name == "ports" else [])]:
                yield f"{path}:{line}: {what}"


def _of_text(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    if len(lines) > MODULE_LINES_MAX:
        yield 1, f"the file has {len(lines)} lines; at most {MODULE_LINES_MAX}"
    for number, line in enumerate(lines, start=1):
        if found := UNDONE.search(line):
            yield number, f"{found[0]} stands here; finish it or leave it out"


def _of_module(module: ast.Module) -> Iterator[tuple[int, str]]:
    if ast.get_docstring(module) is None:
        yield 1, "the module has no docstring; say what it owns and promises"
    for node in ast.walk(module):
        if isinstance(node, FUNCTIONS) and (lines := _lines_of(node)) > FUNCTION_LINES_MAX:
            yield node.lineno, f"function {node.name} has {lines} lines; at most {FUNCTION_LINES_MAX}"


def _of_ports(module: ast.Module) -> Iterator[tuple[int, str]]:
    for node in module.body:
        if isinstance(node, ast.ClassDef) and _is_protocol(node):
            methods = sum(isinstance(member, FUNCTIONS) for member in node.body)
            if methods > PORT_METHODS_MAX:
                yield node.lineno, f"port {node.name} has {methods} methods; at most {PORT_METHODS_MAX}"


def _lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_protocol(node: ast.ClassDef) -> bool:
    """Is `Protocol`, `Protocol[T]` or `typing.Protocol` among the bases?"""
    return any(re.fullmatch(r"(\w+\.)?Protocol(\[.*\])?", ast.unparse(base)) for base in node.bases)


def main(arguments: list[str]) -> int:
    found = list(breaches(Path(arguments[0]) if arguments else Path(__file__).parents[1] / "src"))
    print("\n".join(found) if found else "limits: every module, function and port is within them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
