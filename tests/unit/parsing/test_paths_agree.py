"""The fast path and the exact path give the same table and the same rejects on any input, and chunks join up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.contract import Column, Contract, CsvFormat
from holdfast.parsing import boundaries, csv, fast
from holdfast.parsing.parsed import ParsedChunk
from holdfast.parsing.records import Kind, find_cut, scan

PIECES = [
    *(['"', ",", "\n"] * 4),
    *(["\r\n", '""', '","', '"\n', ',"', "a", "Zoë", "1", "2.5", "-3.14", "31/12/2024"] * 2),
    *[
        "\r",
        "\0",
        "#",
        "\\",
        '\\"',
        " ",
        "\ufeff",
        "n/a",
        "12.345",
        "1e3",
        "+7",
        "007",
        "0x1F",
        "31/02/2024",
        ";",
        "\t",
    ],
    *["99999999999999999999", "1234567890123456.78", "true", "NO", "日本", "-0", "0.10", "12.", ".5", "\x85", "\u2028"],
]
text = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
nasty = st.one_of(
    text.map(lambda t: t.encode()),
    st.tuples(text, st.sampled_from([b"\xff", b"\xe2\x82", b"\xc3"]), text).map(
        lambda t: t[0].encode() + t[1] + t[2].encode()
    ),
)
FORMATS = {
    "plain": CsvFormat(),
    "comment": CsvFormat(comment="#"),
    "escape": CsvFormat(escape="\\"),
    "escape and comment": CsvFormat(escape="\\", comment="#"),
    "no quote": CsvFormat(quote=""),
    "short records": CsvFormat(max_record_bytes=64),
    "semicolon": CsvFormat(delimiter=";", quote="'"),
}
WIDE = [
    Column(name="day", type="date(%d/%m/%Y)", nullable=True, trim=True),
    Column(name="count", type="int", nullable=True, max=1000),
    Column(name="money", type="decimal(8,2)", nullable=True, null_values=["", "n/a"], min=-3),
    Column(name="name", type="string(4)", default="none"),
]
OTHER = [
    Column(name="flag", type="bool", nullable=True),
    Column(name="share", type="float", nullable=True),
    Column(name="word", type="string", one_of=["a", "1", ""], null_values=[]),
]


def contract_of(columns: list[Column], fmt: CsvFormat) -> Contract:
    return Contract(name="c", table="t", columns=columns, write_disposition="append", format=fmt)


def parse_both(
    data: bytes, contract: Contract, newline: str, encoding: str = "utf-8"
) -> tuple[ParsedChunk, ParsedChunk]:
    names = tuple(column.name for column in contract.columns)
    layout = csv.bind(contract, csv.Header(names, 0, newline, encoding), "x.csv")
    place = {"first_line": 5, "base_offset": 1000, "digits_max": 15}
    return csv.parse_chunk(data, layout, contract, **place), csv.parse_chunk_exact(data, layout, contract, **place)


def assert_same(one: ParsedChunk, other: ParsedChunk) -> None:
    assert one.rejects == other.rejects
    assert one.table.schema == other.table.schema
    assert one.table.to_pylist() == other.table.to_pylist()
    assert (one.blank_lines, one.comment_lines, one.read) == (other.blank_lines, other.comment_lines, other.read)


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("columns", [WIDE, OTHER, WIDE[3:]], ids=["wide", "other", "single"])
@settings(max_examples=150, deadline=None)
@given(data=nasty, newline=st.sampled_from(["lf", "lf", "cr"]))
def test_fast_and_exact_agree_on_any_bytes(columns: list[Column], fmt: CsvFormat, data: bytes, newline: str) -> None:
    assert_same(*parse_both(data, contract_of(columns, fmt), newline))


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS.keys())
@settings(max_examples=150, deadline=None)
@given(data=nasty, encoding=st.sampled_from(["utf-8", "utf-8", "utf-16-le"]))
def test_they_agree_where_a_chunk_is_gone_through_piece_by_piece(fmt: CsvFormat, data: bytes, encoding: str) -> None:
    """Parts and slices are large in earnest; so small, every chunk is many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boundaries, "_SLICE_BYTES", 7)
        patch.setattr(boundaries, "_SLICE_QUOTES", 2)
        patch.setattr(fast, "PART_BYTES", 12)
        patch.setattr(fast, "PART_BYTES_A_FIELD", 1)
        assert_same(*parse_both(data, contract_of(WIDE, fmt), "lf", encoding))


VALUES = [
    "",
    " ",
    "1",
    "-1",
    "+1",
    "007",
    "1.0",
    "12.34",
    "-0.5",
    "12.340",
    "12.345",
    "1e3",
    "1e999",
    "nan",
    "5.",
    ".5",
    "x",
]
VALUES += ["2147483648", "9223372036854775807", "9223372036854775808", "123456789012345678901", "1 000", "1_000", "٣"]
VALUES += ["31/12/2024", "29/02/2023", "29/02/2024", "1/1/2024", "00/01/2024", "01/13/2024", "01/01/0000", "31/12/9999"]
VALUES += [
    "2024-03-31 02:30:00",
    "2024-10-27 02:30:00",
    "2024-06-01 12:00:00",
    "0001-01-01 00:00:00",
    "2024-06-01 24:00:00",
]
VALUES += ["2024-06-01 12:00:00.5", "2024-06-01 12:00:00.123456", "2024-06-01T12:00:00Z", "2024-06-01T12:00:00+05:30"]
VALUES += [
    "true",
    "FALSE",
    "yes",
    "6F9619FF-8B86-D011-B42D-00C04FC964FF",
    "6f9619ff8b86d011b42d00c04fc964ff",
    "日本商事",
]
VALUES += ['{"a": 1}', '{"a":1,"a":2}', "NaN", '"\\u0000"', '"\\ud800"', "[" * 20, "null", "5 May 2024", "05 may 24"]
value = st.sampled_from(VALUES)
TYPES = [
    "string(3)",
    "int",
    "bigint",
    "decimal(5,2)",
    "decimal(38,0)",
    "decimal(20,4)",
    "decimal(30,20)",
    "float",
    "bool",
]
TYPES += ["date", "date(%d/%m/%Y)", "date(%d %b %y)", "timestamp", "timestamp(%Y-%m-%d %H:%M:%S, Europe/Berlin)"]
TYPES += ["timestamp(%Y-%m-%d %H:%M:%S.%f)", "timestamp(%Y-%m-%dT%H:%M:%S%z)", "uuid", "json"]


@pytest.mark.parametrize("type_", TYPES)
@settings(max_examples=120, deadline=None)
@given(values=st.lists(value, max_size=12), nullable=st.booleans(), trim=st.booleans(), digits_max=st.booleans())
def test_whole_columns_are_read_as_single_values_are(
    type_: str, values: list[str], nullable: bool, trim: bool, digits_max: bool
) -> None:
    column = Column(name="value", type=type_, nullable=nullable, trim=trim)
    contract = contract_of([Column(name="id", type="string"), column], CsvFormat(delimiter="|", quote=""))
    data = "".join(f"x|{value}\n" for value in values).encode()
    assert_same(*parse_both(data, contract, "lf"))


PLAIN_VALUES = {
    "int": [str(n * 7919) for n in range(300)],
    "decimal(5,2)": [f"{n}.{n % 90 + 10}" for n in range(300)],
    "decimal(20,4)": [f"{n * 10**9}.{n + 1000}" for n in range(300)],
    "float": [f"{n}e-3" for n in range(300)],
    "date": [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(300)],
    "timestamp(%Y-%m-%d %H:%M:%S, Europe/Berlin)": [f"2024-03-31 {n % 24:02}:00:{n % 60:02}" for n in range(300)],
    "string(3)": ["日本商", "abc", ""] * 100,
    "bool": ["true", "no", "1"] * 100,
    "uuid": [f"{n:032x}" for n in range(300)],
}


@pytest.mark.parametrize("type_", PLAIN_VALUES)
@settings(max_examples=40, deadline=None)
@given(odd=st.lists(st.tuples(st.integers(0, 299), value), max_size=8), few=st.booleans(), quote=st.booleans())
def test_a_few_odd_values_among_many_plain_ones(type_: str, odd: list[tuple[int, str]], few: bool, quote: bool) -> None:
    """Columns that are nearly all plain, or of few distinct texts, take shortcuts of their own."""
    values = PLAIN_VALUES[type_][:10] * 30 if few else list(PLAIN_VALUES[type_])
    for row, text in odd:
        values[row] = text
    contract = contract_of([Column(name="value", type=type_), Column(name="id", type="int")], CsvFormat(delimiter="|"))
    rows = [f'"{v.replace(chr(34), chr(34) * 2)}"|{n}' if quote else f"{v}|{n}" for n, v in enumerate(values)]
    assert_same(*parse_both("\n".join(rows).encode(), contract, "lf"))


@settings(max_examples=300, deadline=None)
@given(text=text, encoding=st.sampled_from(["utf-16-le", "utf-16-be", "latin-1"]), odd=st.booleans())
def test_other_encodings_agree_too(text: str, encoding: str, odd: bool) -> None:
    data = text.encode(encoding, "ignore") + (b"\xd8" if odd else b"")
    assert_same(*parse_both(data, contract_of(WIDE, FORMATS["plain"]), "lf", encoding))


@pytest.mark.parametrize("fmt", FORMATS.values(), ids=FORMATS.keys())
@settings(max_examples=150, deadline=None)
@given(
    data=nasty, newline=st.sampled_from(["lf", "lf", "cr"]), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=9)
)
def test_chunks_scanned_alone_hold_the_records_of_the_whole(
    fmt: CsvFormat, data: bytes, newline: str, sizes: list[int]
) -> None:
    """P2: records cover every byte once, and where the file is cut makes no difference."""
    whole = scan(data, fmt, newline)
    assert whole.start.tolist() == [0, *whole.end.tolist()[:-1]][: len(whole)]
    assert (whole.end.tolist() or [0])[-1] == len(data)
    parts, start = [], 0
    for size in sizes * (len(data) + 1):
        if start == len(data):
            break
        cut = cut_of(data[start:], fmt, newline, size)
        part = scan(data[start : start + cut], fmt, newline)
        parts += [
            (start + s, start + e, k, f) for s, e, k, f in zip(part.start, part.end, part.kind, part.flaw, strict=True)
        ]
        start += cut
    assert parts == list(zip(whole.start, whole.end, whole.kind, whole.flaw, strict=True))


def cut_of(data: bytes, fmt: CsvFormat, newline: str, at_least: int) -> int:
    """As the planner asks: with windows that grow until they are long enough."""
    for length in range(1, len(data) + 1):
        cut = find_cut(data[:length], fmt, newline, at_least, at_eof=length == len(data))
        if cut is not None:
            assert cut >= min(at_least, len(data))
            return cut
    raise AssertionError("no cut in the whole file")


@given(data=nasty)
def test_records_are_of_every_kind_they_are_said_to_be(data: bytes) -> None:
    records = scan(data, CsvFormat(comment="#"), "lf")
    for start, end, kind in zip(records.start, records.end, records.kind, strict=True):
        record = data[start:end]
        assert (kind == Kind.COMMENT) == record.startswith(b"#")
        assert (kind == Kind.BLANK) == (record in (b"\n", b"\r\n", b"\r"))
