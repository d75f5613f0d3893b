"""An API and a feed on every engine: pages commit with what leads on, and the ledger says what to ask for next time."""

from __future__ import annotations

from pathlib import Path

import holdfast
from holdfast.domain.contract import contract_from
from tests.support.http_server import Call, HttpServer, Reply
from tests.support.web_records import PATH, Records, contract, record

ATOM = '<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{}</feed>'
ENTRY = "<entry><id>{}</id><title>{}</title><updated>{}</updated></entry>"
FEED_COLUMNS = [
    {"name": "id", "type": "string(40)"},
    {"name": "title", "type": "string(40)"},
    {"name": "updated", "type": "timestamp(%Y-%m-%dT%H:%M:%S%z)", "nullable": True},
]


def test_an_api_is_gone_on_with_and_asked_for_what_is_new(database_url: str, tmp_path: Path) -> None:
    records = Records([record(number) for number in range(12)], 5)
    incremental = {"field": "updated_at", "param": "since", "lookback": "1s"}
    with HttpServer() as server, holdfast.open_project(settings(database_url, tmp_path)) as project:
        wanted = contract(
            server, api={"pagination": {"type": "cursor", "cursor": "meta.cursor"}, "incremental": incremental}
        )
        server.play(PATH, records.step, records.step, Reply(200, b"<html>"), records.step)
        assert project.load(wanted, []).error is not None
        rest = project.load(wanted, [])
        again = project.load(wanted, [])
        assert (rest.error, again.error) == (None, None)
        assert rest.report.counts == holdfast.RowCounts(read=2, inserted=2)
        assert again.report.counts == holdfast.RowCounts(read=2, unchanged=2)
        assert [call.query.get("since") for call in server.calls][-1] == "2026-01-01T10:00:10Z"
        with project.database.reading() as tx:
            assert tx.query("SELECT COUNT(*) AS n, SUM(amount) AS total FROM orders")[0]["n"] == 12


def test_a_feed_is_read_again_only_when_it_changed(database_url: str, tmp_path: Path) -> None:
    first = ATOM.format(ENTRY.format("a", "one", "2026-01-02T00:00:00Z") + ENTRY.format("b", "two", "long ago"))
    second = ATOM.format(
        ENTRY.format("b", "two!", "2026-01-03T00:00:00Z") + "<entry><title>no id</title></entry><oops>"
    )
    with HttpServer() as server, holdfast.open_project(settings(database_url, tmp_path)) as project:
        wanted = contract_from(
            {
                "name": "news",
                "table": "news",
                "primary_key": "id",
                "columns": FEED_COLUMNS,
                "feed": {"url": server.url("/feed"), "source": "rss"},
            }
        )
        server.play("/feed", unless_known(first))
        loaded, known = project.load(wanted, []), project.load(wanted, [])
        server.play("/feed", unless_known(second))
        changed = project.load(wanted, [])
        assert (loaded.error, known.error, changed.error) == (None, None, None)
        assert "updated 'long ago' of b" in loaded.report.warnings[0]
        assert (known.report.counts.read, known.report.files_loaded, known.report.files_known) == (0, 0, 1)
        assert changed.report.counts == holdfast.RowCounts(read=2, updated=1, rejected=1)
        assert "not well-formed" in changed.report.warnings[0]
        assert [call.headers.get("if-none-match") for call in server.calls] == [None, etag(first), etag(first)]
        with project.database.reading() as tx:
            rows = tx.query("SELECT id, title FROM news ORDER BY id")
        assert [tuple(row.values()) for row in rows] == [("a", "one"), ("b", "two!")]


def settings(url: str, directory: Path) -> holdfast.Settings:
    return holdfast.Settings(url=url, project_dir=str(directory))


def etag(text: str) -> str:
    return f'"{len(text)}"'


def unless_known(text: str):  # type: ignore[no-untyped-def]
    def step(call: Call) -> Reply:
        if call.headers.get("if-none-match") == etag(text):
            return Reply(304)
        return Reply(200, text.encode(), {"ETag": etag(text), "Content-Type": "application/atom+xml"})

    return step
