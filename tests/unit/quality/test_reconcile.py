"""The parts of a verification: prints that tell rows apart, small buckets, verdicts that a slow judge shares."""

from __future__ import annotations

import shutil
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.adapters.databases import connect
from holdfast.adapters.sources.everywhere import Everywhere
from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import Interrupted
from holdfast.domain.origin import ROW_BITS
from holdfast.quality.reconcile import Question, verify
from holdfast.quality.reconcile_compare import Known, compare
from holdfast.quality.reconcile_hash import KEY, RANK, VALUES, Printer, Prints, canonical_json
from holdfast.quality.reconcile_sample import settled
from holdfast.quality.reconcile_spill import BUCKET_ROWS, Spill, buckets_for
from holdfast.quality.reconcile_table import printed_rows
from holdfast.wiring import Project, Settings, open_project

COLUMNS = {
    "id": "bigint",
    "text": "string",
    "amount": "decimal(30,2)",
    "rate": "float",
    "flag": "bool",
    "at": "timestamp(%Y-%m-%d %H:%M:%S)",
}


def contract(**more: Any) -> Contract:
    columns = [{"name": n, "type": t, "nullable": n != "id"} for n, t in COLUMNS.items()]
    return contract_from({"name": "t", "table": "t", "columns": columns, "primary_key": "id", **more})


def rows_of(*rows: dict[str, Any]) -> pa.Table:
    types = [pa.int64(), pa.string(), pa.decimal128(30, 2), pa.float64(), pa.bool_(), pa.timestamp("us"), pa.int64()]
    names = [*COLUMNS, "_origin"]
    given = [{"id": 1, "_origin": 5, **row} for row in rows]
    return pa.table({n: pa.array([row.get(n) for row in given], t) for n, t in zip(names, types, strict=True)})


def test_prints_tell_apart_what_is_not_the_same() -> None:
    texts = [None, "", "a", "a\0", "b", "abcdefgh", "abcdefg", "abcdefgh\0", "abcdefghi", "x" * 600, "x" * 601]
    amounts = [Decimal(0), Decimal("0.01"), Decimal(2**70), Decimal(2**70) + 1, Decimal(-1)]
    others = [{"rate": 0.0}, {"rate": 5e-324}, {"flag": False}, {"flag": True}]
    table = rows_of(*({"text": t} for t in texts), *({"amount": a} for a in amounts), *others)
    printer = Printer(contract(), json_as_written=True)
    prints = printer.prints(table)
    assert len(set(prints[:, VALUES].tolist())) == table.num_rows
    assert len(set(prints[:, KEY].tolist())) == 1
    for start in range(table.num_rows):  # wherever the row stands in its batch
        assert (printer.prints(table.slice(start, 1)) == prints[start]).all()
    again = rows_of({"rate": -0.0})
    assert (printer.prints(again)[:, VALUES] == prints[len(texts) + len(amounts), VALUES]).all()
    assert (Printer(contract(), json_as_written=True).prints(table)[:, VALUES] != prints[:, VALUES]).all()  # a new seed


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1.50, "b": 1e2}', '{"b":100,"a":1.5}', True),
        ("[0, -0.0]", "[0.00, 0]", True),
        ("12345678901234567890123.0", "12345678901234567890123", True),
        ('"1"', "1", False),
        ("[1, 2]", "[2, 1]", False),
        ('{"": "1e0"}', "1", False),
        ("null", "false", False),
    ],
)
def test_documents_are_compared_as_documents(one: str, other: str, same: bool) -> None:
    assert (canonical_json(one) == canonical_json(other)) is same


def test_buckets_hold_every_row_once_and_stay_small() -> None:
    rng = np.random.default_rng(1)
    spill = Spill(3, 8)
    sent = rng.integers(-(2**63), 2**63 - 1, (5_000, 3))
    for part in np.array_split(sent, 7):
        spill.add(part)
    spill.flush()
    found = [spill.bucket(number) for number in range(8)]
    assert max(map(len, found)) < 1_000
    assert sorted(map(tuple, np.concatenate(found).tolist())) == sorted(map(tuple, sent.tolist()))
    spill.close()
    assert buckets_for(20_000_000) * BUCKET_ROWS >= 20_000_000
    assert buckets_for(0) == 1


Source = tuple[int, int, int, int]  # key, value, sequence, chunk
few = st.integers(0, 2)
sources = st.lists(st.tuples(few, few, few, st.integers(1, 3)), max_size=6, unique_by=lambda row: (row[0], row[3]))
tables = st.lists(st.tuples(few, few, few, st.integers(0, 5)), max_size=4, unique_by=lambda row: (row[0], row[3]))
CHUNK_3, MENDED = 3 << ROW_BITS, (4 << ROW_BITS) + 1


def prints_of(rows: list[tuple[int, int, int, int]]) -> Prints:
    made = np.zeros((len(rows), RANK + 1), np.int64)
    for i, (key, value, sequence, origin) in enumerate(rows):
        made[i] = [key % 2, key, value * 10 + sequence, origin, 0, sequence]  # keys 0 and 2 share their first hash
    return made


@settings(max_examples=400, deadline=None)
@given(sources, tables)
def test_a_verdict_is_what_a_slow_judge_says(source: list[Source], table: list[tuple[int, int, int, int]]) -> None:
    """Chunks 1 and 2 can be read again, chunk 3 cannot; the one row of chunk 4 was mended; 0 and 5 are no chunks."""
    source = [(k, v, s, c << ROW_BITS | k) for k, v, s, c in source if c != 3]
    table = [(k, v, s, MENDED if c == 4 else c << ROW_BITS | k) for k, v, s, c in table]
    known = Known(np.array([3]), np.array([MENDED]))
    found = compare(prints_of(source), prints_of(table), known)
    wanted = judged(source, table)
    got = {
        "missing": len(found.missing),
        "extra": len(found.extra),
        "different": len(found.different[0]),
        "unverified": len(found.unverified),
        "mended": len(found.mended),
    }
    assert got == wanted
    assert len(table) == found.expected - got["missing"] + got["extra"] + got["unverified"] + got["mended"]


def judged(source: list[Source], table: list[tuple[int, int, int, int]]) -> dict[str, int]:
    counts = dict.fromkeys(("missing", "extra", "different", "unverified", "mended"), 0)

    def alone(origin: int) -> str:
        return "mended" if origin == MENDED else "unverified" if origin >> ROW_BITS == 3 else "extra"

    for key in range(3):
        ranked = sorted((s, o, v) for k, v, s, o in source if k == key)
        there = [(s, o, v) for k, v, s, o in table if k == key]
        if not there:
            counts["missing"] += bool(ranked)
            continue
        if not ranked:
            for _, origin, _ in there:
                counts[alone(origin)] += 1
            continue
        winner = ranked[-1]
        *spare, best = sorted(there, key=lambda row: (row[::2] == winner[::2], row[1] == winner[1], row[1]))
        counts["extra"] += len(spare)
        outside = alone(best[1]) != "extra"
        if (best[0], best[2]) == (winner[0], winner[2]):
            run = []
            for row in reversed(ranked):
                if (row[0], row[2]) != (winner[0], winner[2]):
                    break
                run.append(row[1])
            counts["different"] += best[1] not in run and not outside
        elif outside and best[:2] > winner[:2]:
            counts[alone(best[1])] += 1
        else:
            counts["different"] += 1
    return counts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file and the database it was loaded into."""
    home = tmp_path_factory.mktemp("loaded")
    given = contract(source="*.csv", format={"chunk_bytes": 256})
    lines = [
        f"{i},text {i % 7},{i}.50,{i / 8},{'true' if i % 2 else 'false'},2024-01-02 00:00:{i % 60:02}"
        for i in range(80)
    ]
    (home / "a.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    with open_project(Settings(url=f"sqlite:///{home}/t.db", project_dir=str(home))) as project:
        assert project.load(given, []).error is None
    return home


def test_stopped_anywhere_it_ends_at_once(home: Path) -> None:
    """Neither a thread nor a transaction is left behind, whichever step was under way."""
    steps = 0
    database, source = connect(f"sqlite:///{home}/t.db"), Everywhere(str(home), {})

    class Stopper:
        left = 10**6

        def __call__(self) -> None:
            nonlocal steps
            steps += 1
            self.left -= 1
            if self.left < 0:
                raise Interrupted("stopped")

    assert verify(database, source, Question("t"), Stopper()).status == "done"
    for after in range(steps):
        stopper = Stopper()
        stopper.left = after
        with pytest.raises(Interrupted):
            verify(database, source, Question("t"), stopper)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("holdfast-verify")]
    database.close()


EDITS = {  # what is set, and the column that then differs
    "text": "text = COALESCE(text, '') || 'x'",
    "text as bytes": "text = CAST(text AS BLOB)",
    "text in no encoding": "text = CAST(x'ff41' AS TEXT)",
    "amount": "amount = amount + 0.01",
    "amount in words": "amount = 'many'",
    "rate": "rate = NULL",
    "flag": "flag = 1 - flag",
    "at": "at = '2024-01-03 00:00:00'",
    "at in other words": "at = replace(at, ' ', 'T')",
    "_origin": "_origin = _origin + 1000",
}
edits = st.dictionaries(
    st.integers(0, 79), st.sampled_from([*EDITS, "delete", "move", "double"]), min_size=1, max_size=12
)


@settings(max_examples=25, deadline=None)
@given(edits)
def test_random_tampering_is_found_exactly(home: Path, edits: dict[int, str]) -> None:
    shutil.copy(home / "t.db", home / "tampered.db")
    database = connect(f"sqlite:///{home}/tampered.db")
    wanted: dict[int, set[str]] = {}
    with database.transaction() as tx:
        for i, what in edits.items():
            if what == "delete":
                tx.execute("DELETE FROM t WHERE id = :i", {"i": i})
                wanted[i] = {"missing"}
            elif what == "move":
                tx.execute("UPDATE t SET id = id + 1000 WHERE id = :i", {"i": i})
                wanted |= {i: {"missing"}, i + 1000: {"extra"}}
            elif what == "double":
                tx.execute(
                    "INSERT INTO t SELECT id + 2000, text, amount, rate, flag, at, _origin FROM t WHERE id = :i",
                    {"i": i},
                )
                wanted[i + 2000] = {"extra"}
            else:
                tx.execute(f"UPDATE t SET {EDITS[what]} WHERE id = :i", {"i": i})
                wanted[i] = {what.split()[0]}
    proof = verify(database, Everywhere(str(home), {}), Question("t", most=1000), lambda: None)
    found = {d.key["id"]: set(d.columns) or {d.kind} for d in proof.differences}
    assert found == wanted
    lines = [d.line for d in proof.differences if d.line]
    assert lines == sorted(lines)
    database.close()


def test_a_sample_that_a_load_overtakes_finds_nothing_wrong(home: Path, tmp_path: Path) -> None:
    """Rows that are no longer under their `_origin` may be those of a chunk that came after the first look."""
    shutil.copy(home / "t.db", tmp_path / "t.db")
    given = contract(source="*.csv", format={"chunk_bytes": 256})
    printer = Printer(given, json_as_written=True)

    def look(project: Project) -> tuple[int, int, int]:
        verdict = settled(project.database, printer, "t", before, lambda: None)
        return verdict.expected, len(verdict.missing), len(verdict.different[0])

    with open_project(Settings(url=f"sqlite:///{tmp_path}/t.db", project_dir=str(tmp_path))) as project:
        before = np.concatenate([prints for _, prints in printed_rows(project.database, printer, [], lambda: None)])
        lines = [f"{i},another text,0.50,0,true,2024-01-02 00:00:00" for i in range(80)]
        (tmp_path / "b.csv").write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
        assert project.load(given, []).error is None
        assert look(project) == (-80, 0, 0)
        with project.database.transaction() as tx:
            tx.execute("DELETE FROM t WHERE id = 7")
            tx.execute("UPDATE t SET _origin = 2 * _origin WHERE id IN (8, 9)")
        assert look(project) == (-77, 1, 2)
