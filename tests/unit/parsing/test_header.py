"""The top of a file and its fit with the contract: what is read, and how refusals are worded."""

from __future__ import annotations

import codecs

import pytest

from holdfast.domain.contract import Column, Contract, CsvFormat
from holdfast.domain.errors import ContractError, DriftRefused, SourceError
from holdfast.parsing import csv

PLAIN = CsvFormat()
COLUMNS = [Column(name="bill_id", type="int"), Column(name="name", type="string", sources=["Customer"])]


def contract_of(columns: list[Column] = COLUMNS, **rest: object) -> Contract:
    return Contract(name="c", table="t", columns=columns, write_disposition="append", **rest)


def header_of(*names: str) -> csv.Header:
    return csv.Header(names, 0, "lf", "utf-8")


@pytest.mark.parametrize(
    ("head", "fmt", "names", "rest"),
    [
        (b"a,b\n1,2\n", PLAIN, ("a", "b"), b"1,2\n"),
        (codecs.BOM_UTF8 + b"a,b\r\n1,2\r\n", PLAIN, ("a", "b"), b"1,2\r\n"),
        (b"a,b\r1,2\r", PLAIN, ("a", "b"), b"1,2\r"),
        (b'"a\nx",b\n1', PLAIN, ("a\nx", "b"), b"1"),
        (b"a,b", PLAIN, ("a", "b"), b""),
        (b"report\n\n#c\na,b\n1", CsvFormat(skip_lines=1, comment="#"), ("a", "b"), b"1"),
        (b"1,2\n3,4\n", CsvFormat(header=False), ("column_1", "column_2"), b"1,2\n3,4\n"),
        (b'a"\n1,2\n', CsvFormat(header=False), ("column_1", "column_2"), b'a"\n1,2\n'),
        (b'a"\n', CsvFormat(header=["x", "y"]), ("x", "y"), b'a"\n'),
        (b"1,2\n3,4\n", CsvFormat(header=["x", "y"]), ("x", "y"), b"1,2\n3,4\n"),
        ("é,b\n1".encode("latin-1"), CsvFormat(encoding="latin-1"), ("é", "b"), b"1"),
        ("é,b\n1".encode("utf-16"), CsvFormat(encoding="utf-16"), ("é", "b"), "1".encode("utf-16-le")),
        (b"'); DROP TABLE t; --,b\n", PLAIN, ("'); DROP TABLE t; --", "b"), b""),
    ],
)
def test_headers_are_read(head: bytes, fmt: CsvFormat, names: tuple[str, ...], rest: bytes) -> None:
    header = csv.read_header(head, fmt, at_eof=True)
    assert header.names == names
    assert head[header.data_start :] == rest


@pytest.mark.parametrize(
    ("head", "fmt", "words"),
    [
        (b"", PLAIN, "is empty"),
        (b"\n\n", PLAIN, "has no records"),
        (b"\x1f\x8b\x08", PLAIN, "a gzip file"),
        (b"a\0b\0c\0d\0e\0", PLAIN, "a binary file"),
        (b"\xff,b\n", PLAIN, "E_ENCODING"),
        (b'"a,b\n', PLAIN, "E_QUOTE"),
        (b"a,b\n", CsvFormat(encoding="utf-16"), "byte order mark"),
    ],
)
def test_what_is_no_csv_is_refused_by_name(head: bytes, fmt: CsvFormat, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        csv.read_header(head, fmt, at_eof=True, file_name="bills.csv")
    assert caught.value.message.startswith("bills.csv")


def test_a_header_that_never_ends_is_refused() -> None:
    with pytest.raises(SourceError, match="does not end within 4 bytes"):
        csv.read_header(b"a,bc", PLAIN, at_eof=False)


def test_columns_find_their_fields_whatever_the_case_order_and_spaces() -> None:
    layout = csv.bind(contract_of(), header_of("CUSTOMER", "Bill ID"), "x.csv")
    assert [bound.place for bound in layout.columns] == [1, 0]


def test_every_difference_is_listed_at_once() -> None:
    columns = [*COLUMNS, Column(name="amount", type="int"), Column(name="note", type="string", nullable=True)]
    with pytest.raises(DriftRefused) as caught:
        csv.bind(contract_of(columns), header_of("bill_id", "Bill_Id", "name", "amuont"), "x.csv")
    message = caught.value.message
    assert caught.value.exit_code == 4
    assert "'bill_id' is in the header 2 times: 'bill_id', 'Bill_Id'" in message
    assert "'amount' is missing (field 'amuont' is close: from = [\"amuont\"]?)" in message
    assert "'amuont' is not in the contract" in message
    assert "note" not in message


def test_two_headers_for_one_column_are_refused() -> None:
    with pytest.raises(DriftRefused, match="fits field 'Customer' and also 'name'"):
        csv.bind(contract_of(), header_of("bill_id", "Customer", "name"), "x.csv")


def test_a_field_two_columns_claim_is_refused() -> None:
    columns = [Column(name="a", type="int"), Column(name="b", type="int", sources=["a"])]
    with pytest.raises(DriftRefused, match="field 'A' is claimed by columns 'a' and 'b'"):
        csv.bind(contract_of(columns), header_of("A"), "x.csv")


def test_extra_fields_are_ignored_where_the_contract_says_so() -> None:
    layout = csv.bind(contract_of(drift="discard_column"), header_of("bill_id", "x", "x", "name"), "x.csv")
    assert [bound.place for bound in layout.columns] == [0, 3]


@pytest.mark.parametrize(("mark", "written"), [(";", ";"), ("\t", "\\t"), ("|", "|")])
def test_a_wrong_delimiter_is_recognised(mark: str, written: str) -> None:
    with pytest.raises(DriftRefused) as caught:
        csv.bind(contract_of(), header_of(f"bill_id{mark}name"), "x.csv")
    assert f'delimiter = "{written}"' in caught.value.hint


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"type": "int", "min": "low"}, "min 'low' is no int"),
        ({"type": "decimal(5,2)", "max": "1.234"}, "max '1.234' is no decimal"),
        ({"type": "date", "default": "soon"}, "default 'soon' is no date"),
        ({"type": "int", "default": "5", "max": 4}, "default '5': expected at most 4"),
        ({"type": "string", "min": "a"}, "min and max do not go with"),
        ({"type": "date(%d/%m/%q)"}, "%q is no directive"),
        ({"type": "date(%d/%m)"}, "names year, month and day"),
        ({"type": "timestamp(%Y-%m-%d %H:%M, Mars/Phobos)"}, "no time zone 'Mars/Phobos'"),
        ({"type": "bool", "true_values": ["Y"], "false_values": ["y"]}, "both a true and a false word"),
    ],
)
def test_rules_that_make_no_sense_are_found_before_any_row_is_read(rules: dict[str, object], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        csv.bind(contract_of([Column(name="x", **rules)]), header_of("x"), "x.csv")


def test_the_last_record_and_its_fields() -> None:
    contract = contract_of()
    layout = csv.bind(contract, header_of("bill_id", "name"), "x.csv")
    last = csv.last_record(b'1,a\n2,"b\nc"\n', contract.format, "lf")
    assert last == b'2,"b\nc"\n'
    assert csv.fields_of(last, layout, contract, ["name", "bill_id"]) == ["b\nc", "2"]
    assert csv.fields_of(b'a"b,c\n', layout, contract, ["name"]) is None
    assert csv.fields_of(b"1\n", layout, contract, ["name"]) is None
