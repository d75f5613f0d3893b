"""kill -9 at every moment of a page's life, again and again: an API and a feed end in the same table as without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import holdfast
from tests.support.http_server import Call, HttpServer, Reply
from tests.support.processes import run_cli
from tests.support.web_records import PATH, Records, record

MOMENTS = (
    "plan.committed",
    "claim.committed:2",
    "page.asked:2",
    "page.answered:2",
    "chunk.ready:2",
    "commit.begun:2",
    "commit.rows_written:2",
    "commit.finished:2",
    "commit.page_added:2",
    "commit.committed:2",
)
COLUMNS = """
[[columns]]
name = "id"
type = "{id}"
[[columns]]
name = "{value}"
type = "string(40)"
[[columns]]
name = "{moment}"
type = "timestamp(%Y-%m-%dT%H:%M:%S%z)"
"""
API = """
table = "things"
primary_key = "id"
[api]
url = "{url}"
source = "api1"
records = "data.items"
pagination = {{ type = "cursor", cursor = "meta.cursor" }}
incremental = {{ field = "updated_at", param = "since", lookback = "1d" }}
""" + COLUMNS.format(id="bigint", value="amount", moment="updated_at").replace("{", "{{").replace("}", "}}")
FEED = """
table = "things"
primary_key = "id"
sequence = "updated"
[feed]
url = "{url}"
source = "api1"
""" + COLUMNS.format(id="string(40)", value="title", moment="updated").replace("{", "{{").replace("}", "}}")


def feed_of(entries: dict[int, str]) -> bytes:
    told = "".join(
        f"<entry><id>e{number}</id><title>{title}</title><updated>2026-01-{len(title):02d}T00:00:00Z</updated></entry>"
        for number, title in entries.items()
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>{told}</feed>'.encode()


class Source:
    """What is loaded, which changes between loads; `truth` is what the table must hold in the end."""

    def __init__(self, kind: str, server: HttpServer) -> None:
        self.kind = kind
        self.records = Records([record(number) for number in range(60)], 3)
        self.entries = dict.fromkeys(range(8), "ttt")
        self.seen = dict(self.entries)
        server.play(PATH, self.records.step if kind == "api" else self._feed)

    def _feed(self, call: Call) -> Reply:
        body = feed_of(self.entries)
        etag = f'"{hash(body)}"'
        if call.headers.get("if-none-match") == etag:
            return Reply(304)
        return Reply(200, body, {"ETag": etag})

    def change(self, turn: int) -> None:
        """Something is corrected, something is new; and the feed forgets its oldest entry."""
        if self.kind == "api":
            self.records.items[59:] = [{**record(59), "amount": "7.77"}, record(60)]
        else:
            del self.entries[min(self.entries)]
            self.entries |= {turn + 3: "t" * (turn + 4), turn + 8: "new"}
            self.seen |= self.entries

    def truth(self) -> list[tuple[str, str]]:
        if self.kind == "api":
            return sorted((str(item["id"]), item["amount"]) for item in self.records.items)
        return sorted((f"e{number}", title) for number, title in self.seen.items())


@pytest.mark.parametrize("kind", ["api", "feed"])
def test_ten_kills_end_in_the_same_table(kind: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    (tmp_path / "contracts").mkdir()
    (tmp_path / "holdfast.toml").write_text("")
    with HttpServer() as server:
        source = Source(kind, server)
        text = (API if kind == "api" else FEED).format(url=server.url(PATH))
        (tmp_path / "contracts" / "things.toml").write_text(text)
        for turn, moment in enumerate(MOMENTS):
            at = moment if kind == "api" else moment.partition(":")[0]  # a feed is one page
            code, out, err = load(tmp_path, url, HOLDFAST_FAULT=f"{at}=kill")
            assert code == -9, f"{at}: exit {code}\n{out}\n{err}"
            if kind == "feed" or turn == 6:
                assert load(tmp_path, url)[0] == 0
                source.change(turn)
        for _ in range(2):  # the first may go on with what was asked for before the change
            code, out, err = load(tmp_path, url)
            assert code == 0, err
        check(url, source)
        code, out, err = load(tmp_path, url)
        told = json.loads(out)["datasets"][0]
        assert (code, told["inserted"], told["updated"]) == (0, 0, 0)
        check(url, source)


def load(directory: Path, url: str, **env: str) -> tuple[int, str, str]:
    return run_cli("load", "things", "--json", cwd=directory, env={"HOLDFAST_DB": url, **env}, deadline_s=120)


def check(url: str, source: Source) -> None:
    database = holdfast.connect(url)
    value = "amount" if source.kind == "api" else "title"
    with database.reading() as tx:
        rows = tx.query(f"SELECT CAST(id AS VARCHAR) AS id, {value} AS value FROM things")
        chunks: list[dict[str, Any]] = tx.query(
            "SELECT state, COUNT(*) AS n, SUM(rows_read - rows_inserted - rows_updated - rows_unchanged"
            " - rows_superseded - rows_rejected) AS lost, SUM(rows_inserted) AS inserted FROM ops_chunk GROUP BY state"
        )
    database.close()
    assert sorted((str(row["id"]), str(row["value"])) for row in rows) == source.truth()
    assert [(row["state"], row["lost"], row["inserted"]) for row in chunks] == [("done", 0, len(rows))]
