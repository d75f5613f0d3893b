"""What commands print: aligned, safe to look at, and free of secrets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.errors import Interrupted, SourceError
from holdfast.interfaces import config
from holdfast.interfaces.cli import main, output
from holdfast.observe import log


def test_a_table_aligns_text_left_and_numbers_right(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["name", "rows"], [["Acme", 1234567], ["日本", 5], ["x\ny\x1b[31m", None]])
    assert capsys.readouterr().out.splitlines() == [
        f"{'name':<12}  {'rows':>9}",
        f"{'Acme':<12}  1,234,567",
        f"日本{'':<8}  {'5':>9}",
        f"x\\ny\\x1b[31m  {'-':>9}",
    ]


def test_a_table_without_rows_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["a"], [])
    assert capsys.readouterr().out == ""


@given(st.text())
def test_no_text_of_a_file_can_move_the_cursor(text: str) -> None:
    assert output.visible(text).isprintable()


def test_a_failure_is_one_object_with_code_message_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    output.terminal_object(output.failed(SourceError("gone", hint="look"), run_id="r1"))
    assert json.loads(capsys.readouterr().out) == {
        "status": "failed",
        "exit_code": 2,
        "run_id": "r1",
        "error": {"code": "SourceError", "message": "gone", "hint": "look"},
    }
    assert output.failed(Interrupted("stop", signal_number=15))["status"] == "interrupted"


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (16_000_000, "16.0 MB"), (3.2e9, "3.2 GB"), (5.5e15, "5,500.0 TB")],
)
def test_sizes(size_bytes: float, shown: str) -> None:
    assert output.size(size_bytes) == shown


@pytest.mark.parametrize(
    "text",
    [
        "could not connect to postgresql://me:hunter22@host/db",
        "dsn is host?password=hunter22&sslmode=require",
        "the driver said: hunter22 is wrong",
        "percent-encoded: hunt%65r%2F22 and hunter/22",
    ],
)
def test_secrets_never_reach_the_terminal(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.register_secret("hunter22")
    log.register_password_of("postgresql://me:hunt%65r%2F22@host/db")
    output.print_error(text)
    shown = capsys.readouterr().err
    assert "hunter" not in shown
    assert "hunt%65r" not in shown
    assert "***" in shown


def test_log_lines_mask_secrets_in_every_field(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import structlog

    log.register_secret("hunter22")
    for as_json in ("json", ""):
        monkeypatch.setenv("HOLDFAST_LOG", as_json)
        log.setup("info")
        structlog.get_logger().info("login hunter22", tried=["hunter22"], also={"k": "hunter22"}, rows=5)
        structlog.get_logger().debug("too quiet to be seen")
        shown = capsys.readouterr().err
        assert "hunter22" not in shown
        assert "quiet" not in shown
        assert shown.count("***") == 3
        if as_json:
            assert json.loads(shown)["rows"] == 5


def test_ctrl_c_at_any_moment_is_told_in_the_way_that_was_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a command listens to signals itself (it imports, it connects) the interpreter's own handler strikes."""

    def struck(_db: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config, "load_project", struck)
    assert main.run(["ops", "prune", "--json"]) == 130
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["exit_code"]) == ("interrupted", 130)
