"""Every form from file to table: cut, pinned, parsed, rejected, replayed; and what is broken is refused by name."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import DriftRefused, HoldfastError, SourceChanged, SourceError
from holdfast.engine.drifting import history
from holdfast.engine.owed import Owed
from holdfast.engine.register import register
from holdfast.engine.replay import export
from holdfast.engine.reports import rejects_page
from holdfast.wiring import Project, Settings, open_project
from tests.support.spreadsheet import write_xlsx

ROWS = 500
START = datetime(2024, 1, 1, 10, 30, 0, 123456, UTC)


def moment(day: int, *clock: int) -> datetime:
    return datetime(2024, 1, day, *clock)  # noqa: DTZ001 - a reading of some clock


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with open_project(Settings(url=f"sqlite:///{tmp_path}/f.db", project_dir=str(tmp_path))) as opened:
        yield opened


def contract(columns: dict[str, Any], **more: Any) -> Contract:
    listed = [
        {"name": name, **({"type": rules} if isinstance(rules, str) else rules)} for name, rules in columns.items()
    ]
    return contract_from({"name": "c", "table": "c", "write_disposition": "append", "columns": listed} | more)


def load(project: Project, of: Contract, file: str) -> list[tuple[str, int, str]]:
    """Load, and the rejects: code, line, raw text."""
    result = project.load(of, [file])
    assert result.error is None, result.error
    pages = rejects_page(project.database, of.name, "open", None, 1000)
    return [(row["code"], row["line"], row["raw"]) for row in sorted(pages, key=lambda row: row["origin"])]


def rows(project: Project, columns: str = "*") -> list[tuple[Any, ...]]:
    with project.database.transaction() as tx:
        return [tuple(row.values()) for row in tx.query(f"SELECT {columns} FROM c ORDER BY _origin")]


def parquet_table() -> pa.Table:
    numbers = range(ROWS)
    moments = [START + timedelta(microseconds=n) for n in numbers]
    nanoseconds = pa.array(moments, pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist()
    nanoseconds[7] += 1
    return pa.table(
        {
            "id": pa.array(numbers, pa.int32()),
            "amount": pa.array([Decimal(n).scaleb(-7) for n in numbers], pa.decimal128(15, 7)),
            "day": pa.array([None if n == 3 else date(2024, 1, 1) + timedelta(days=n) for n in numbers]),
            "at": pa.array(nanoseconds, pa.timestamp("ns", "UTC")),
            "seen": pa.array([moment(1, 0, 0, n % 2) for n in numbers], pa.timestamp("s")),
            "name": pa.array([f"n{n % 5}" for n in numbers]).dictionary_encode(),
            "mark": pa.array([uuid.UUID(int=n).bytes for n in numbers], pa.binary(16)),
            "ok": pa.array([n % 2 == 0 for n in numbers]),
            "share": pa.array([0.1 * n for n in numbers], pa.float64()),
            "nest": pa.array([{"price": Decimal("1.10"), "days": [date(2024, 1, 1)]} for _ in numbers]),
            "bytes": pa.array([b"\xff" if n == 9 else b"x" for n in numbers], pa.binary()),
        }
    )


PARQUET: dict[str, Any] = {
    "id": {"type": "bigint", "max": 497},
    "amount": "decimal(15,7)",
    "day": {"type": "date(%d/%m/%Y)", "min": "02/01/2024"},
    "at": "timestamp(%Y-%m-%d %H:%M:%S.%f, UTC)",
    "seen": "timestamp",
    "name": {"type": "string(2)", "one_of": ["n0", "n1", "n2", "n3", "n4"]},
    "mark": "uuid",
    "ok": {"type": "bool", "true_values": ["ja"], "false_values": ["nee"]},
    "share": "float",
    "nest": "json",
    "bytes": "string",
}


def test_parquet_types_arrive_exactly_and_bad_rows_can_be_mended(project: Project, tmp_path: Path) -> None:
    pq.write_table(parquet_table(), tmp_path / "a.parquet", row_group_size=100)
    of = contract(PARQUET, format={"chunk_bytes": 12_000})
    plan = project.plan(of, ["a.parquet"])
    chunks = plan.files[0].cut.chunks if plan.files[0].cut else []
    assert [(c.span.start, c.span.end) for c in chunks] == [(n, n + 100) for n in range(0, ROWS, 100)]
    rejects = load(project, of, "a.parquet")
    assert [(code, line) for code, line, _ in rejects] == [
        ("E_RANGE", 1),
        ("E_NULL", 4),
        ("E_TIMESTAMP", 8),
        ("E_ENCODING", 10),
        ("E_RANGE", 499),
        ("E_RANGE", 500),
    ]
    bad = {0, 3, 7, 9, 498, 499}
    expected = [
        (n, str(Decimal(n).scaleb(-7)), f"{START + timedelta(microseconds=n):%Y-%m-%d %H:%M:%S.%f}", 0.1 * n)
        for n in range(ROWS)
        if n not in bad
    ]
    found = [(n, f"{amount:.7f}", at, share) for n, amount, at, share in rows(project, "id, amount, at, share")]
    assert found == [(n, f"{Decimal(amount):.7f}", at, share) for n, amount, at, share in expected]
    assert rows(project, "day, seen, name, mark, ok, nest, bytes")[0] == (
        "2024-01-02",
        "2024-01-01 00:00:01",
        "n1",
        str(uuid.UUID(int=1)),
        0,
        '{"price": 1.10, "days": ["2024-01-01"]}',
        "x",
    )
    lines = list(csv.reader(export(project.database, of)))
    header = lines[0]
    mended = tmp_path / "mended.csv"
    with mended.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        for cells in lines[1:]:
            cells[header.index("day")] = "05/02/2024"
            writer.writerow(cells)
    _, report = project.replay(of, mended)
    assert (report.replayed, report.still_rejected) == (3, 3)  # the days; not 497's, nor the nanosecond
    assert rows(project, "id, day, at")[0] == (0, "2024-02-05", f"{START:%Y-%m-%d %H:%M:%S.%f}")


def test_what_is_no_json_is_never_replayed_as_a_text(project: Project, tmp_path: Path) -> None:
    """A list with NaN, a text that is no JSON, and moments that Python has no word for: each its own row's matter."""
    of = contract({"id": "bigint", "doc": "json", "name": "string"})
    lists = pa.table({"id": [1, 2], "doc": [[1.5], [float("nan")]], "name": ["a", "b"]})
    moments = pa.array([[0], [2**62]], pa.list_(pa.timestamp("us")))
    for name, table in {
        "1": lists,
        "2": pa.table({"id": [3, 4], "doc": ["{}", "not"], "name": ["c", "d"]}),
        "3": pa.table({"id": [5, 6], "doc": moments, "name": ["e", "f"]}),
    }.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert [len(load(project, of, f"{name}.parquet")) for name in "123"] == [1, 2, 3]
    _, again = project.replay(of, None)
    assert (again.still_rejected, again.replayed) == (3, 0)
    assert [row[0] for row in rows(project, "id")] == [1, 3, 5]


def test_parquet_fields_with_one_name_are_refused_and_new_ones_keep_their_type(
    project: Project, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"id": [1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table([pa.array([1])] * 3, names=["id", "v", "v"]), tmp_path / "1.parquet")
    with pytest.raises(DriftRefused):
        load(project, contract({"id": "date"}, drift="discard_column"), "0.parquet")
    assert [row["action"] for row in history(project.database, "c", 9)] == ["refused"]
    of = contract({"id": "bigint"}, drift="evolve")
    with pytest.raises(SourceError, match="several fields named 'v'"):
        load(project, of, "1.parquet")
    pq.write_table(pa.table({"id": [1], "v": [{"a": 1}], "f": [1.5]}), tmp_path / "2.parquet")
    assert load(project, of, "2.parquet") == []
    assert rows(project, "id, v, f") == [(1, '{"a": 1}', 1.5)]


def test_a_huge_row_group_is_cut_by_rows_and_an_entity_is_not(project: Project, tmp_path: Path) -> None:
    table = pa.table({"id": pa.array(range(9000), pa.int64()), "shop": pa.array([n // 700 for n in range(9000)])})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4500)
    of = contract({"id": "bigint", "shop": "int"}, format={"chunk_bytes": 8000}, entity=["shop"])
    plan = project.plan(of, ["a.parquet"])
    ends = [chunk.span.end for chunk in plan.files[0].cut.chunks] if plan.files[0].cut else []
    assert len(ends) > 3
    assert ends[-1] == 9000
    assert all(end % 700 == 0 for end in ends[:-1])
    load(project, of, "a.parquet")
    assert rows(project, "id") == [(n,) for n in range(9000)]


def test_blocks_not_kept_in_memory_are_proved_when_they_are_read_again(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.engine.forms.parquet_file.KEPT_BYTES_MAX", 0)
    monkeypatch.setattr("holdfast.engine.forms.parquet_file.BLOCK_BYTES", 1000)
    pq.write_table(parquet_table(), tmp_path / "a.parquet")
    assert len(load(project, contract(PARQUET), "a.parquet")) == 6
    assert len(rows(project)) == ROWS - 6


def test_a_parquet_file_that_changes_after_the_plan_is_not_loaded(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": list(range(1000))}), file, compression="none", use_dictionary=False)
    of = contract({"id": "int"})
    data = bytearray(file.read_bytes())
    place = data.find((500).to_bytes(8, "little"))
    assert place > 0
    data[place] ^= 1

    made = project.plan(of, ["a.parquet"])
    register(project.database, made, run_id="run", max_rejects=None)
    file.write_bytes(bytes(data))
    with pytest.raises(SourceChanged, match="rows 1 to 1,000 are not those the plan pinned"):
        project.run_worker_loop("run", Owed("c", first=1, last=1), lambda: False, lone=True)
    assert rows(project) == []


@pytest.mark.parametrize(
    ("kind", "type_", "words"),
    [
        (pa.float64(), "decimal(10,2)", "a float is not exact"),
        (pa.int64(), "date", "declare the column"),
        (pa.timestamp("us", "UTC"), "timestamp", "UTC"),
        (pa.timestamp("us"), "timestamp(%Y-%m-%d %H:%M:%S%z)", "name the zone"),
        (pa.struct([("a", pa.int32())]), "string", "declare the column"),
    ],
)
def test_types_that_do_not_fit_are_drift(
    project: Project, tmp_path: Path, kind: pa.DataType, type_: str, words: str
) -> None:
    pq.write_table(pa.table({"value": pa.array([None], kind)}), tmp_path / "a.parquet")
    of = contract({"value": {"type": type_, "nullable": True}})
    with pytest.raises(DriftRefused, match="differs from contract") as refused:
        project.plan(of, ["a.parquet"])
    assert words in refused.value.hint


def test_broken_parquet_files_are_refused_at_plan(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": list(range(100))}), file)
    whole = file.read_bytes()
    of = contract({"id": "int"})
    broken = [
        b"",
        b"PAR1",
        b"id\n1\n2\n3\n",
        whole[:-1],
        whole[:50],
        whole[:-4] + b"PARE",
        whole[:-8] + b"\xff" * 4 + whole[-4:],
    ]
    broken.append(whole[: len(whole) // 2] + b"\0" * (len(whole) - len(whole) // 2 - 8) + whole[-8:])
    for data in broken:
        file.write_bytes(data)
        with pytest.raises(SourceError, match="nothing was loaded"):
            project.plan(of, ["a.parquet"])
    pq.write_table(pa.table({"id": pa.array([], pa.int32())}), file)
    assert load(project, of, "a.parquet") == []
    assert rows(project) == []


SHEET: list[list[Any]] = [
    ["Id", "Amount", "Day", "At", "Ok", "Name"],
    [1, 12.5, date(2024, 1, 5), moment(5), True, 7],
    [None] * 6,
    ["002", 0.1 + 0.2, "06/01/2024", moment(5, 10, 30, 1), False, 'a, "b"\nc'],
    [3, ValueError("#N/A"), date(2024, 1, 7), moment(5), True, "x"],
    [4, None, date(2024, 1, 7), moment(5, 10, 30, 1, 500_000), True, "x"],
]
EXCEL: dict[str, Any] = {
    "id": "string",
    "amount": {"type": "decimal(12,2)", "nullable": True},
    "day": "date(%d/%m/%Y)",
    "at": "timestamp",
    "ok": {"type": "bool", "true_values": ["ja"], "false_values": ["nee"]},
    "name": "string",
}


def test_a_sheet_is_read_exactly_and_an_error_is_no_empty_cell(project: Project, tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"First": [["x"]], "Sales": [["a title"], *SHEET]})
    of = contract(EXCEL, format={"sheet": "Sales", "skip_lines": 1})
    rejects = load(project, of, "a.xlsx")
    assert [code for code, _, _ in rejects] == ["E_SCALE", "E_DECIMAL", "E_TIMESTAMP"]
    assert "#ERROR!" in rejects[1][2]
    assert rows(project, "id, amount, day, at, ok, name") == [("1", 12.5, "2024-01-05", "2024-01-05 00:00:00", 1, "7")]
    assert project.plan(of, ["a.xlsx"]).to_register == []
    for sheet in (3, "Other"):
        other = contract(EXCEL, format={"sheet": sheet})
        with pytest.raises(SourceError, match="its sheets are: 'First', 'Sales'"):
            project.plan(other.model_copy(update={"name": "other"}), ["a.xlsx"])


def test_a_sheet_gives_no_null_for_a_formula_without_result_and_no_digits_it_has_not(
    project: Project, tmp_path: Path
) -> None:
    cells = [
        ["Id", "Amount"],
        [1, ...],
        [2, 1.25],
        [2**53, None],
        [12345678901234567, None],
        ["12345678901234567", None],
    ]
    write_xlsx(tmp_path / "a.xlsx", {"S": cells})
    amount = {"type": "decimal(12,2)", "nullable": True}
    rejects = load(project, contract({"id": "bigint", "amount": amount}), "a.xlsx")
    assert [(code, line) for code, line, _ in rejects] == [("E_DECIMAL", 2), ("E_INT", 5)]
    assert [row[0] for row in rows(project, "id")] == [2, 2**53, 12345678901234567]


def test_what_is_no_spreadsheet_is_refused(project: Project, tmp_path: Path) -> None:
    write_xlsx(tmp_path / "a.xlsx", {"S": SHEET})
    whole = (tmp_path / "a.xlsx").read_bytes()
    for data in (b"", b"id,amount\n", whole[:400], whole[:-30], b"\xd0\xcf\x11\xe0" + bytes(600)):
        (tmp_path / "b.xlsx").write_bytes(data)
        with pytest.raises(SourceError, match="nothing was loaded"):
            project.plan(contract(EXCEL), ["b.xlsx"])


def test_fixed_width_lines(project: Project, tmp_path: Path) -> None:
    lines = ["0001Anna      12.50", "0002B\xe9la       7.25", "# a remark", "", "0003short", "0004Cy            x"]
    (tmp_path / "a.txt").write_bytes("\r\n".join(lines).encode("latin-1"))
    form = {"type": "fixed", "widths": [4, 10, 5], "header": ["id", "name", "amount"]}
    form |= {"encoding": "latin-1", "comment": "#", "chunk_bytes": 64}
    of = contract({"id": "string(4)", "amount": "decimal(5,2)", "name": "string(10)"}, format=form)
    assert load(project, of, "a.txt") == [("E_RAGGED", 5, "0003short"), ("E_DECIMAL", 6, "0004Cy            x")]
    assert rows(project, "id, amount, name") == [("0001", 12.5, "Anna"), ("0002", 7.25, "B\xe9la")]
    assert [cells[4:7] for cells in csv.reader(export(project.database, of))][1:] == [
        ["0003", "", "short"],
        ["0004", "x", "Cy"],
    ]


def test_jsonl_rejects_are_replayed_once_the_contract_knows_them(project: Project, tmp_path: Path) -> None:
    lines = ['{"id": 1}', '{"id": 2}'] + [" " * 100] * 11_000 + ['{"id": 3, "new": {"a": 1}}', '{"id": 3, "id": 3}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    narrow = contract({"id": "int"}, format={"chunk_bytes": 100_000})
    assert [(code, line) for code, line, _ in load(project, narrow, "a.jsonl")] == [
        ("E_UNKNOWN_KEY", 11_003),
        ("E_KEY", 11_004),
    ]
    _, report = project.replay(narrow, None)
    assert report.replayed == 0, "the contract knows the key no more than before"
    _, report = project.replay(contract({"id": "int"}, drift="discard_column"), None)
    assert report.replayed == 1
    assert rows(project, "id") == [(1,), (2,), (3,)]


def test_a_grown_jsonl_file_keeps_its_chunks_and_an_entity_stays_in_one(project: Project, tmp_path: Path) -> None:
    lines = [f'{{"id": {n}, "shop": {{"no": {n // 7}}}}}\n' for n in range(200)]
    columns = {"id": "int", "shop": {"type": "int", "from": "shop.no"}}
    of = contract(columns, format={"chunk_bytes": 300}, entity=["shop"])
    file = tmp_path / "a.jsonl"
    file.write_text("".join(lines[:98]))
    load(project, of, "a.jsonl")
    file.write_text("".join(lines))
    [planned] = project.plan(of, ["a.jsonl"]).files
    assert planned.cut
    ends = [len("".join(lines[:n]).encode()) for n in range(7, 200, 7)] + [file.stat().st_size]
    assert {chunk.span.end for chunk in planned.cut.chunks} <= set(ends)
    assert len(planned.cut.kept) >= len(planned.cut.chunks) // 3
    load(project, of, "a.jsonl")
    assert sorted(rows(project, "id, shop")) == [(n, n // 7) for n in range(200)]


def test_options_go_with_their_type() -> None:
    for form in (
        {"type": "jsonl", "delimiter": ";"},
        {"type": "parquet", "max_record_bytes": 100},
        {"type": "csv", "sheet": 1},
        {"widths": [1]},
        {"type": "fixed", "widths": [1], "header": ["a", "b"]},
        {"type": "fixed", "widths": [1], "header": ["a"], "encoding": "utf-16"},
    ):
        with pytest.raises(HoldfastError, match="is not sound"):
            contract({"id": "int"}, format=form)
    of = contract({"id": "int"}, format={"type": "excel", "sheet": 2})
    assert Contract.model_validate_json(of.model_dump_json(by_alias=True)) == of
