"""`verify` on every engine: a table of every type that nobody touched is proved, and every touch is found, exactly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.quality import reconcile
from holdfast.quality.reconcile import Question
from holdfast.quality.reconcile_report import Proof
from holdfast.wiring import Project, Settings, open_project
from holdfast.wiring_verify import verify
from tests.support import web_records
from tests.support.http_server import HttpServer

TYPES = {
    "day": "date",
    "id": "bigint",
    "version": "int",
    "name": "string",
    "code": "string(12)",
    "amount": "decimal(15,2)",
    "fraction": "decimal(14,6)",
    "ratio": "float",
    "flag": "bool",
    "seen": "timestamp(%Y-%m-%d %H:%M:%S.%f)",
    "moment": "timestamp(%Y-%m-%d %H:%M:%S, Europe/Berlin)",
    "uid": "uuid",
    "document": "json",
}
HEADER = ",".join(TYPES)
AMOUNTS = ("0.10", "-12.00", "9999999999999.99", "0.00", "1234567.89", "33.33", "0.01")
RATIOS = ("0.1", "1e300", "-0.0", "3.141592653589793", "5e-324", "100", "1.7976931348623157e308")
DOCUMENTS = ('{""b"": 1.50, ""a"": [1, 1e2, null]}', '""text""', "true", "{}", "[0.10, -0, 12345678901234567890]")
NAMES = ("plain", '""quoted"", with comma', "", "NULL", "ünïcödé 🎉", " spaces ", "two\nlines\\N", "long" * 200)


def line(i: int, **changed: str) -> str:
    values = {
        "day": f"2024-{1 + i % 12:02}-{1 + i % 28:02}",
        "id": str(i),
        "version": str(i % 5),
        "name": f'"{NAMES[i % len(NAMES)]}"',
        "code": f"c{i}" if i % 3 else "",
        "amount": AMOUNTS[i % len(AMOUNTS)],
        "fraction": f"{i}.{i % 997:06}" if i % 4 else "",
        "ratio": RATIOS[i % len(RATIOS)] if i % 5 else "",
        "flag": ("true", "false", "")[i % 3],
        "seen": f"2024-01-01 00:00:{i % 60:02}.{i % 7:06}" if i % 2 else "",
        "moment": f"2024-07-{1 + i % 28:02} 12:00:00",
        "uid": f"00000000-0000-4000-8000-{i:012x}" if i % 6 else "",
        "document": f'"{DOCUMENTS[i % len(DOCUMENTS)]}"',
    }
    return ",".join({**values, **changed}.values())


def contract(**more: Any) -> Contract:
    nullable = {"name", "code", "fraction", "ratio", "flag", "seen", "uid"}
    columns: list[dict[str, Any]] = [{"name": n, "type": t, "nullable": n in nullable} for n, t in TYPES.items()]
    columns[3] |= {"nullable": True, "null_values": ["NULL"]}
    given = {"name": "all", "table": "all_types", "columns": columns, "primary_key": ["id", "day"]}
    return contract_from({**given, "source": "data/*.csv", "format": {"chunk_bytes": 4096}, **more})


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Iterator[Project]:
    (tmp_path / "data").mkdir()
    with open_project(Settings(url=database_url, project_dir=str(tmp_path), landing_rows_min=10**9)) as opened:
        yield opened


def deliver(project: Project, name: str, lines: list[str], given: Contract) -> None:
    Path(project.settings.project_dir, "data", name).write_text("\n".join([HEADER, *lines]) + "\n")
    result = project.load(given, [])
    assert result.error is None
    assert result.report.counts.rejected == 0


def prove(project: Project, **asked: Any) -> Proof:
    return verify(project, Question("all", **asked)).proof


def run(project: Project, statement: str, **binds: Any) -> int:
    with project.database.transaction() as tx:
        return tx.execute(statement, binds)


def test_what_nobody_touched_is_proved(project: Project) -> None:
    """Every type, NULLs, keys delivered twice, the same row delivered again."""
    deliver(project, "a.csv", [line(i) for i in range(120)], contract())
    deliver(
        project, "b.csv", [line(i) for i in range(40, 60)] + [line(i, amount="7.77") for i in range(30)], contract()
    )
    proof = prove(project)
    assert (proof.status, proof.differences) == ("done", [])
    assert (proof.expected, proof.found) == (120, 120)
    sampled = prove(project, share=0.4, seed=3)
    assert (sampled.status, sampled.differences) == ("done", [])


def test_rows_that_no_load_put_there_are_proved_once_a_source_says_them(project: Project) -> None:
    """Adopted rows have no origin (-1). Equal ones get that of the row which says the same."""
    deliver(project, "a.csv", [line(i) for i in range(30)], contract())
    run(project, "UPDATE all_types SET _origin = -1")
    assert prove(project).different == 30
    deliver(project, "b.csv", [line(i) for i in range(31)], contract())
    proof = prove(project)
    assert (proof.status, proof.found) == ("done", 31)


_COPIED = "version, amount, moment, document"
_INSERT = f"INSERT INTO all_types (id, day, {_COPIED}, _origin)"
TAMPERED = {  # by the id they are about: what is done, and what is to be found
    17: ("DELETE FROM all_types WHERE id = 17", {"missing"}),
    901: (
        f"{_INSERT} SELECT 901, day, {_COPIED}, -1 FROM all_types WHERE id = 1",
        {"extra"},
    ),
    902: (
        f"{_INSERT} SELECT 902, day, {_COPIED}, _origin FROM all_types WHERE id = 1",
        {"extra"},
    ),
    18: ("UPDATE all_types SET amount = amount + 0.01 WHERE id = 18", {"amount"}),
    16: ("UPDATE all_types SET name = NULL WHERE id = 16", {"name"}),
    20: ("UPDATE all_types SET flag = (1 = 0) WHERE id = 20", {"flag"}),
    21: ("UPDATE all_types SET code = '' WHERE id = 21", {"code"}),
    22: ("UPDATE all_types SET id = 5022 WHERE id = 22", {"missing"}),
    5022: ("SELECT 1", {"extra"}),
    23: ("UPDATE all_types SET _origin = _origin + 1 WHERE id = 23", {"_origin"}),
    24: ("UPDATE all_types SET _origin = -1 WHERE id = 24", {"_origin"}),
    25: ("""UPDATE all_types SET document = '{"b": 1.51}' WHERE id = 25""", {"document"}),
    31: ("UPDATE all_types SET ratio = 3.1415926535897936 WHERE id = 31", {"ratio"}),
    27: ("UPDATE all_types SET seen = '2024-01-01 00:00:27.000005' WHERE id = 27", {"seen"}),
    28: ("UPDATE all_types SET version = (SELECT 3) WHERE id = 28", set()),  # what it was
    29: ("UPDATE all_types SET version = 3, fraction = 0.000001 WHERE id = 29", {"version", "fraction"}),
    30: ("UPDATE all_types SET uid = '00000000-0000-4000-8000-00000000ffff' WHERE id = 30", {"uid"}),
}
SWAPPED = (33, 34)


def test_every_tampering_is_found(project: Project) -> None:
    """Each on a row of its own, and all at once: what is found is exactly what was done."""
    deliver(project, "a.csv", [line(i) for i in range(60)], contract(processed_at="processed_at"))
    for statement, what in TAMPERED.values():
        if not statement.startswith("SELECT"):
            assert run(project, statement) == 1 or not what
    one, other = (AMOUNTS[i % len(AMOUNTS)] for i in SWAPPED)
    for i, amount in zip(SWAPPED, (other, one), strict=True):
        run(project, f"UPDATE all_types SET amount = {amount} WHERE id = {i}")
    proof = prove(project, most=100)
    found = {d.key["id"]: set(d.columns) if d.kind == "different" else {d.kind} for d in proof.differences}
    wanted = {i: what for i, (_, what) in TAMPERED.items() if what} | {key: {"amount"} for key in SWAPPED}
    assert found == wanted
    counts = Counter(d.kind for d in proof.differences)
    assert counts == {"missing": proof.missing, "extra": proof.extra, "different": proof.different}
    assert proof.found == proof.expected - proof.missing + proof.extra == 61
    assert proof.status == "different"
    assert sum(chunk["found"] - chunk["expected"] for chunk in proof.chunks) == 1
    lines = {d.key["id"]: d.line for d in proof.differences if d.kind != "extra"}
    assert lines[17] == 21  # two names before it take two lines each


def test_a_load_under_way_disturbs_no_proof(project: Project) -> None:
    """Ledger and table are read in one snapshot: whatever is committed meanwhile, it is wholly in it or not at all."""
    deliver(project, "0.csv", [line(i) for i in range(40)], contract())
    ended = threading.Event()

    def prove_on() -> list[str]:
        said = []
        while not said or not ended.is_set():
            proof = reconcile.verify(project.database, project.source, Question("all"), lambda: None)
            said.append(f"{'done' if proof.unfinished else proof.status} {proof.differences}")
        return said

    with ThreadPoolExecutor(1) as pool:
        proving = pool.submit(prove_on)
        for n in range(1, 4):
            lines = [line(i, amount=f"{n}.00") for i in range(n * 7, n * 7 + 30)]
            deliver(project, f"{n}.csv", lines, contract())
        ended.set()
        assert set(proving.result()) == {"done []"}


def test_pages_are_not_proved(tmp_path: Path, sqlite_url: str) -> None:
    """Nobody keeps them: asked again, the API may say something else."""
    with HttpServer() as server, open_project(Settings(url=sqlite_url, project_dir=str(tmp_path))) as project:
        wanted = web_records.contract(server, api={"pagination": {"type": "page"}})
        server.play(web_records.PATH, *[web_records.Records([web_records.record(i) for i in range(7)]).step] * 3)
        assert project.load(wanted, []).error is None
        proof = verify(project, Question("orders")).proof
    assert (proof.status, proof.unverified_rows, proof.expected) == ("unverified", 7, 0)
    assert "page" in proof.unverified[0].reason
