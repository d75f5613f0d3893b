"""The project file: found upwards, overridden by environment and option, and precise about every mistake."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from holdfast.domain.errors import ConfigError, ContractError
from holdfast.interfaces.config import load_project
from holdfast.interfaces.source_config import SourceSettings
from holdfast.outbound.policy import Policy

CONTRACT = 'table = "t"\nwrite_disposition = "append"\n[[columns]]\nname = "a"\ntype = "int"\n'


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOLDFAST_DB", "HOLDFAST_CONFIG", "HOLDFAST_LOAD__WORKERS"):
        monkeypatch.delenv(name, raising=False)


def write(directory: Path, text: str) -> Path:
    path = directory / "holdfast.toml"
    path.write_text(text, "utf-8")
    return path


def refusal(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_project(start=directory)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value.message


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    project = load_project(start=tmp_path)
    assert project.url == f"sqlite:///{tmp_path}/holdfast.db"
    assert (project.load.workers, project.load.retry_for_s, project.load.lease_s) == (1, 300, 15)


def test_the_file_is_found_in_a_parent_and_paths_start_there(tmp_path: Path) -> None:
    write(tmp_path, '[database]\nurl = "sqlite:///my.db"\n[load]\nworkers = 3\n')
    inner = tmp_path / "data" / "2024"
    inner.mkdir(parents=True)
    project = load_project(start=inner)
    assert (project.directory, project.url, project.load.workers) == (tmp_path, f"sqlite:///{tmp_path}/my.db", 3)


def test_holdfast_config_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.setenv("HOLDFAST_CONFIG", str(write(there, "[load]\nworkers = 5\n")))
    assert load_project(start=tmp_path).load.workers == 5
    monkeypatch.setenv("HOLDFAST_CONFIG", str(tmp_path / "nowhere.toml"))
    assert "nowhere.toml, which is no file" in refusal(tmp_path)


def test_a_source_has_its_section_or_the_defaults(tmp_path: Path) -> None:
    write(tmp_path, "[sources.api1]\ncalls = 100\ntries = 2\n[sources.csv]\n")
    project = load_project(start=tmp_path)
    assert project.policy("api1") == Policy(source="api1", calls=100, tries=2)
    assert project.policy("csv") == Policy(source="csv")
    assert project.policy("rss") == Policy(source="rss")
    assert set(SourceSettings.model_fields) | {"source"} == {f.name for f in fields(Policy)}


def test_mistakes_in_a_source_are_named(tmp_path: Path) -> None:
    write(tmp_path, "[sources.tries]\ncall = 100\n")
    assert "unknown key 'sources.tries.call' (did you mean 'calls'?); known here: calls, period_s" in refusal(tmp_path)
    write(tmp_path, "[sources.api1]\ncalls = 0\n")
    assert "sources.api1.calls: Input should be greater than or equal to 1" in refusal(tmp_path)
    write(tmp_path, "[sources.api1]\ncalls = 2\nburst = 3\n")
    assert "sources.api1: burst is 3, more than calls (2)" in refusal(tmp_path)
    write(tmp_path, '[sources."a b"]\n')
    assert "sources.a b" in refusal(tmp_path)


def test_option_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[database]\nurl = "postgresql://file/x"\n[load]\nworkers = 3\nlease_s = 60\n')
    monkeypatch.setenv("HOLDFAST_DB", "postgresql://environment/x")
    monkeypatch.setenv("HOLDFAST_LOAD__WORKERS", "7")
    project = load_project(start=tmp_path)
    assert (project.url, project.load.workers, project.load.lease_s) == ("postgresql://environment/x", 7, 60)
    assert load_project("postgresql://option/x", start=tmp_path).url == "postgresql://option/x"


def test_a_mistaken_variable_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "[load]\nworkers = 3\n")
    monkeypatch.setenv("HOLDFAST_LOAD__WORKRES", "7")
    assert "unknown key 'load.workres' (did you mean 'workers'?)" in refusal(tmp_path)


def test_a_relative_path_given_on_the_command_line_starts_where_the_user_is(tmp_path: Path) -> None:
    write(tmp_path, "")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert load_project("sqlite:///x.db", start=inner).url == f"sqlite:///{inner}/x.db"
    assert load_project("sqlite:///:memory:", start=inner).url == "sqlite:///:memory:"


def test_a_password_comes_from_the_environment_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, '[database]\nurl = "postgresql://me:${MY_PASSWORD}@host/db"\n')
    monkeypatch.setenv("MY_PASSWORD", "s3cret/@word")
    project = load_project(start=tmp_path)
    assert project.url == "postgresql://me:s3cret%2F%40word@host/db"
    assert project.url_shown == "postgresql://me:***@host/db"
    assert "s3cret" not in repr(project)
    monkeypatch.delenv("MY_PASSWORD")
    assert "the environment has no MY_PASSWORD" in refusal(tmp_path)


def test_a_url_may_be_kept_in_a_file_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, '[database]\nurl_file = "secret.txt"\n')
    (tmp_path / "secret.txt").write_text("postgresql://me:pw12@host/db\n")
    assert load_project(start=tmp_path).url == "postgresql://me:pw12@host/db"
    (tmp_path / "secret.txt").unlink()
    assert "secret.txt: No such file" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[load]\nworkres = 3\n", "unknown key 'load.workres' (did you mean 'workers'?); known here: workers, "),
        ("[databse]\n", "unknown key 'databse' (did you mean 'database'?)"),
        ("[load]\nworkers = 0\n", "load.workers: Input should be greater than or equal to 1"),
        ("[load]\nlease_s = 6\nheartbeat_s = 5\n", "load: heartbeat_s must be at most half of lease_s"),
        ('[database]\nurl = "a"\nurl_file = "b"\n', "database: url and url_file are both set"),
        ("[load]\nworkers = \n", "holdfast.toml:2:11: not valid TOML: Invalid value"),
        ('[fx.currencylayer]\nurl = "https://[bad"\n', "fx.currencylayer.url: "),
        ('[fx.currencylayer]\nurl = "https://x.example/?access_key=abc"\n', "keep the plain address"),
        ('[fx.ecb]\nurl = "/rates.zip"\n', "fx.ecb.url: expected an address as https://host/path"),
        ("[load\n", "holdfast.toml:1:6: not valid TOML"),
    ],
)
def test_every_mistake_names_its_place(tmp_path: Path, text: str, expected: str) -> None:
    write(tmp_path, text)
    assert expected in refusal(tmp_path)


def test_a_refused_url_is_not_repeated(tmp_path: Path) -> None:
    write(tmp_path, '[database]\nurl = ["postgresql://me:hunter22@host/db"]\n')
    assert "hunter22" not in refusal(tmp_path)


def test_a_contract_is_named_after_its_file(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "sales.toml").write_text(CONTRACT)
    project = load_project(start=tmp_path)
    assert project.dataset_names() == ["sales"]
    assert project.contract("sales").name == "sales"


def test_an_unknown_dataset_is_answered_with_those_there_are(tmp_path: Path) -> None:
    project = load_project(start=tmp_path)
    with pytest.raises(ConfigError, match="there are none yet"):
        project.contract("usage")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "usage.toml").write_text(CONTRACT)
    with pytest.raises(ConfigError, match=r"there are: usage \(did you mean 'usage'\?\)"):
        project.contract("usge")


def test_an_unsound_contract_lists_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "bad.toml").write_text(CONTRACT.replace('"int"', '"integer"') + "colour = 1\n")
    with pytest.raises(ContractError) as caught:
        load_project(start=tmp_path).contract("bad")
    assert "type 'integer' is unknown" in caught.value.message
    assert "colour" in caught.value.message
