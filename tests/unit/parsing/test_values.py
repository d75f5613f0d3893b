"""What each type takes and refuses, value by value. The whole-column twins are proved against this elsewhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from holdfast.domain.contract import Column
from holdfast.parsing.values import ValueReader, significant_digits

D = Decimal


def read(type_: str, text: str, digits_max: int | None = None, **rules: object) -> object:
    """The value, or the codes of all reasons against it joined by a space."""
    value, reasons = ValueReader(Column(name="x", type=type_, **rules)).read(text, digits_max)
    return " ".join(reason.code for reason in reasons) or value


ACCEPTED = [
    ("string(3)", "日本商", "日本商"),
    ("string(3)", " a ", " a "),
    ("int", "-2147483648", -(2**31)),
    ("int", "+7", 7),
    ("int", "007", 7),
    ("bigint", "9223372036854775807", 2**63 - 1),
    ("bigint", "0" * 50 + "1", 1),
    ("decimal(5,2)", "123.45", D("123.45")),
    ("decimal(5,2)", "12.3400", D("12.34")),
    ("decimal(5,2)", "-7", D("-7.00")),
    ("decimal(5,2)", "00012.5", D("12.50")),
    ("decimal(5,2)", "-0.00", D("0.00")),
    ("decimal(38,0)", "9" * 38, D("9" * 38)),
    ("float", "1e-3", 0.001),
    ("float", "+12.5", 12.5),
    ("bool", "YES", True),
    ("bool", "0", False),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("date(%d/%m/%Y)", "31/12/2024", date(2024, 12, 31)),
    ("date(%d %b %y)", "05 may 69", date(1969, 5, 5)),
    ("date(%B %d, %Y)", "December 01, 2024", date(2024, 12, 1)),
    ("date(%Y%%%m%d)", "2024%0102", date(2024, 1, 2)),
    ("timestamp", "2024-06-01 12:30:59", datetime(2024, 6, 1, 12, 30, 59)),  # noqa: DTZ001
    ("timestamp(%Y-%m-%dT%H:%M:%S.%f%z)", "2024-06-01T12:00:00.5+05:30", datetime(2024, 6, 1, 6, 30, 0, 500_000, UTC)),
    ("timestamp(%Y-%m-%d %H:%M:%S, Europe/Berlin)", "2024-06-01 12:00:00", datetime(2024, 6, 1, 10, tzinfo=UTC)),
    ("uuid", "6F9619FF8B86D011B42D00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"),
    ("json", '{"a" : [1, null]}', '{"a" : [1, null]}'),
]
REFUSED = [
    ("E_LENGTH", "string(3)", ["abcd"]),
    ("E_INT", "int", ["7.0", "1e3", "0x1F", "1_000", " 5", "٣", "-", "2147483648", "9" * 5000]),
    ("E_INT", "bigint", ["9223372036854775808", "-9223372036854775809"]),
    ("E_DECIMAL", "decimal(5,2)", [".5", "5.", "1e3", " 1.00", "1,000.00", "n/a", "--1", "1.2.3", "٣.١", "NaN"]),
    ("E_SCALE", "decimal(5,2)", ["12.345", "0.001"]),
    ("E_PRECISION", "decimal(5,2)", ["1234.00", "99999999999999999999.00"]),
    ("E_FLOAT", "float", ["nan", "inf", "1e999", "1e", "0x1p3", "1_0", " 1"]),
    ("E_BOOL", "bool", ["y", "truee", "2"]),
    (
        "E_DATE",
        "date",
        ["2024-1-5", "2024-02-30", "0000-01-01", "2024-01-01 ", "24-01-01", "2024/01/01", "２０２４-01-01"],
    ),
    ("E_DATE", "date(%d/%m/%Y)", ["31/02/2024", "12/31/2024"]),
    ("E_TIMESTAMP", "timestamp", ["2024-06-01 24:00:00", "2024-06-01 12:00:60", "2024-06-01", "2024-06-01T12:00:00"]),
    ("E_UUID", "uuid", ["{6f9619ff-8b86-d011-b42d-00c04fc964ff}", "6f9619ff-8b86d011-b42d-00c04fc964ff", "6f96"]),
    ("E_JSON", "json", ['{"a":1,"a":2}', "NaN", "[1,]", '"\\u0000"', '"\\ud800"', "[" * 100_000, "'a'"]),
]


@pytest.mark.parametrize(("type_", "text", "value"), ACCEPTED)
def test_accepted(type_: str, text: str, value: object) -> None:
    found = read(type_, text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(("code", "type_", "text"), [(c, t, text) for c, t, texts in REFUSED for text in texts])
def test_refused(code: str, type_: str, text: str) -> None:
    assert read(type_, text) == code


@pytest.mark.parametrize(
    ("text", "why"),
    [("2024-03-31 02:30:00", "put forward over it"), ("2024-10-27 02:30:00", "showed it twice")],
)
def test_hours_that_clocks_skip_or_repeat_are_refused_with_the_reason(text: str, why: str) -> None:
    reader = ValueReader(Column(name="x", type="timestamp(%Y-%m-%d %H:%M:%S, Europe/Berlin)"))
    _, (reason,) = reader.read(text)
    assert reason.code == "E_TIMESTAMP"
    assert why in reason.message


def test_null_words_defaults_and_trimming() -> None:
    assert read("int", "") == "E_NULL"
    assert read("int", "", nullable=True) is None
    assert read("int", "", default="5") == 5
    assert read("int", " NA ", nullable=True, trim=True, null_values=["NA"]) is None
    assert read("int", "", nullable=True, null_values=["NA"]) == "E_INT"
    assert read("int", " 7\t", trim=True) == 7
    assert read("string", "", null_values=[]) == ""


def test_every_rule_a_value_breaks_is_told() -> None:
    rules = {"max": 10, "one_of": [1, 2], "pattern": "[0-9]"}
    assert read("int", "2", **rules) == 2
    assert read("int", "20", **rules) == "E_RANGE E_ONE_OF E_PATTERN"
    assert read("date(%d/%m/%Y)", "01/02/2024", min="02/01/2024") == date(2024, 2, 1)
    assert read("decimal(5,2)", "-0.01", min=0) == "E_RANGE"
    assert read("string", "ab\n", pattern="[a-z]+") == "E_PATTERN"


def test_the_databases_digits_bound_decimals() -> None:
    assert read("decimal(18,2)", "1234567890123.45", 15) == D("1234567890123.45")
    assert read("decimal(18,2)", "12345678901234.50", 15) == D("12345678901234.50")
    assert read("decimal(18,2)", "12345678901234.56", 15) == "E_PRECISION"
    assert read("decimal(18,0)", "100000000000000000", 15) == "E_PRECISION"


@pytest.mark.parametrize(("text", "digits"), [("0.00", 0), ("0.10", 1), ("100.00", 3), ("-1.23", 3), ("0.012", 2)])
def test_significant_digits(text: str, digits: int) -> None:
    assert significant_digits(D(text)) == digits


def test_long_values_are_shown_shortened() -> None:
    _, (reason,) = ValueReader(Column(name="x", type="int")).read("a" * 10_000)
    assert reason.value is not None
    assert len(reason.value) < 300
