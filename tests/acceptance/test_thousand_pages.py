"""A thousand pages, one answer in twenty a failure, four processes: every record once, and within the limit."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from pathlib import Path

import holdfast
from tests.support.http_server import Call, Drip, HttpServer, Reply, Reset, every
from tests.support.processes import Started, start_cli
from tests.support.web_records import PATH, Records, record

PAGES = 1_000
CALLS, PERIOD_S = 200, 1.0
CONFIG = f"""
[sources.api1]
calls = {CALLS}
period_s = {PERIOD_S}
burst = 50
tries = 8
read_timeout_s = 0.15
backoff_initial_s = 0.01
backoff_cap_s = 0.05
breaker_failures = 50
"""
CONTRACT = """
table = "things"
primary_key = "id"
[api]
url = "{url}"
source = "api1"
records = "data.items"
pagination = {{ type = "cursor", cursor = "meta.cursor" }}
[[columns]]
name = "id"
type = "bigint"
[[columns]]
name = "amount"
type = "decimal(12,2)"
[[columns]]
name = "updated_at"
type = "string(20)"
"""
FAULTS = [Reply(429, headers={"Retry-After": "0"}), Reply(500), Reset(), Drip(0.2, headers_too=True)]


def test_every_record_once_within_the_limit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    (tmp_path / "contracts").mkdir()
    (tmp_path / "holdfast.toml").write_text(CONFIG)
    records = Records([record(number) for number in range(PAGES * 2)], 2)
    with HttpServer() as server, ExitStack() as processes:
        server.play(PATH, every(20, FAULTS, records.step))
        (tmp_path / "contracts" / "things.toml").write_text(CONTRACT.format(url=server.url(PATH)))

        def load_started() -> Started:
            started = start_cli("load", "things", "--json", cwd=tmp_path, env={"HOLDFAST_DB": url})
            return processes.enter_context(started)

        loads = [load_started()]
        loads[0].wait_until(lambda: server.calls, deadline_s=60, what="the first page")
        loads += [load_started() for _ in range(3)]
        codes = [load.wait(deadline_s=240) for load in loads]
        assert codes == [0] * 4, [load.stdout + load.stderr for load in loads]
        told = [json.loads(load.stdout)["datasets"][0] for load in loads]
        calls = list(server.calls)
    assert sum(each["read"] for each in told) == sum(each["inserted"] for each in told) == PAGES * 2
    assert sum(each["read"] > 0 for each in told) > 1, "one process did it all"
    check_table(url)
    check_limit(calls)
    asked = [call.query.get("cursor") for call in calls]
    assert len(set(asked)) == PAGES
    assert PAGES + PAGES // 25 < len(calls) < PAGES * 1.2


def check_table(url: str) -> None:
    database = holdfast.connect(url)
    with database.reading() as tx:
        (found,) = tx.query("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, MAX(id) AS last FROM things")
        states = tx.query("SELECT state, COUNT(*) AS n FROM ops_chunk GROUP BY state")
    database.close()
    assert (found["n"], found["ids"], found["last"]) == (PAGES * 2, PAGES * 2, PAGES * 2 - 1)
    assert [(row["state"], row["n"]) for row in states] == [("done", PAGES)]


def check_limit(calls: list[Call]) -> None:
    """As the server saw it: from each call to the one that is CALLS later more than the period has passed."""
    moments = sorted(call.at_s for call in calls)
    spans = [late - early for early, late in zip(moments, itertools.islice(moments, CALLS, None), strict=False)]
    assert min(spans) >= PERIOD_S * 0.98
