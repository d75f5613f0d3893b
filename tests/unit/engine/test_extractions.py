"""Extractions from an API, in this process: every pagination, what is asked for next time, and all that goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import HoldfastError
from holdfast.engine.replay import export, raw_as_mended, replay
from holdfast.engine.reports import rejects_page
from holdfast.wiring import LoadResult, Project, Settings, open_project
from tests.support.http_server import HttpServer, Reply, Reset, Short, Step
from tests.support.web_records import PAGINATIONS, PATH, Records, contract, record

KEY = "k3y/+ secret"
AUTH = {"type": "query", "name": "api_key", "token": "${API_KEY}"}
FAST = {"api1": {"tries": 2, "backoff_initial_s": 0.01, "backoff_cap_s": 0.02, "deadline_s": 20}}


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as started:
        started.play(PATH, Records().step)
        yield started


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("API_KEY", KEY)
    with opened(tmp_path) as project:
        yield project


@contextmanager
def opened(tmp_path: Path) -> Iterator[Project]:
    settings = Settings(url=f"sqlite:///{tmp_path}/x.db", project_dir=str(tmp_path), sources=FAST)
    with open_project(settings) as project:
        yield project


def query(project: Project, sql: str) -> list[dict[str, Any]]:
    with project.database.reading() as tx:
        return tx.query(sql)


def ids(project: Project) -> list[int]:
    return [row["id"] for row in query(project, "SELECT id FROM orders ORDER BY id")]


def sent(server: HttpServer, name: str) -> list[str | None]:
    return [call.query.get(name) for call in server.calls]


def loaded(project: Project, wanted: Contract) -> LoadResult:
    result = project.load(wanted, [])
    assert result.error is None
    return result


@pytest.mark.parametrize("pagination", PAGINATIONS, ids=lambda p: p["type"])
def test_every_pagination_gives_every_record_and_no_secret(
    pagination: dict[str, Any], server: HttpServer, project: Project, tmp_path: Path
) -> None:
    result = loaded(project, contract(server, api={"pagination": pagination, "auth": AUTH}))
    assert ids(project) == list(range(25))
    assert result.report.chunks_done >= 5
    assert set(sent(server, "api_key")) == {KEY}
    assert b"k3y/+" not in (tmp_path / "x.db").read_bytes()
    assert b"k3y%2F" not in (tmp_path / "x.db").read_bytes()


def test_an_extraction_goes_on_at_the_page_that_failed(server: HttpServer, project: Project) -> None:
    wanted = contract(server, api={"pagination": {"type": "cursor", "cursor": "meta.cursor"}})
    good = Records().step
    server.play(PATH, good, good, Reply(200, b"<!DOCTYPE html><p>sorry</p>", {"Content-Type": "text/html"}), good)
    result = project.load(wanted, [])
    assert result.error is not None
    assert result.error.exit_code == 1
    assert "orders: page 3 of " in result.error.message
    assert "expected JSON, found HTML" in result.error.message
    assert ids(project) == list(range(10))
    assert "goes on after 2 pages" in project.plan(wanted, []).files[0].extraction
    before = len(server.calls)
    assert loaded(project, wanted).report.counts.read == 15
    assert sent(server, "cursor")[before:] == ["10", "15", "20"]
    assert ids(project) == list(range(25))
    assert {row["state"] for row in query(project, "SELECT state FROM ops_chunk")} == {"done"}


BAD: list[tuple[Step, str]] = [
    (Reply(200, b""), "an empty body"),
    (Reply(200, b"Too many cooks"), "found text that begins 'Too many cooks'"),
    (Reply(200, b'{"data": {"items": [{"id": 1'), "not JSON"),
    (Reply(200, b'{"data": {"items": []}} {}'), "not one JSON document"),
    (Reply(200, b'{"data": \xff}'), "no utf-8"),
    (Reply(200, b"[" * 100_000), "nested deeper"),
    (Reply(json={"data": {"rows": []}}), "expected the key 'items' in data, which has only 'rows'"),
    (Reply(json={"data": {"items": {"id": 1}}}), "data.items is an object, expected a list"),
    (Reply(200, b'{"data": {"items": [{"id": 1}], "items": [{"id": 2}]}}'), "stands twice"),
    (Reply(200, b"{}", {"Content-Type": "application/json; charset=hex"}), "expected the key 'data'"),
    (Reply(json=[]), "the body is a list, expected an object with the key 'data'"),
    (Reply(json={"data": {"items": [{"id": 1, "oops": 2}]}}), "keys that are not in the contract: 'oops'"),
    (Reply(json={"data": {"items": [record(1)]}, "meta": {"cursor": {"a": 1}}}), "meta.cursor is an object"),
    (Reply(200, b'{"data": {"items": []}, "meta": {"cursor": "\\ud83d"}}'), "half a surrogate pair"),
    (Reply(401, b"no"), "401"),
    (Reply(503), "503"),
    (Reset(), "api1"),
    (Short(), "api1"),
]


@pytest.mark.parametrize(("step", "told"), BAD, ids=[told for _, told in BAD])
def test_a_bad_answer_is_told_and_the_next_load_goes_on(
    step: Step, told: str, server: HttpServer, project: Project
) -> None:
    wanted = contract(server, api={"pagination": {"type": "cursor", "cursor": "meta.cursor"}, "auth": AUTH})
    server.play(PATH, Records().step, step)
    result = project.load(wanted, [])
    assert result.error is not None
    assert told in result.error.message
    assert "page 2" in result.error.message or "oops" in told
    assert "pages done before stay" in result.error.message
    assert result.error.exit_code in (1, 4, 75)
    assert KEY not in str(result.error.message)
    assert len(ids(project)) == 5
    server.play(PATH, Records().step)
    loaded(project, wanted)
    assert ids(project) == list(range(25))


@pytest.mark.parametrize("status", [200, 403])
def test_a_secret_that_is_answered_is_not_repeated(status: int, server: HttpServer, project: Project) -> None:
    """Nor a part of a header that is one."""
    server.play(PATH, Reply(status, f"no such key: {KEY}".encode()))
    result = project.load(contract(server, api={"headers": {"X-Auth": "Key ${API_KEY}"}}), [])
    assert result.error is not None
    assert "no such key: ***" in result.error.message
    assert KEY not in str(query(project, "SELECT * FROM ops_chunk") + query(project, "SELECT * FROM ops_run"))
    assert [call.headers["x-auth"] for call in server.calls] == [f"Key {KEY}"]


def test_an_api_that_gives_less_than_it_is_asked_for_is_read_to_its_end(server: HttpServer, project: Project) -> None:
    server.play(PATH, Records(size=3).step)
    loaded(project, contract(server, api={"pagination": {"type": "page", "size": 5, "size_param": "n"}}))
    assert ids(project) == list(range(25))


def test_a_next_address_is_sent_as_it_came_but_for_the_secret(server: HttpServer, project: Project) -> None:
    """It may be signed, or in another encoding."""
    following = f"{PATH}?at=a%20b+c%FF&flag&api_key={quote(KEY)}&empty="
    server.play(PATH, Reply(json={"data": {"items": []}, "next": following}), Reply(json={"data": {"items": []}}))
    paging = {"type": "next_url", "next": "next"}
    loaded(project, contract(server, api={"pagination": paging, "auth": AUTH}))
    (place,) = query(project, "SELECT place FROM ops_chunk WHERE ordinal = 1")
    assert json.loads(place["place"])["at"]["url"] == server.url(PATH) + "?at=a%20b+c%FF&flag&empty="
    assert server.calls[1].query["api_key"] == KEY


def endless(*cursors: str) -> list[Step]:
    return [
        Reply(json={"data": {"items": [record(number)]}, "meta": {"cursor": cursor}})
        for number, cursor in enumerate(cursors)
    ]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (endless("a", "a"), "leads to a page that was read before (cursor a)"),
        (endless(*"abcbcbcbcbc"), "leads to a page that was read before"),
        ([Reply(json={"data": {"items": [record(1)]}, "meta": {"cursor": c}}) for c in "ab"], "the very records"),
        (endless(*"abcdefghijk"), "more than 9 pages"),
        ([Reply(json={"data": {"items": []}, "meta": {"next": "https://elsewhere.example/x"}})], "elsewhere.example"),
    ],
    ids=["same cursor", "a circle", "same records", "pages_max", "another host"],
)
def test_pages_without_end_are_refused(steps: list[Step], told: str, server: HttpServer, project: Project) -> None:
    paging = {"type": "cursor", "cursor": "meta.cursor"}
    if "elsewhere" in told:
        paging = {"type": "next_url", "next": "meta.next"}
    server.play(PATH, *steps)
    result = project.load(contract(server, api={"pagination": paging, "pages_max": 9}), [])
    assert result.error is not None
    assert told in result.error.message
    assert result.error.exit_code == 1


def test_more_pages_may_be_allowed_later(server: HttpServer, project: Project) -> None:
    """Their numbers are kept free, so none is taken twice."""
    paging = {"pagination": {"type": "page"}}
    server.play(PATH, Records([record(number) for number in range(104)], 1).step)
    assert project.load(contract(server, api={**paging, "pages_max": 4}), []).error is not None
    wanted = contract(server, api={**paging, "pages_max": 150})
    loaded(project, wanted)
    server.play(PATH, Records([record(number) for number in range(104, 106)], 1).step)
    loaded(project, wanted)
    assert ids(project) == list(range(106))


def test_an_incremental_extraction_asks_for_what_is_new(server: HttpServer, project: Project) -> None:
    records = Records([record(number) for number in range(0, 500, 50)])
    server.play(PATH, records.step)
    incremental = {"field": "updated_at", "param": "since", "lookback": "1d", "start": "2020"}
    wanted = contract(server, api={"pagination": {"type": "page", "size": 5}, "incremental": incremental})
    loaded(project, wanted)
    records.items += [record(600), {**record(450), "amount": "9.99"}]
    again = loaded(project, wanted)
    third = loaded(project, wanted)
    assert dict.fromkeys(sent(server, "since")) == dict.fromkeys(
        ["2020", "2026-01-04T10:00:40Z", "2026-01-06T10:00:00Z"]
    )
    assert (again.report.counts.inserted, again.report.counts.updated, again.report.counts.unchanged) == (1, 1, 2)
    assert third.report.counts.read == third.report.counts.unchanged == 1
    changed = contract(server, api={"params": {"status": "paid"}, "incremental": incremental})
    assert "since 2020" in project.plan(changed, []).files[0].extraction, "another address was never asked"


def test_append_takes_what_is_new_only_and_refuses_what_would_come_twice(server: HttpServer, project: Project) -> None:
    for incremental in (None, {"field": "updated_at", "param": "since", "lookback": "1s"}):
        with pytest.raises(HoldfastError, match="needs incremental without lookback"):
            contract(server, write_disposition="append", api={"incremental": incremental})
    wanted = contract(
        server,
        write_disposition="append",
        api={
            "incremental": {"field": "id", "param": "after"},
            "pagination": {"type": "page", "size": 5, "short_page_ends": True},
        },
    )
    loaded(project, wanted)
    server.play(PATH, Reply(json={"data": {"items": [record(26)]}}))
    loaded(project, wanted)
    server.play(PATH, Reply(json={"data": {"items": []}}))
    quiet = loaded(project, wanted)
    assert sent(server, "after")[-2:] == ["24", "26"]
    assert (quiet.report.files_loaded, quiet.report.files_known) == (0, 1)
    assert len(ids(project)) == 26


@pytest.mark.parametrize("kind", [{"write_disposition": "replace"}, {"publish": "load"}])
def test_what_becomes_visible_as_a_whole_does_so_after_the_last_page(
    kind: dict[str, str], server: HttpServer, project: Project
) -> None:
    wanted = contract(server, api={"pagination": {"type": "page", "size": 5}}, **kind)
    loaded(project, wanted)
    records = Records([record(number, "2.00") for number in range(5, 30)])
    server.play(PATH, records.step, records.step, Reply(400), records.step)
    assert project.load(wanted, []).error is not None
    assert len(ids(project)) == 25
    if "publish" not in kind:  # the landing table is lost: what was read is asked for again, from the first page on
        with project.database.transaction() as tx:
            (landing,) = tx.query("SELECT name FROM sqlite_master WHERE name LIKE 'holdfast_landing%'")
            tx.execute(f"DROP TABLE {landing['name']}")
    again = loaded(project, wanted)
    assert ids(project) == list(range(5, 30)) if "publish" not in kind else list(range(30))
    assert again.report.table_rows == (25 if "publish" not in kind else 30)
    assert [row["n"] for row in query(project, "SELECT COUNT(*) AS n FROM orders WHERE amount = 2")] == [25]


def test_rejects_say_where_they_stood_and_the_budget_holds(server: HttpServer, project: Project) -> None:
    records = Records()
    records.items[12] = {**record(12), "amount": 1.005}
    records.items[13] = {**record(13), "updated_at": None}
    server.play(PATH, records.step)
    wanted = contract(server, api={"pagination": {"type": "page", "size": 5}})
    stopped = project.load(wanted, [], max_rejects=1)
    assert stopped.error is not None
    assert stopped.error.exit_code == 3
    with pytest.raises(HoldfastError, match="write a number of rows"):
        project.load(wanted, [], max_rejects="5%")
    done = loaded_with(project, wanted, max_rejects=2)
    assert done.report.counts.rejected == 2
    rows = rejects_page(project.database, "orders", "open", None, 10)
    assert [(row["page"], row["line"], row["code"]) for row in rows] == [(3, 3, "E_SCALE"), (3, 4, "E_NULL")]
    assert json.loads(rows[0]["raw"]) == records.items[12]
    assert [line.split(",")[1][-7:] for line in list(export(project.database, wanted))[1:]] == [" page 3"] * 2
    offered = raw_as_mended(project.database, wanted)
    assert [each.fields[:2] for each in offered] == [["12", "1.005"], ["13", "1.10"]]
    mended = replace(offered[1], fields=["13", "1.10", str(record(13)["updated_at"])])
    replayed = replay(project.database, wanted, [offered[0], mended], "run")
    assert (replayed.inserted, replayed.still_rejected) == (1, 1)
    records.items[12] = record(12)
    assert loaded(project, wanted).report.counts.rejected == 1
    assert len(rejects_page(project.database, "orders", "open", None, 10)) == 1, "the new extraction said it anew"


def loaded_with(project: Project, wanted: Contract, **options: Any) -> LoadResult:
    result = project.load(wanted, [], **options)
    assert result.error is None
    return result


def test_another_address_gives_the_unfinished_extraction_up(server: HttpServer, project: Project) -> None:
    server.play(PATH, Records().step, Reply(400))
    paging = {"pagination": {"type": "page", "size": 5}}
    assert project.load(contract(server, api=paging), []).error is not None
    server.play(PATH, Records().step)
    loaded(project, contract(server, api={**paging, "params": {"status": "all"}}))
    assert ids(project) == list(range(25))
    assert sent(server, "page")[2:] == ["1", "2", "3", "4", "5", "6"]
    states = query(project, "SELECT status FROM ops_load ORDER BY number")
    assert [row["status"] for row in states] == ["abandoned", "done"]


def test_a_missing_secret_is_named(server: HttpServer, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY")
    wanted = contract(server, api={"auth": AUTH})
    result = project.load(wanted, [])
    assert result.error is not None
    assert "neither API_KEY nor API_KEY_FILE" in result.error.message
    assert not server.calls
    Path(project.settings.project_dir, "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("API_KEY_FILE", str(Path(project.settings.project_dir, "key")))
    loaded(project, wanted)
    assert sent(server, "api_key") == [KEY]


def test_a_validator_that_no_header_can_hold_is_not_sent_back(server: HttpServer, project: Project) -> None:
    body = b"<rss version='2.0'><channel><title>t</title><item><guid>1</guid></item></channel></rss>"
    server.play("/feed", Reply(200, body, {"ETag": '"caf\xe9"'}))
    told = {"name": "news", "table": "news", "primary_key": "id", "columns": [{"name": "id", "type": "string(9)"}]}
    wanted = contract_from({**told, "feed": {"url": server.url("/feed"), "source": "api1"}})
    loaded(project, wanted)
    assert loaded(project, wanted).report.counts.unchanged == 1


@pytest.mark.parametrize("kind", [{}, {"write_disposition": "replace"}])
def test_an_extraction_whose_cursor_expired_begins_anew(
    kind: dict[str, str], server: HttpServer, project: Project, tmp_path: Path
) -> None:
    """Not while it is under way: only where a later process was told to go on with it."""
    wanted = contract(server, api={"pagination": {"type": "cursor", "cursor": "meta.cursor"}}, **kind)
    good = Records().step
    server.play(PATH, good, good, Reply(410, b"cursor expired"))
    first = project.load(wanted, [])
    assert first.error is not None
    assert "410" in first.error.message
    with opened(tmp_path) as later:
        assert "goes on after 2 pages" in later.plan(wanted, []).files[0].extraction
        refused = later.load(wanted, [])
        assert refused.error is not None
        assert refused.error.exit_code == 1
        assert "the next load gives this extraction up and begins another one" in refused.error.message
        assert "one extraction, of everything" in later.plan(wanted, []).files[0].extraction
        server.play(PATH, good)
        loaded(later, wanted)
        assert ids(later) == list(range(25))
        states = query(later, "SELECT status FROM ops_load ORDER BY number")
    assert [row["status"] for row in states] == ["abandoned", "done"]


def test_an_append_whose_cursor_expired_is_not_begun_anew(server: HttpServer, project: Project, tmp_path: Path) -> None:
    api = {"incremental": {"field": "id", "param": "after"}, "pagination": {"type": "cursor", "cursor": "meta.cursor"}}
    wanted = contract(server, api=api, write_disposition="append")
    server.play(PATH, Records().step, Reply(410))
    assert project.load(wanted, []).error is not None
    with opened(tmp_path) as later:
        refused = later.load(wanted, [])
        assert "would bring rows that were committed once more" in str(refused.error and refused.error.hint)
        assert "goes on after 1 page" in later.plan(wanted, []).files[0].extraction
        assert ids(later) == list(range(5))
