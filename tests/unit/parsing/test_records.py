"""Record boundaries: stray quotes stay local, chunks are cut at record ends, kinds and offsets are right."""

from __future__ import annotations

import pytest

from holdfast.domain.contract import CsvFormat
from holdfast.parsing.boundaries import Quotes
from holdfast.parsing.lines import sniff_newline, tail_bytes
from holdfast.parsing.records import Flaw, Kind, count_lines, find_cut, scan

PLAIN = CsvFormat()


def records_of(
    data: bytes, fmt: CsvFormat = PLAIN, newline: str = "lf", encoding: str = "utf-8"
) -> list[tuple[bytes, str]]:
    found = scan(data, fmt, newline, encoding)
    names = [
        Flaw(int(f)).code if k == Kind.BAD else Kind(int(k)).name.lower()
        for k, f in zip(found.kind, found.flaw, strict=True)
    ]
    return [(data[s:e], name) for s, e, name in zip(found.start, found.end, names, strict=True)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a,b", [(b"a,b", "data")]),
        (b'"a\nb",c\nd,e\n', [(b'"a\nb",c\n', "data"), (b"d,e\n", "data")]),
        (b'a"b\nc\n', [(b'a"b\n', "E_QUOTE"), (b"c\n", "data")]),
        (b'"a"b\nc\n', [(b'"a"b\n', "E_QUOTE"), (b"c\n", "data")]),
        (b'"a\nb\nc\n', [(b'"a\n', "E_QUOTE"), (b"b\n", "data"), (b"c\n", "data")]),
        (b'x,"a\nb,"c\nd"\n', [(b'x,"a\n', "E_QUOTE"), (b'b,"c\nd"\n', "data")]),
        (b'"",""""\n', [(b'"",""""\n', "data")]),
        (b"a\n\n\r\nb\r\n", [(b"a\n", "data"), (b"\n", "blank"), (b"\r\n", "blank"), (b"b\r\n", "data")]),
        (b"a\rb\nc\n", [(b"a\rb\n", "E_NEWLINE"), (b"c\n", "data")]),
        (b'"a\rb"\n', [(b'"a\rb"\n', "data")]),
        (b"a\0\nb\n", [(b"a\0\n", "E_NUL"), (b"b\n", "data")]),
        (b"a\n\xff\n\xc3\xa9\n", [(b"a\n", "data"), (b"\xff\n", "E_ENCODING"), (b"\xc3\xa9\n", "data")]),
    ],
)
def test_records_are_split_and_named(data: bytes, expected: list[tuple[bytes, str]]) -> None:
    assert records_of(data) == expected


def test_a_comment_may_hold_any_quote() -> None:
    fmt = CsvFormat(comment="#")
    assert records_of(b'# it"s\n"a\n#b"\n', fmt) == [(b'# it"s\n', "comment"), (b'"a\n#b"\n', "data")]


def test_an_escaped_quote_or_line_end_is_text() -> None:
    fmt = CsvFormat(escape="\\")
    assert records_of(b'"a\\"\nb"\nc\\\nd\n', fmt) == [(b'"a\\"\nb"\n', "data"), (b"c\\\nd\n", "data")]


def test_lone_carriage_returns_end_records_where_the_file_uses_them() -> None:
    assert sniff_newline(b"a\rb\r") == "cr"
    assert sniff_newline(b"a\r\nb\r\n") == "lf"
    assert records_of(b"a\r\rb\nc\r", newline="cr") == [(b"a\r", "data"), (b"\r", "blank"), (b"b\nc\r", "E_NEWLINE")]


def test_a_record_over_the_limit_is_bad_and_an_open_quote_past_it_is_stray() -> None:
    fmt = CsvFormat(max_record_bytes=64)
    long = b"x" * 70 + b"\n"
    assert records_of(long + b"a\n", fmt) == [(long, "E_RECORD_SIZE"), (b"a\n", "data")]
    wide = b'"a\n' + b"b\n" * 40 + b'"\n'
    found = records_of(wide, fmt)
    assert found[0] == (b'"a\n', "E_QUOTE")
    assert found[1:41] == [(b"b\n", "data")] * 40


def test_utf_16_offsets_are_bytes_of_the_file() -> None:
    data = 'é,"a\nb"\nĊ,c\n'.encode("utf-16-le")  # U+010A holds the byte of a line feed
    found = records_of(data, encoding="utf-16-le")
    assert [record.decode("utf-16-le") for record, _ in found] == ['é,"a\nb"\n', "Ċ,c\n"]
    assert find_cut(data, PLAIN, "lf", 1, at_eof=True, encoding="utf-16-le") == 16


def test_half_a_code_unit_is_a_bad_record() -> None:
    assert records_of("a\n".encode("utf-16-le") + b"b", encoding="utf-16-le")[1] == (b"b", "E_ENCODING")


def test_a_cut_waits_until_an_open_quote_is_decided() -> None:
    assert find_cut(b'a\n"b\n', PLAIN, "lf", 2, at_eof=False) == 2
    assert find_cut(b'a\n"b\nc', PLAIN, "lf", 3, at_eof=False) is None
    assert find_cut(b'a\n"b\nc"\n.', PLAIN, "lf", 3, at_eof=False) == 8
    assert find_cut(b'a\n"b\nc', PLAIN, "lf", 3, at_eof=True) == 5
    assert find_cut(b"abc", PLAIN, "lf", 1, at_eof=True) == 3
    assert find_cut(b"abc", PLAIN, "lf", 1, at_eof=False) is None


def test_a_stray_quote_in_row_one_costs_one_row_of_a_large_file() -> None:
    """Counting quotes modulo two would turn every later multi-line name inside out."""
    good = b'1,"Two\nLines",x\n2,plain,"a ""b"" c"\n' * 20_000
    data = b'0,Ac"me,y\n' + good
    found = scan(data, PLAIN, "lf")
    assert len(found) == 40_001
    assert (found.kind[0], found.flaw[0]) == (Kind.BAD, Flaw.QUOTE)
    assert not found.kind[1:].any()
    cut = find_cut(data[:400_100], PLAIN, "lf", 400_000, at_eof=False)
    assert cut is not None
    assert 400_000 <= cut < 400_040
    assert cut in found.end


class CountedBytes(bytes):
    """Bytes that count how far searches in them reach."""

    reached = 0

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        place = super().find(sub, start, len(self) if end is None else end)
        self.reached += (len(self) if place < 0 else place) - start
        return place

    def rfind(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        end = len(self) if end is None else end
        place = super().rfind(sub, start, end)
        self.reached += end - max(place, start)
        return place


@pytest.mark.parametrize("stray", [b'1,Ac"me,x\n', b'1,"Acme"x,x\n', b'1,"open,x\n'])
def test_many_stray_quotes_cost_no_more_than_the_file_is_long(stray: bytes) -> None:
    data = CountedBytes((b'1,"Two\nLines",x\n' + b"2,plain,y\n" * 98 + stray) * 500)
    quotes = Quotes(data, PLAIN, b"\n", True)
    quotes.settle(PLAIN.max_record_bytes)
    assert len(quotes.bad) == 500
    assert data.reached < 2 * len(data)


def test_lines_are_counted_and_the_footer_measured() -> None:
    assert count_lines(b"a\nb\n", "lf") == 2
    assert count_lines(b"a\nb", "lf") == 2
    assert count_lines(b"", "lf") == 0
    assert count_lines("a\nb\n".encode("utf-16-be"), "lf", "utf-16-be") == 2
    assert tail_bytes(b"a\nbb\nccc\n", 2, "lf") == 7
    assert tail_bytes(b"a\nbb\nccc", 1, "lf") == 3
    assert tail_bytes(b"a\n", 5, "lf") == 2
    assert tail_bytes(b"a\n", 0, "lf") == 0
