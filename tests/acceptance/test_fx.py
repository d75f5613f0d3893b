"""Exchange rates end to end: a year under faults, two fetches at once, and the key that no output may hold."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from holdfast.adapters.databases import connect
from tests.support.http_server import Call, HttpServer, Reply, Reset, Short, every
from tests.support.processes import run_cli, start_cli
from tests.support.rates_project import RatesProject
from tests.support.rates_server import (
    HISTORICAL,
    KEY,
    TIMEFRAME,
    answer_days,
    exact_usd,
    historical,
    play_everything,
    refusal,
    true_rate,
)
from tests.support.usage_project import UsageProject
from tests.unit.docs.pages import blocks

SPELLINGS = (KEY, quote(KEY, safe=""), quote(KEY), quote_plus(KEY), "s3cret")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        play_everything(running, has_spans=False)
        yield running


def test_a_year_of_days_under_faults_is_complete_and_exact(sqlite_url: str, server: HttpServer) -> None:
    """One call a day, each tenth of them failing in one way or another; runs that stop are run again."""
    faults = [
        Reply(503),
        Reset(),
        Reply(429, headers={"Retry-After": "2"}),
        Short(),
        Reply(500, b"<html>"),
        Reply(body=b""),
    ]
    server.play(HISTORICAL, every(10, faults, answer_days()))
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(366)]
    database = connect(sqlite_url)
    try:
        fx = RatesProject(database, server)
        result = fx.fetched("2024-01-01", "2024-12-31", "ILS,EUR")
        assert fx.fetched("2024-01-01", "2024-12-31", "ILS,EUR").report.calls == 0
        assert fx.stored() == [(str(day), code, 1, true_rate(day, code)) for day in days for code in ("EUR", "ILS")]
        shown = fx.shown()
        assert len(shown) == 2 * 366
        assert all(abs(rate - exact_usd(true_rate(*key))) < 1e-14 for key, rate in shown.items())
        assert [row["calls"] for row in fx.query("SELECT calls FROM ops.fx_quota")] == [result.report.calls]
        assert len(server.calls) == result.report.calls == 1 + 366 + 40
    finally:
        database.close()


def project(directory: Path, server: HttpServer, endpoint: str = "apilayer") -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "holdfast.toml").write_text(
        f'[fx]\ncurrencies = ["ILS", "EUR"]\n[fx.currencylayer]\nendpoint = "{endpoint}"\nurl = "{server.url("")}"\n'
    )
    return directory


def run(directory: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    return run_cli("--log-level", "debug", "fx", *arguments, cwd=directory, env={"HOLDFAST_FX_KEY": KEY, **env})


def test_two_fetches_at_once_ask_for_each_day_once(postgres_url: str, tmp_path: Path, server: HttpServer) -> None:
    """The second waits for the first, and finds its days there. The first is slow enough for the second to come."""
    under_way = threading.Event()
    good = answer_days()

    def slowly(call: Call) -> Reply:
        under_way.set()
        time.sleep(0.15)
        return good(call)

    server.play(HISTORICAL, slowly)
    directory = project(tmp_path / "project", server)
    command = ("fx", "fetch", "--from", "2024-01-01", "--to", "2024-01-08", "--allow-insecure-http", "--json")
    env = {"HOLDFAST_FX_KEY": KEY, "HOLDFAST_DB": postgres_url}
    with start_cli(*command, cwd=directory, env=env) as first:
        assert under_way.wait(60)
        with start_cli(*command, cwd=directory, env=env) as second:
            codes = [started.wait(deadline_s=120) for started in (first, second)]
            told = [json.loads(started.stdout) for started in (first, second)]
    assert codes == [0, 0], told
    assert sorted(one["rates"]["new"] for one in told) == [0, 16]
    assert sorted(call.query["date"] for call in server.calls_of(HISTORICAL)) == [f"2024-01-0{n}" for n in range(1, 9)]
    assert sum(one["calls"] for one in told) == len(server.calls) == 9


@pytest.mark.parametrize("endpoint", ["apilayer", "currencylayer"])
def test_the_key_is_in_no_output(endpoint: str, tmp_path: Path, server: HttpServer) -> None:
    """Success and every kind of failure, with bodies that echo the key; logs at debug level; the database's bytes."""
    directory = project(tmp_path / "project", server, endpoint)
    echo = f"Your key {KEY} or {quote(KEY, safe='')} is wrong"
    day = date(2024, 1, 5)
    steps: list[tuple[Any, int]] = [
        (historical(day, {"ILS": "3.6", "EUR": "1.1"}), 0),
        (refusal(101, "invalid_access_key", echo), 2),
        (refusal(106, "no_rates", echo), 0),
        (Reply(403, f"<html>{echo}</html>".encode()), 2),
        (historical(day, {"ILS": f'"{KEY}"', "EUR": "1.1"}), 1),
        (historical(day, {"ILS": "3.6"}, source=KEY), 1),
        (Reset(), 75),
        (Reply(302, headers={"Location": f"/elsewhere?access_key={quote(KEY, safe='')}"}), 2),
        (refusal(104, "usage_limit_reached", echo), 75),
    ]
    for number, (step, code) in enumerate(steps):
        server.play(HISTORICAL, step)
        as_json = ["--json"] if number % 2 else []
        got, out, err = run(
            directory, "fetch", "--date", str(day), "--again", "--allow-insecure-http", *as_json, HOLDFAST_TRACEBACK="1"
        )
        assert got == code, f"{step}\n{out}\n{err}"
        assert not [text for text in SPELLINGS if text in out + err], f"{step}\n{out}\n{err}"
        if as_json:
            assert json.loads(out)["exit_code"] == code
    assert run(directory, "status")[0] == 0
    for file in directory.glob("holdfast.db*"):
        assert not [text for text in SPELLINGS if text.encode() in file.read_bytes()]
    sent = server.calls[0]
    assert (sent.headers.get("apikey"), sent.query.get("access_key")) == (
        (KEY, None) if endpoint == "apilayer" else (None, KEY)
    )


def test_where_the_key_comes_from_and_what_is_refused(tmp_path: Path, server: HttpServer) -> None:
    directory = project(tmp_path / "project", server)
    (directory / "key").write_text(f"{KEY}\n")
    command = ("fx", "fetch", "--date", "2024-01-05")

    def ask(*more: str, **env: str) -> tuple[int, str]:
        code, out, err = run_cli(*command, *more, cwd=directory, env=env)
        return code, out + err

    code, told = ask("--allow-insecure-http")
    assert code == 2
    assert "HOLDFAST_FX_KEY" in told
    code, told = ask(HOLDFAST_FX_KEY=KEY)
    assert code == 2
    assert "--allow-insecure-http" in told
    assert not server.calls
    code, told = ask("--allow-insecure-http", HOLDFAST_FX_KEY_FILE=str(directory / "key"))
    assert code == 0, told
    assert "in the clear" in told
    assert "2 new" in told
    assert server.calls[-1].headers["apikey"] == KEY
    assert len(server.calls_of(HISTORICAL)) == 1
    assert not server.calls_of(TIMEFRAME)


POINTS = ("fx.counted", "fx.answered", "fx.stored", "fx.published", "fx.committed")


def test_a_fetch_killed_anywhere_is_completed_by_the_next(
    database_url: str, tmp_path: Path, server: HttpServer
) -> None:
    """Between the answer and its commit nothing is stored; what was committed before is not asked for again."""
    directory = project(tmp_path / "project", server)
    env = {"HOLDFAST_FX_KEY": KEY, "HOLDFAST_DB": database_url}
    days = [date(2024, 1, n) for n in range(1, 1 + 2 * len(POINTS))]
    span = ("fx", "fetch", "--from", "2024-01-01", "--to", str(days[-1]), "--allow-insecure-http", "--json")
    for number, point in enumerate(POINTS):
        done = 2 * number  # each run stores two days more, and dies with the third or after it
        nth = 3 if point != "fx.committed" else 2
        nth += number == 0 and point == "fx.counted"  # the call for the span of days, refused by the plan
        code, out, err = run_cli(*span, cwd=directory, env={**env, "HOLDFAST_FAULT": f"{point}:{nth}=kill"})
        assert code == -9, f"{point}\n{out}\n{err}"
        database = connect(database_url)
        try:
            fx = RatesProject(database, server)
            stored = [(str(day), code, 1, true_rate(day, code)) for day in days[: done + 2] for code in ("EUR", "ILS")]
            assert fx.stored() == stored, point
            assert len(fx.shown()) == len(stored), point
        finally:
            database.close()
    server.calls.clear()
    code, out, err = run_cli(*span, cwd=directory, env=env)
    assert code == 0, err
    assert (json.loads(out)["calls"], len(server.calls)) == (0, 0)


def test_a_file_of_rates_and_what_the_loaded_usage_lacks(tmp_path: Path) -> None:
    """The page's own example, on a generated load."""
    usage = UsageProject(tmp_path / "project", f"sqlite:///{tmp_path}/usage.db", rows=300, bad=0)
    usage.load()
    toml, (rates,) = (
        blocks("docs/sources/exchange-rates.md", "toml")[0],
        blocks("docs/sources/exchange-rates.md", "csv"),
    )
    (usage.directory / "holdfast.toml").write_text(toml)
    (usage.directory / "rates.csv").write_text(rates)
    fetch = ("fx", "fetch", "--from", "2024-01-01", "--to", "2024-01-02")
    code, out, err = usage.run(*fetch)
    assert (code, "4 new" in out) == (0, True), err
    (usage.directory / "rates.csv").write_text(rates.replace("3.6458", "3.65"))
    code, out, err = usage.run(*fetch)
    assert "1 corrected" in out
    assert "corrected: 2024-01-02 USD/ILS 3.6458 → 3.65 (revision 2)" in out
    code, out, err = usage.run("fx", "status", "--json")
    (covered,) = json.loads(out)["coverage"]
    days = {(row["date"], row["currency"]) for row in usage.query("SELECT DISTINCT date, currency FROM usage_data")}
    known = {("2024-01-01", code) for code in ("ILS", "EUR", "GBP", "USD")} | {
        ("2024-01-02", "ILS"),
        ("2024-01-02", "USD"),
    }
    lacking = days - known
    assert {(gap["date"], gap["currency"]) for gap in covered["lacking"]} == lacking
    assert (covered["pairs"], covered["rows"]) == (len(days), usage.truth["keys"])
    code, out, err = usage.run("fx", "status", "--dataset", "usage", "--currency-column", "nonesuch")
    assert code == 2
    assert "no column 'nonesuch'" in err
    (usage.directory / "rates.csv").write_text(rates + "2024-01-03,ILS,3,64\n")
    code, out, err = usage.run(*fetch)
    assert code == 2
    assert "line 6" in err
