"""A contract proposed for a file of another format loads that file whole."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.domain.contract import contract_from
from holdfast.domain.errors import SourceError
from holdfast.engine.inferring import propose
from holdfast.parsing.infer import to_toml
from holdfast.wiring import Settings, open_project
from tests.support.spreadsheet import write_xlsx

DAY, MOMENT = date(2024, 1, 31), datetime(2024, 1, 31, 10, 30)  # noqa: DTZ001 - a reading of some clock
TABLE: dict[str, Any] = {
    "userId": pa.array([1, 2], pa.int64()),
    "amount": pa.array([Decimal("1.10"), None], pa.decimal128(9, 2)),
    "day": pa.array([DAY, DAY]),
    "at": pa.array([MOMENT, MOMENT], pa.timestamp("ns", "UTC")),
    "code": pa.array(["007", "008"]).dictionary_encode(),
    "share": pa.array([0.5, 1.5], pa.float32()),
    "items": pa.array([[1], [2, 3]]),
    "ok": pa.array([True, False]),
    "id": pa.array([bytes(16), bytes([1] * 16)], pa.binary(16)),
}
LINES = '{"userId": 1, "amount": 1.10, "day": "2024-01-31", "items": [1]}\n{"userId": 2, "day": "2024-02-01"}\n'


def write(path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.table(TABLE), path)
    elif path.suffix == ".xlsx":
        rows = [
            ["Sales"],
            ["User ID", "Amount", "Day", "At", "Ok"],
            [1, 1.5, DAY, MOMENT, True],
            [2, None, DAY, DAY, False],
        ]
        write_xlsx(path, {"S": rows})
    else:
        path.write_text(LINES)


@pytest.mark.parametrize(
    ("file", "types"),
    [
        ("a.jsonl", {"user_id": "int", "amount": "decimal", "day": "date(%Y-%m-%d)", "items": "json"}),
        (
            "a.parquet",
            {
                "user_id": "bigint",
                "amount": "decimal(9,2)",
                "day": "date(%Y-%m-%d)",
                "at": "timestamp(%Y-%m-%d %H:%M:%S.%f, UTC)",
                "code": "string(10)",
                "share": "float",
                "items": "json",
                "ok": "bool",
                "id": "uuid",
            },
        ),
        ("a.xlsx", {"user_id": "int", "amount": "decimal", "day": "date(%Y-%m-%d)", "at": "timestamp", "ok": "bool"}),
    ],
)
def test_the_proposal_reads_the_file_it_was_made_from(file: str, types: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / file)
    with open_project(Settings(url=f"sqlite:///{tmp_path}/i.db", project_dir=str(tmp_path))) as project:
        inference = propose(project.source, file, name="things", key=["user_id"])
        found = {column.name: str(column.type) for column in inference.contract.columns}
        assert found.keys() == types.keys()
        assert all(found[name].startswith(type_) for name, type_ in types.items()), found
        assert [c.name for c in inference.contract.columns if c.nullable] in (["amount"], ["amount", "items"])
        contract = contract_from(tomllib.loads(to_toml(inference)))
        assert contract == inference.contract
        result = project.load(contract, [])
        assert result.error is None
        assert (result.report.counts.inserted, result.report.counts.rejected) == (2, 0)


def test_a_file_without_objects_says_how_to_make_some(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[\n  {"id": 1}\n]\n')
    with (
        open_project(Settings(url=f"sqlite:///{tmp_path}/i.db", project_dir=str(tmp_path))) as project,
        pytest.raises(SourceError, match="a list that spans the file") as refused,
    ):
        propose(project.source, "a.json")
    assert "jq" in refused.value.hint
