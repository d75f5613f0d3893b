"""What the pages say is what the code has: links, commands, options, settings, reason codes, fault points, exits."""

from __future__ import annotations

import functools
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
from holdfast.interfaces.source_config import SourceSettings
from tests.unit.docs.pages import NAMES, ROOT, anchors, blocks, commands, prose, text_of

EVERYTHING = "\n".join(text_of(name) for name in NAMES)


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
        assert _mistake(shown) is None, f"{name}: {shown!r}: {_mistake(shown)}"


@functools.cache
def _command_line() -> Any:
    return typer.main.get_command(app)


def _mistake(shown: str) -> str | None:
    """What the command line would not know of `holdfast ...`; None: it knows all of it."""
    command = _command_line()
    words = iter(shlex.split(shown)[1:])
    for word in words:
        if word.startswith("-"):
            option = next((o for o in command.params if word.partition("=")[0] in o.opts), None)
            if option is None and word not in ("-h", "--help"):
                return f"no option {word}"
            if option and not option.is_flag and "=" not in word:
                next(words, None)
        elif hasattr(command, "commands") and word != "...":
            if word not in command.commands:
                return f"no command {word}"
            command = command.commands[word]
    return None


def test_a_wrong_command_or_option_is_a_mistake() -> None:
    assert _mistake("holdfast --log-level info load usage --workers 2") is None
    assert _mistake("holdfast laod usage") == "no command laod"
    assert _mistake("holdfast rejects replay usage --file x.csv") == "no option --file"


def test_commands_are_found_in_the_pages() -> None:
    """Were the search for commands broken, the tests above would pass whatever the pages say."""
    found = set(commands("README.md"))
    assert {"holdfast load usage --workers 2", "holdfast doctor", "holdfast plan DATASET [SOURCE...]"} <= {
        command.strip() for command in found
    }
    assert any("rejects replay" in command for command in commands("docs/operations.md"))


def test_every_command_is_documented() -> None:
    for name, command in _command_line().commands.items():
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


def test_every_source_setting_is_documented_with_its_default() -> None:
    page = text_of("docs/outbound.md")
    for name, setting in SourceSettings.model_fields.items():
        default = (
            "none" if setting.default is None else f"{setting.default:g}" if setting.default < 1e6 else setting.default
        )
        assert f"| `{name}` | {default} |" in page


def test_the_contract_shown_first_is_sound() -> None:
    import tomllib

    contract = contract_from({"name": "usage", **tomllib.loads(blocks("README.md", "toml")[0])})
    assert contract.column_names == ("date", "bill_id", "revenue")
