"""What the pages say is what the code has: links, commands, options, settings, reason codes, fault points, exits."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer.main

from holdfast.domain import errors
from holdfast.domain.contract import contract_from
from holdfast.domain.reject import REASON_CODES
from holdfast.engine.faults import POINTS
from holdfast.interfaces.cli.main import app
from holdfast.interfaces.config import LoadSettings
from tests.unit.docs.pages import NAMES, ROOT, anchors, blocks, commands, prose, text_of

EVERYTHING = "\n".join(text_of(name) for name in NAMES)
WORDS_FOR_MANY = ("...", "…")


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)", prose(name))
    for path, anchor in links:
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), f"{name} links to {path}, which is not there"
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(ROOT))), f"{name} links to {path}#{anchor}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_shown_exists(name: str) -> None:
    for shown in commands(name):
        command: Any = typer.main.get_command(app)
        for word in shlex.split(shown.replace("'", ""))[1:]:
            if word.startswith("-"):
                known = {"--help", "-h"}.union(*(parameter.opts for parameter in command.params))
                assert word.partition("=")[0] in known, f"{name}: {shown!r}: {command.name} has no option {word}"
            elif hasattr(command, "commands") and word not in WORDS_FOR_MANY:
                names = [part for part in word.split("|") if part not in command.commands]
                assert not names or word in ("warning", "info", "debug"), f"{name}: {shown!r}: no command {word!r}"
                command = command.commands.get(word.split("|")[0], command)


def test_commands_are_found_in_the_pages() -> None:
    """Were the search for commands broken, the test above would pass whatever the pages say."""
    found = set(commands("README.md"))
    assert {"holdfast load usage --workers 2", "holdfast doctor", "holdfast plan DATASET [SOURCE...]"} <= {
        command.strip() for command in found
    }
    assert any("rejects replay" in command for command in commands("docs/operations.md"))


def test_every_command_is_documented() -> None:
    tree: Any = typer.main.get_command(app)
    for name, command in tree.commands.items():
        for full in (f"{name} {sub}" for sub in command.commands) if hasattr(command, "commands") else [name]:
            assert f"holdfast {full}" in EVERYTHING, f"holdfast {full} is nowhere in the documentation"


def test_every_reason_code_is_documented_and_no_other() -> None:
    page = text_of("docs/operations.md")
    for code in REASON_CODES:
        assert f"| `{code}` |" in page
    assert set(re.findall(r"\bE_[A-Z_]+\b", EVERYTHING)) <= set(REASON_CODES)


def test_every_fault_point_is_documented_and_no_other() -> None:
    page = text_of("docs/how-it-works.md")
    rooms = {point.partition(".")[0] for point in POINTS}
    assert set(re.findall(rf"`((?:{'|'.join(rooms)})\.[a-z_]+)`", page)) == set(POINTS)


def test_every_exit_code_is_documented() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    codes = {str(kind.exit_code) for kind in kinds if issubclass(kind, errors.HoldfastError)} | {"0", "130", "143"}
    for page in ("README.md", "docs/operations.md"):
        shown = {
            code for row in re.findall(r"^\| ([\d, ]+) \|", text_of(page), re.MULTILINE) for code in row.split(", ")
        }
        assert codes <= shown


def test_every_load_setting_is_documented() -> None:
    for name in LoadSettings.model_fields:
        assert f"`{name}`, `HOLDFAST_LOAD__{name.upper()}`" in text_of("docs/operations.md")


def test_the_contract_shown_first_is_sound() -> None:
    import tomllib

    contract = contract_from({"name": "usage", **tomllib.loads(blocks("README.md", "toml")[0])})
    assert contract.column_names == ("date", "bill_id", "revenue")
