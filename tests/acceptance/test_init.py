"""`holdfast init` and the frame of the command line, as a new user meets them: in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from tests.support.processes import run_cli

MODELS = {"models/README.md", "models/gold/revenue_monthly.sql"}
FILES = {".gitignore", "holdfast.toml", "contracts/usage.toml", "data/usage.csv", *MODELS}


def holdfast(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code, out, err = run_cli(*arguments, cwd=cwd, env=environment, deadline_s=120)
    return subprocess.CompletedProcess(arguments, code, out, err)


def files_under(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_init_writes_a_project_whose_contract_fits_its_data(tmp_path: Path) -> None:
    made = holdfast("init", "billing", cwd=tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    assert files_under(tmp_path / "billing") == FILES
    checked = holdfast("contract", "check", cwd=tmp_path / "billing")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "fits the header of 1 file" in checked.stdout
    assert "warning" not in checked.stdout


def test_the_small_file_has_one_broken_row_of_each_kind_and_the_model_is_built_of_the_others(tmp_path: Path) -> None:
    told = {}
    for command in (["init"], ["load", "usage"], ["build"]):
        code, out, err = run_cli(*command, "--json", cwd=tmp_path)
        assert code == 0, err
        told[command[0]] = json.loads(out)
    [usage], [model] = told["load"]["datasets"], told["build"]["models"]
    assert (usage["read"], usage["inserted"], usage["superseded"], usage["rejected"]) == (203, 189, 3, 11)
    with closing(connect(tmp_path / "holdfast.db")) as database:
        [bills] = database.execute("SELECT SUM(bill_count) FROM gold_revenue_monthly").fetchone()
    assert (model["model"], model["failed"], bills) == ("gold.revenue_monthly", 0, 189)


def test_init_twice_refuses_and_changes_nothing(tmp_path: Path) -> None:
    holdfast("init", cwd=tmp_path)
    (tmp_path / "holdfast.toml").write_text("# mine\n")
    (tmp_path / "data" / "usage.csv").unlink()
    again = holdfast("init", cwd=tmp_path)
    assert again.returncode == 2
    assert str(tmp_path / "holdfast.toml") in again.stderr
    assert "nothing was written" in again.stderr
    assert (tmp_path / "holdfast.toml").read_text() == "# mine\n"
    assert files_under(tmp_path) == FILES - {"data/usage.csv"}


def test_init_over_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    for directory in ("taken", "taken/below"):
        refused = holdfast("init", directory, "--json", cwd=tmp_path)
        assert refused.returncode == 2
        assert "is a file, not a directory" in json.loads(refused.stdout)["error"]["message"]


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["init", "--nonsense"], ["--log-level", "loud", "contract", "check"], ["contract"], []]
)
def test_usage_mistakes_exit_2_without_a_traceback(tmp_path: Path, arguments: list[str]) -> None:
    refused = holdfast(*arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr
    assert "--help" in refused.stderr or "use one of" in refused.stderr


def test_a_failure_with_json_is_one_object_on_stdout(tmp_path: Path) -> None:
    for arguments in (["contract", "check", "nix"], ["contract", "check", "--nonsense"]):
        failed = holdfast(*arguments, "--json", cwd=tmp_path)
        told = json.loads(failed.stdout)
        assert failed.returncode == told["exit_code"] == 2
        assert (told["status"], set(told["error"])) == ("failed", {"code", "message", "hint"})


def test_an_unexpected_error_is_one_line_and_a_traceback_only_on_request(tmp_path: Path) -> None:
    """A directory that vanished under the shell is no error Holdfast has a word for."""
    gone = tmp_path / "gone"
    script = (
        f"import os; os.mkdir({str(gone)!r}); os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        "from holdfast.interfaces.cli.main import main; main(['contract', 'check'])"
    )
    for wanted in ("0", "1"):
        failed = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "HOLDFAST_TRACEBACK": wanted},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert failed.returncode == 1
        assert failed.stderr.startswith("error: unexpected FileNotFoundError")
        assert ("Traceback" in failed.stderr) is (wanted == "1")


def test_help_and_version_are_plain_text(tmp_path: Path) -> None:
    for arguments in (["--help"], ["--version"], ["init", "--help"]):
        shown = holdfast(*arguments, cwd=tmp_path, FORCE_COLOR="1")
        assert shown.returncode == 0
        assert "\x1b" not in shown.stdout


def test_help_does_not_wait_for_heavy_modules(tmp_path: Path) -> None:
    script = (
        "import sys; from holdfast.interfaces.cli.main import run; run(['--help']);"
        "sys.exit(bool({'pyarrow', 'sqlalchemy', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False).returncode == 0
