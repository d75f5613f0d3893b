"""JSON Lines: every line stands for itself, and says what an independent reading of its JSON says."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.domain.contract import Contract, contract_from
from holdfast.domain.errors import DriftRefused, SourceError
from holdfast.domain.origin import ROW_COLUMN
from holdfast.parsing import jsonl
from holdfast.parsing.formats import bound
from holdfast.parsing.parsed import ParsedChunk
from holdfast.parsing.values import ValueReader

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "bigint"},
    {"name": "amount", "type": "decimal(12,2)", "from": "order.amount", "nullable": True},
    {"name": "second", "type": "string(5)", "from": "items[1].price", "nullable": True},
    {"name": "doc", "type": "json", "from": "items", "nullable": True},
    {"name": "ok", "type": "bool", "default": "false"},
]


def contract(columns: list[dict[str, Any]] = COLUMNS, **more: Any) -> Contract:
    return contract_from({"name": "c", "table": "c", "write_disposition": "append", "columns": columns} | more)


def parsed(data: bytes, of: Contract | None = None, **more: Any) -> ParsedChunk:
    of = of or contract()
    return jsonl.parse_chunk(data, jsonl.unbound(of), of, **{"first_line": 1, "base_offset": 0} | more)


def row_of(text: str, of: Contract | None = None) -> dict[str, Any]:
    found = parsed(text.encode(), of)
    assert not found.rejects, found.rejects
    [row] = found.table.drop_columns([ROW_COLUMN]).to_pylist()
    return row


def test_paths_lead_into_the_object_and_documents_stay_as_delivered() -> None:
    line = '{"id": 1, "order": {"amount": 1.10}, "items": [ {"price":1}, {"price": 2.50, "x":"\\u0041"} ], "ok": true}'
    assert row_of(line) == {
        "id": 1,
        "amount": Decimal("1.10"),
        "second": "2.50",
        "doc": '[ {"price":1}, {"price": 2.50, "x":"\\u0041"} ]',
        "ok": True,
    }
    assert row_of('{"ID": "7", "order": null, "items": [], "ok": null}') == {
        "id": 7,
        "amount": None,
        "second": None,
        "doc": "[]",
        "ok": False,
    }


def test_a_key_with_a_dot_wins_over_the_path_and_a_dollar_is_the_whole() -> None:
    assert row_of('{"id": 1, "order.amount": 2, "order": {"amount": 1}}')["amount"] == Decimal("2.00")
    whole = contract([{"name": "id", "type": "int"}, {"name": "raw", "type": "json", "from": "$"}])
    assert row_of(' {"id": 1, "new": [1.0]} ', whole)["raw"] == '{"id": 1, "new": [1.0]}'


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ('{"id": 1e3}', "E_INT", "id"),
        ('{"id": 9223372036854775808}', "E_INT", "id"),
        ('{"id": null}', "E_NULL", "id"),
        ('{"id": 1, "order": {"amount": 1.005}}', "E_SCALE", "amount"),
        ('{"id": 1, "order": {"amount": NaN}}', "E_DECIMAL", "amount"),
        ('{"id": 1, "order": {"amount": {"x": 1}}}', "E_NESTED", "amount"),
        ('{"id": 1, "items": [1, {"price": "\\ud800"}]}', "E_ENCODING", "second"),
        ('{"id": 1, "items": [1, {"price": "\\u0000"}]}', "E_NUL", "second"),
        ('{"id": 1, "items": ["\\u0000"]}', "E_JSON", "doc"),
        ('{"id": 1, "ok": "perhaps"}', "E_BOOL", "ok"),
        ('{"id": 1, "id": 2}', "E_KEY", None),
        ('{"id": 1, "items": [{"a": 1, "a": 1}]}', "E_KEY", None),
        ('{"id": 1, "ID": 2}', "E_KEY", None),
        ('{"id": 1, "more": 2}', "E_UNKNOWN_KEY", None),
        ("[1]", "E_JSON", None),
        ("7", "E_JSON", None),
        ('{"id": 1', "E_JSON", None),
        ('{"id": 1} {"id": 2}', "E_JSON", None),
        ("[" * 100_000, "E_JSON", None),
        ('{"id": 1, "ok": "\0"}', "E_NUL", None),
    ],
)
def test_a_bad_line_is_rejected_and_the_next_one_is_not(line: str, code: str, column: str | None) -> None:
    good = '{"id": 5}\n'
    found = parsed((good + "\n" + line + "\r\n" + good).encode(), base_offset=100, first_line=11)
    [reject] = found.rejects
    assert (reject.reasons[0].code, reject.reasons[0].column) == (code, column)
    assert (reject.row, reject.line, reject.byte_offset) == (1, 13, 100 + len(good) + 1)
    assert reject.raw == line.encode()
    assert found.table.column(ROW_COLUMN).to_pylist() == [0, 2]
    assert found.blank_lines == 1


def test_bytes_that_are_no_text_and_lines_that_are_too_long() -> None:
    of = contract(format={"max_record_bytes": 64})
    found = parsed(b'{"id": "\xff"}\n{"id": ' + b" " * 64 + b"1}\n", of)
    assert [reject.reasons[0].code for reject in found.rejects] == ["E_ENCODING", "E_RECORD_SIZE"]


def test_unknown_keys_are_left_out_where_the_contract_says_so() -> None:
    assert row_of('{"id": 1, "more": 2}', contract(drift="discard_column"))["id"] == 1


def test_the_top_of_a_file_gives_keys_and_paths() -> None:
    head = b'\xef\xbb\xbf{"id": 1, "items": []}\nbroken\n{"id": 2, "order": {"amount": 1, "tax": 1}}\n'
    header = jsonl.read_top(head, contract(), True, "f")
    assert (header.names, header.data_start) == (("id", "items", "order.amount"), 3)
    bound(contract(), header.names, "f")
    with pytest.raises(DriftRefused, match="'new' is not in the contract"):
        bound(contract(), jsonl.read_top(b'{"new": 1}\n', contract(), True, "f").names, "f")


@pytest.mark.parametrize(
    ("head", "words"),
    [(b"", "empty"), (b'[\n{"id": 1}]', "a list"), (b"a,b\n1,2\n", "none of the lines"), (b"{\n", "none of the lines")],
)
def test_what_is_no_json_lines_is_refused_with_a_way_out(head: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words) as refused:
        jsonl.read_top(head, contract(), True, "f")
    assert "jq" in refused.value.hint


texts = st.one_of(st.sampled_from(["", "1", "007", "1.5", "true", "é", "null", "x" * 6]), st.text(max_size=8))
numbers = st.one_of(
    st.integers(-(10**19), 10**19).map(str),
    st.decimals(-100, 100, places=3).map(str),
    st.sampled_from(["1e3", "-0", "1.10", "0.00"]),
)
scalars = st.one_of(texts.map(json.dumps), numbers, st.sampled_from(["true", "false", "null"]))
documents = st.one_of(scalars, st.lists(scalars, max_size=2).map(lambda items: f"[{', '.join(items)}]"))
objects = st.fixed_dictionaries({}, optional={"id": scalars, "amount": scalars, "name": scalars, "doc": documents})
FLAT = contract(
    [
        {"name": "id", "type": "bigint", "min": -5},
        {"name": "amount", "type": "decimal(6,2)", "nullable": True},
        {"name": "name", "type": "string(5)", "default": "none"},
        {"name": "doc", "type": "json", "nullable": True},
    ]
)


def independent(members: dict[str, str]) -> list[Any] | None:
    """The row as json and the judge of single values see it; None: it is rejected."""
    row = []
    for column in FLAT.columns:
        reader = ValueReader(column)
        value = json.loads(members.get(column.name, "null"), parse_float=Decimal, parse_int=Decimal)
        text = members.get(column.name, "null")
        if value is None:
            judged = reader.absent()
        elif column.name == "doc":
            judged = reader.read(text)
        else:
            if isinstance(value, str) and ("\0" in value or any("\ud800" <= char <= "\udfff" for char in value)):
                return None
            judged = reader.read(value if isinstance(value, str) else text)
        if judged[1]:
            return None
        row.append(judged[0])
    return row


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(objects, max_size=8), part=st.integers(1, 64))
def test_any_objects_are_read_as_an_independent_reader_reads_them(records: list[dict[str, str]], part: int) -> None:
    lines = ["{" + ", ".join(f'"{key}": {text}' for key, text in record.items()) + "}" for record in records]
    data = "".join(line + "\n" for line in lines).encode()
    whole = parsed(data, FLAT)
    expected = [independent(record) for record in records]
    assert [list(row.values())[:-1] for row in whole.table.to_pylist()] == [row for row in expected if row is not None]
    assert [reject.row for reject in whole.rejects] == [n for n, row in enumerate(expected) if row is None]
    cut = data.find(b"\n", min(part, len(data))) + 1
    halves = [
        parsed(data[:cut], FLAT),
        parsed(data[cut:], FLAT, base_offset=cut, first_line=1 + data[:cut].count(b"\n")),
    ]
    assert [
        r for half in halves for r in half.table.drop_columns([ROW_COLUMN]).to_pylist()
    ] == whole.table.drop_columns([ROW_COLUMN]).to_pylist()
    assert [(r.line, r.byte_offset, r.raw, r.reasons) for half in halves for r in half.rejects] == [
        (r.line, r.byte_offset, r.raw, r.reasons) for r in whole.rejects
    ]


def test_a_long_chunk_is_gone_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(b'{"id": %d}\n' % n if n % 7 else b"bad\n" for n in range(100))
    whole = parsed(data)
    monkeypatch.setattr("holdfast.parsing.line_rows.PART_BYTES", 50)
    parts = parsed(data)
    assert parts.table.equals(whole.table)
    assert parts.rejects == whole.rejects
    assert [reject.line for reject in parts.rejects] == list(range(1, 101, 7))
