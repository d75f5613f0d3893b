"""The twelve cases of csv-spectrum, read exactly as they are meant."""

from __future__ import annotations

import pytest

from holdfast.domain.contract import Column, Contract
from holdfast.parsing import csv
from holdfast.parsing.parsed import ParsedChunk

PLACES = "Contact Phone Number,Location Coordinates,Cities,Counties\n"
CASES = {
    "comma in quotes": (
        'first,last,address,city,zip\nJohn,Doe,120 any st.,"Anytown, WW",08123',
        [["John", "Doe", "120 any st.", "Anytown, WW", "08123"]],
    ),
    "empty": ('a,b,c\n1,"",""\n2,3,4', [["1", "", ""], ["2", "3", "4"]]),
    "empty crlf": ('a,b,c\r\n1,"",""\r\n2,3,4', [["1", "", ""], ["2", "3", "4"]]),
    "escaped quotes": ('a,b\n1,"ha ""ha"" ha"\n3,4\n', [["1", 'ha "ha" ha'], ["3", "4"]]),
    "json": (
        'key,val\n1,"{""type"": ""Point"", ""coordinates"": [102.0, 0.5]}"\n',
        [["1", '{"type": "Point", "coordinates": [102.0, 0.5]}']],
    ),
    "newlines": (
        'a,b,c\n1,2,3\n"Once upon \na time",5,6\n7,8,9\n',
        [["1", "2", "3"], ["Once upon \na time", "5", "6"], ["7", "8", "9"]],
    ),
    "newlines crlf": (
        'a,b,c\r\n1,2,3\r\n"Once upon \r\na time",5,6\r\n7,8,9\r\n',
        [["1", "2", "3"], ["Once upon \r\na time", "5", "6"], ["7", "8", "9"]],
    ),
    "quotes and newlines": ('a,b\n1,"ha \n""ha"" \nha"\n3,4\n', [["1", 'ha \n"ha" \nha'], ["3", "4"]]),
    "simple": ("a,b,c\n1,2,3\n", [["1", "2", "3"]]),
    "simple crlf": ("a,b,c\r\n1,2,3\r\n", [["1", "2", "3"]]),
    "utf8": ("a,b,c\n1,2,3\n4,5,ʤ", [["1", "2", "3"], ["4", "5", "ʤ"]]),
}


def parse_text(text: str) -> ParsedChunk:
    """Parse a file whose columns are all strings, by both paths, which must agree."""
    data = text.encode()
    names = data.split(b"\n")[0].decode().strip().split(",")
    columns = [Column(name=name, type="string", null_values=[]) for name in names]
    contract = Contract(name="s", table="t", columns=columns, write_disposition="append")
    header = csv.read_header(data, contract.format, at_eof=True, file_name="s.csv")
    layout = csv.bind(contract, header, "s.csv")
    body, place = data[header.data_start :], {"first_line": 2, "base_offset": header.data_start}
    fast, exact = (parse(body, layout, contract, **place) for parse in (csv.parse_chunk, csv.parse_chunk_exact))
    assert (fast.table.to_pylist(), fast.rejects) == (exact.table.to_pylist(), exact.rejects)
    return fast


@pytest.mark.parametrize(("text", "rows"), CASES.values(), ids=CASES.keys())
def test_case(text: str, rows: list[list[str]]) -> None:
    parsed = parse_text(text)
    assert not parsed.rejects
    assert [list(row.values())[:-1] for row in parsed.table.to_pylist()] == rows


def test_location_coordinates_has_a_bare_quote_and_is_rejected_not_guessed_at() -> None:
    row = "2095257564,37\ufffd36'37.8\"N 121\ufffd2'17.9\"W,Modesto,Stanislaus"
    parsed = parse_text(PLACES + row)
    assert parsed.table.num_rows == 0
    assert [(r.line, r.raw.decode(), [why.code for why in r.reasons]) for r in parsed.rejects] == [
        (2, row, ["E_QUOTE"])
    ]
