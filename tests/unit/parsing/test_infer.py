"""A proposed contract reads the sample it was made from, reads back from its TOML, and says what it doubts."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.contract import contract_from
from holdfast.domain.errors import ContractError, SourceError
from holdfast.parsing.csv import bind, parse_chunk, read_header
from holdfast.parsing.infer import Inference, infer_contract, sql_names, to_toml
from holdfast.parsing.infer_proof import proved

TEXTS = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=12)
VALUES = {
    "int": st.integers(-(10**9), 10**9).map(str),
    "huge": st.integers(-(10**45), 10**45).map(str),
    "money": st.decimals(-(10**12), 10**12, places=2, allow_nan=False).map("{:f}".format),
    "float": st.floats(allow_nan=False, allow_infinity=False).map(repr),
    "date": st.dates().map("{:%d/%m/%Y}".format).filter(lambda t: len(t) == 10),
    "stamp": st.datetimes().map(lambda t: t.isoformat(" ", "seconds")),
    "uuid": st.uuids().map(str),
    "flag": st.sampled_from(["Y", "N"]),
    "code": st.sampled_from(["007", "042", "1", "NA", "-", "N/A", "null", ""]),
    "json": st.dictionaries(TEXTS, st.integers()).map(json.dumps),
    "text": TEXTS,
}


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header and rows; every column is of one kind, with empty and padded values now and then."""
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=2, max_size=5))
    empty = draw(st.lists(st.booleans(), min_size=len(kinds), max_size=len(kinds)))
    cells = [
        st.one_of(VALUES[kind], st.just("")) if may_be_empty else VALUES[kind]
        for kind, may_be_empty in zip(kinds, empty, strict=True)
    ]
    rows = draw(st.lists(st.tuples(*cells).map(list), min_size=1, max_size=12))
    return [[f"Col {kind} {i}" for i, kind in enumerate(kinds)], *rows]


def written(table: list[list[str]], delimiter: str = ",", line_end: str = "\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(table)
    return out.getvalue().encode()


def propose(data: bytes | str, **options: Any) -> Inference:
    given_data = data.encode() if isinstance(data, str) else data
    return infer_contract(given_data, at_eof=True, name="sample", **options)


def column_types(inference: Inference) -> dict[str, str]:
    return {column.name: str(column.type) for column in inference.contract.columns}


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]))
def test_the_proposal_reads_every_row_it_was_made_from(table: list[list[str]], delimiter: str, line_end: str) -> None:
    data = written(table, delimiter, line_end)
    contract = propose(data).contract
    header = read_header(data, contract.format, True)
    body = data[header.data_start :]
    parsed = parse_chunk(body, bind(contract, header, "sample"), contract, first_line=2, base_offset=header.data_start)
    assert parsed.rejects == []
    assert parsed.read == len(table) - 1


@settings(max_examples=150, deadline=None)
@given(tables(), st.sampled_from([None, "append", "replace"]))
def test_its_toml_reads_back_as_the_identical_contract(table: list[list[str]], disposition: str | None) -> None:
    inference = propose(written(table), write_disposition=disposition, source=["data/a b.csv"])
    assert contract_from(tomllib.loads(to_toml(inference))) == inference.contract


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "2", "300"], "int"),
        (["1", "3000000000"], "bigint"),
        (["007", "123"], "string(10)"),
        (["+972501234567", "5"], "string(50)"),
        (["1.50", "20.25"], "decimal(15,2)"),
        (["1234567890123456.78"], "decimal(18,2)"),
        (["99999999999999999999.00"], "decimal(38,2)"),
        (["1e3", "2.5"], "float"),
        (["true", "false"], "bool"),
        (["0", "1"], "int"),
        (["2024-01-31", "2024-02-01"], "date(%Y-%m-%d)"),
        (["31/01/2024", "01/02/2024"], "date(%d/%m/%Y)"),
        (["01/31/2024", "02/01/2024"], "date(%m/%d/%Y)"),
        (["1/2/2024", "25/12/2024"], "string(20)"),
        (["31-Jan-2024"], "date(%d-%b-%Y)"),
        (["2024-01-31 10:00:00"], "timestamp(%Y-%m-%d %H:%M:%S)"),
        (["2024-01-31T10:00:00Z"], "timestamp(%Y-%m-%dT%H:%M:%SZ, UTC)"),
        (["2024-01-31T10:00:00+02:00"], "timestamp(%Y-%m-%dT%H:%M:%S%z)"),
        (["8e8c0f0a-58a0-4f43-9d0c-0d9c6a7a1f11"], "uuid"),
        (['{"a": 1}', "[]"], "json"),
        (["hello", "12"], "string(10)"),
    ],
)
def test_types_by_evidence(values: list[str], expected: str) -> None:
    data = written([["id", "it"], *([f"k{i}", value] for i, value in enumerate(values))])
    assert column_types(propose(data))["it"] == expected


def test_days_that_could_be_months_are_a_loud_doubt() -> None:
    inference = propose("id,day\na,01/02/2024\nb,03/04/2024\n")
    assert column_types(inference)["day"] == "date(%d/%m/%Y)"
    assert "DOUBT: every value is a date both as %d/%m/%Y and as %m/%d/%Y" in inference.notes["day"][0]


def test_the_line_that_decides_day_or_month_is_named() -> None:
    inference = propose("id,day\na,01/02/2024\nb,03/25/2024\n")
    assert "Month first: '03/25/2024' (line 3)" in inference.notes["day"][0]


def test_one_impossible_day_among_many_is_a_mistake_and_not_a_text_column() -> None:
    rows = "".join(f"a{i},{i % 28 + 1:02}/01/2024\n" for i in range(99))
    inference = propose(f"id,day\n{rows}z,31/02/2024\n")
    assert column_types(inference)["day"] == "date(%d/%m/%Y)"
    assert any("'31/02/2024' (line 101) is no such day" in note for note in inference.notes["day"])


def test_a_few_words_among_numbers_keep_the_column_text() -> None:
    """They may be the credit notes (C536379) of an invoice file: rejecting them would lose money."""
    rows = "".join(f"{536000 + i},x\n" for i in range(200))
    inference = propose(f"invoice,name\n{rows}C536379,x\n")
    assert column_types(inference)["invoice"].startswith("string")
    assert "'C536379' (line 202)" in inference.notes["invoice"][0]


def test_null_words_are_nulls_only_among_other_types() -> None:
    inference = propose("id,amount,country\na,1.5,NA\nb,N/A,US\nc,,NA\n")
    amount, country = (inference.contract.column(name) for name in ("amount", "country"))
    assert (amount.nullable, amount.null_values) == (True, ["", "N/A"])
    assert (country.nullable, country.null_values) == (False, [""])
    assert "kept as text" in inference.notes["country"][0]


def test_the_given_key_is_tried_and_its_first_repetition_named() -> None:
    inference = propose("Date,Bill ID\n2024-01-01,7\n2024-01-02,7\n2024-01-01,7\n", key=["date", "bill_id"])
    assert inference.contract.primary_key == ["date", "bill_id"]
    assert any("not unique" in note and "(lines 2 and 4)" in note for note in inference.general)


def test_keys_are_found_alone_and_in_pairs() -> None:
    assert propose("name,order_id\nx,1\nx,2\n").contract.primary_key == ["order_id"]
    assert propose("day,shop\n2024-01-01,1\n2024-01-01,2\n2024-01-02,1\n").contract.primary_key == ["day", "shop"]


def test_without_a_key_rows_are_appended_and_that_is_said() -> None:
    inference = propose("a,b\n1,1\n1,1\n")
    assert (inference.contract.write_disposition, inference.contract.primary_key) == ("append", [])
    assert any("has no key" in note for note in inference.general)


def test_merge_without_any_key_is_refused() -> None:
    with pytest.raises(ContractError, match="merge needs a key"):
        propose("a,b\n1,1\n1,1\n", write_disposition="merge")


def test_a_key_that_is_no_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(ContractError, match=r"'bill' is no column .* date, bill_id"):
        propose("Date,Bill_ID\n2024-01-01,7\n", key=["bill"])


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("id;Größe\n1;1,5\n2;2,5\n", "latin-1", {"delimiter": ";", "encoding": "latin-1"}),
        ("id\tGröße\n1\t2\n2\t3\n", "utf-16", {"delimiter": "\t", "encoding": "utf-16"}),
        ("id|b\n1|2\n2|3\n", "utf-16-le", {"delimiter": "|", "encoding": "utf-16-le"}),
        ("\ufeffid,b\n1,2\n2,3\n", "utf-8", {}),
        ("Report of May\n\nid,b\n1,2\n2,3\n", "utf-8", {"skip_lines": 2}),
        ("id,b\n'x, y',2\n'z',3\n", "utf-8", {"quote": "'"}),
        ("1,2\n3,4\n", "utf-8", {"header": ["column_1", "column_2"]}),
        ("a,a\n1,2\n2,3\n", "utf-8", {"header": ["a", "a_2"], "skip_lines": 1}),
    ],
)
def test_how_the_file_is_written(text: str, encoding: str, expected: dict[str, object]) -> None:
    data = text.encode(encoding)
    inference = infer_contract(data, at_eof=True, name="sample")
    assert inference.contract.format.model_dump(exclude_defaults=True) == expected
    assert any("all of them fit" in note for note in proved(inference, data, at_eof=True).general)


def test_a_stray_quote_costs_one_row_of_the_sample() -> None:
    rows = "".join(f"{i},x{i}\n" for i in range(500))
    inference = propose(f'id,name\n-1,"Acme\n{rows}')
    assert inference.general[0].startswith("Proposed from 500 rows")
    assert "1 rows do not have 2 fields (line 2: 1)" in inference.general[1]


def test_slices_from_the_middle_widen_what_the_head_shows() -> None:
    head, later = b"id,price\n1,2.50\n2,3.10\n", b"torn\n7,1.125\n8,2.00\nto"
    inference = infer_contract([head, later], at_eof=False, name="sample")
    assert column_types(inference)["price"] == "decimal(15,3)"


def test_names_fit_for_sql_and_stand_once() -> None:
    headers = ["Bill_ID", "Product1_revenue", "Zoë & Söhne", "2024", "", "BillID", "HTTPCode", "日本"]
    expected = ["bill_id", "product1_revenue", "zoe_sohne", "column_2024", "column_5", "bill_id_2", "http_code", "日本"]
    assert sql_names(headers) == expected
    assert sql_names(["_origin"]) == ["origin"]  # `_origin` itself is Holdfast's


@given(st.lists(st.text(max_size=80), min_size=1, max_size=8))
def test_names_are_unique_and_short_whatever_the_header(headers: list[str]) -> None:
    names = sql_names(headers)
    assert len(set(names)) == len(headers)
    assert all(0 < len(name.encode()) <= 63 for name in names)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="empty"):
        propose(data)


def test_a_binary_file_is_refused() -> None:
    with pytest.raises(SourceError, match="not text"):
        propose(b"\x89PNG\r\n\x1a\n\x00\x01binary" * 50)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.text("ab01,;\t|\"'\\\r\n#. -/é", max_size=120).map(str.encode),
        st.text('01/2,.\n"', max_size=120).map(lambda text: ("x,y\n" + text).encode("utf-16")),
    )
)
def test_whatever_the_bytes_there_is_a_usable_proposal_or_a_clear_refusal(data: bytes) -> None:
    try:
        inference = proved(propose(data), data, at_eof=True)
    except SourceError:
        return  # nothing in it, or its first record is broken: no other refusal is one a person can act on
    assert contract_from(tomllib.loads(to_toml(inference))) == inference.contract
