"""Every kind of check on every engine, once on rows that are as declared and once on rows that are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from holdfast.domain.contract import Column, Contract
from holdfast.engine.migrate import upgrade
from holdfast.engine.target import target_definition
from holdfast.ports.database import Database
from holdfast.quality.checks import check_table, statements
from holdfast.quality.results import CheckResult, history
from holdfast.quality.subject import of_contract
from holdfast.touches import Touched, add_touches

TODAY = datetime.now(UTC).date()
START = TODAY - timedelta(days=41)
DAYS = [START + timedelta(days=n) for n in range(42)]
COLUMNS = [
    Column(name="date", type="date"),
    Column(name="id", type="bigint"),
    Column(name="currency", type="string(3)", nullable=True),
    Column(name="amount", type="decimal(12,2)", nullable=True),
    Column(name="code", type="string(20)", nullable=True),
    Column(name="at", type="timestamp(%Y-%m-%d %H:%M:%S, UTC)"),
]
BAD_DAY, LAST = DAYS[20], DAYS[-1]
NEXT = LAST + timedelta(days=2)

# ILIKE and LIKE differ on every engine but one; so do casts, and where the table stands.
SQL = "SELECT id FROM ref.sales WHERE at::date < DATE '2001-01-01' OR (code ILIKE 'AB-1' AND code NOT LIKE 'AB%')"
# A check that the good rows pass; how many of the bad ones fail (None: as the calendar has it), words of its message.
CASES: list[tuple[dict[str, Any], int | None, str]] = [
    ({"kind": "not_null", "column": "currency"}, 1, "1 row without a value, of 82"),
    ({"kind": "accepted_values", "column": "currency", "values": ["EUR", "USD"]}, 1, "1 row with another value"),
    (
        {"kind": "range", "column": "amount", "min": 0, "max": 10000},
        2,
        "2 rows outside (min -5.00, max 90000.00), of 82",
    ),
    ({"kind": "range", "name": "dates", "column": "date", "max": str(LAST)}, 1, f"max {NEXT}"),
    (
        {"kind": "range", "name": "moments", "column": "at", "min": f"{DAYS[0] - timedelta(days=10)} 10:00:00"},
        1,
        "1 row outside",
    ),
    ({"kind": "pattern", "column": "code", "pattern": r"[A-Z]{2}-\d+"}, 2, "2 rows of another form"),
    ({"kind": "pattern", "name": "flags", "column": "code", "pattern": r"(?i)ab-\d+|x"}, 1, "1 row of another form"),
    ({"kind": "not_negative", "column": "amount"}, 1, "1 row below 0 (min -5.00, max -5.00)"),
    ({"kind": "null_share", "column": "currency", "share_max_percent": 1}, 1, "1.22% (1 of 82 rows)"),
    ({"kind": "unique", "columns": ["id"]}, 1, "1 value in several rows"),
    ({"kind": "duplicate_keys", "key": ["id", "code"]}, 1, "1 value in several rows"),
    ({"kind": "relationship", "column": "currency", "to": "ref.currencies.code"}, 1, "1 value that is not there"),
    ({"kind": "freshness", "column": "at", "max_age_hours": 100}, 1, "the newest is"),
    ({"kind": "freshness", "name": "day", "column": "date", "max_age_hours": 0.5}, 0, ""),
    ({"kind": "freshness", "name": "commit", "max_age_hours": 1}, 1, "the newest is 2020-01-02"),
    ({"kind": "row_count", "rows_min": 84, "rows_max": 84}, 1, "82 rows"),
    ({"kind": "row_count", "against": "weekday", "newest_days": 2}, 2, f"2 unusual days: {LAST} 1 between 2 and 2"),
    ({"kind": "volume"}, 2, f"2 days: {BAD_DAY} 0"),
    ({"kind": "volume", "name": "outliers", "mads_max": 5, "missing_days_max": 9}, 2, f"{LAST} 1"),
    ({"kind": "revenue_outlier", "column": "amount", "by": "currency"}, 1, f"{DAYS[5]} EUR 90000.00"),
    ({"kind": "currency_coverage", "column": "currency", "currencies": ["EUR", "USD"]}, 4, "4 missing: "),
    ({"kind": "currency_coverage", "column": "currency", "per": "month", "name": "months"}, None, "GBP"),
    ({"kind": "fx_coverage", "column": "currency"}, 2, f"{DAYS[8]} GBP"),
    ({"kind": "fx_staleness", "column": "currency", "age_max_days": 1}, 2, f"{DAYS[8]} GBP none"),
    (
        {
            "kind": "currency_coverage",
            "column": "code",
            "currencies": ["AB-1", "AB-19", "AB-19x"],
            "per": "month",
            "day_column": "at",
            "name": "long",
        },
        None,
        "AB-19x",
    ),
    (
        {
            "kind": "closed_period",
            "closed_before": str(DAYS[3]),
            "name": "late",
            "late_rows": True,
            "since": "2020-01-01",
        },
        4,
        "late commits:",
    ),
    ({"kind": "sql", "name": "sql", "sql": SQL}, 2, "2 rows"),
]


CLOSED = {"kind": "closed_period", "closed_before": str(DAYS[30])}


def contract(*checks: dict[str, Any], disposition: str = "append", **more: Any) -> Contract:
    return Contract.model_validate(
        {
            "name": "sales",
            "table": "ref.sales",
            "columns": COLUMNS,
            "write_disposition": disposition,
            "partition": "date",
            "checks": list(checks),
            **more,
        }
    )


def good_rows() -> list[dict[str, Any]]:
    """Two rows a day, one of each currency."""
    pairs = [(day, currency) for day in DAYS for currency in ("EUR", "USD")]
    return [
        {
            "date": day,
            "id": number,
            "currency": currency,
            "amount": 100 + number % 7,
            "code": f"AB-{number}",
            "at": f"{day} 10:00:00",
            "_origin": (100 << 24) + number,
        }
        for number, (day, currency) in enumerate(pairs)
    ]


def bad_rows() -> list[dict[str, Any]]:
    """The same with something wrong for every kind of check; 82 rows."""
    rows = [row for row in good_rows() if row["date"] != BAD_DAY]
    for row in rows:
        row["at"] = f"{row['date'] - timedelta(days=10)} 10:00:00"
    rows[0]["at"] = "2000-01-01 10:00:00"
    rows[-1]["date"] = NEXT
    rows[10]["amount"] = 90000
    rows[11]["amount"] = -5
    rows[12]["code"] = "ab-1"
    rows[13] |= {"code": "AB-13\n"}
    rows[14]["currency"] = None
    rows[16]["currency"] = "GBP"
    rows[19] |= {"id": rows[18]["id"], "code": rows[18]["code"]}
    return rows


def prepare(database: Database, rows: list[dict[str, Any]], *, touched: bool = True) -> None:
    upgrade(database)
    made = contract()
    with database.transaction() as tx:
        tx.create_table(target_definition(made))
        tx.insert_many(made.table, rows)
        for table, columns in (("ref.currencies", "code CHAR(3)"), ("fx_rates", "rate_date DATE, currency VARCHAR(3)")):
            name = table if database.traits.has_schemas else table.replace(".", "_")
            tx.execute(f"CREATE TABLE {name} ({columns})")
        tx.insert_many("ref.currencies", [{"code": "EUR"}, {"code": "USD"}])
        days = [{"rate_date": day, "currency": c} for day in (*DAYS, LAST + timedelta(2)) for c in ("EUR", "USD")]
        tx.insert_many("fx_rates", days)
        if touched:
            add_touches(tx, made.table, "run", {str(row["date"]): Touched(1) for row in rows})


def checked(database: Database, *checks: dict[str, Any], full: bool = False) -> dict[str, CheckResult]:
    results = check_table(database, of_contract(contract(*checks)), f"run{next(RUNS)}", full=full)
    return {result.name: result for result in results if result.kind != "built_in"}


RUNS = count()


def test_rows_as_declared_pass_every_check(database: Database) -> None:
    prepare(database, good_rows())
    found = checked(database, *(check for check, _, _ in CASES if check.get("name") not in ("late", "long")))
    assert {name: (r.status, r.finding) for name, r in found.items() if r.status != "passed"} == {}


def test_rows_that_are_not_are_found(database: Database) -> None:
    prepare(database, bad_rows())
    with database.transaction() as tx:
        plain = not database.traits.has_schemas
        tx.execute(f"UPDATE {'ops_touch' if plain else 'ops.touch'} SET touched_at = '2020-01-02 03:04:05'")
        change = {"dataset": "sales", "origin": 1, "column_name": "amount", "row_key": "{}", "old_value": "1"}
        change |= {"new_value": "2", "old_origin": 0, "partition_key": str(DAYS[2]), "old_partition": str(DAYS[2])}
        tx.insert_many("ops.change", [{**change, "run_id": "r", "changed_at": datetime(2026, 1, 2, tzinfo=UTC)}])
    found = checked(database, *(check for check, _, _ in CASES))
    wrong = {}
    for (_, failing, words), result in zip(CASES, found.values(), strict=True):
        right = failing in (None, result.finding.failing) and words in result.finding.found
        if not right or result.status != ("passed" if failing == 0 else "failed"):
            wrong[result.name] = (result.status, result.finding)
    assert wrong == {}
    merged = of_contract(contract(CLOSED, disposition="merge", primary_key=["id"]))
    (closed,) = [result for result in check_table(database, merged, "run") if result.kind == "closed_period"]
    assert (closed.status, closed.finding.failing, closed.finding.found[:9]) == ("failed", 1, "1 change:")
    assert found["not_null(currency)"].finding.sample == [{"_origin": (100 << 24) + 14}], "keys, and nothing else"


def test_what_is_shown_can_be_run_as_it_is(database: Database) -> None:
    """Values stand in the statement, and it selects what the check counted."""
    prepare(database, bad_rows())
    made = [c for c, _, _ in CASES if c["kind"] not in ("volume", "revenue_outlier", "closed_period", "fx_staleness")]
    checks = [check for check in made if check.get("against") != "weekday"]
    found = checked(database, *checks)
    with database.reading() as tx:
        for one in statements(database, of_contract(contract(*checks))):
            if one.check.kind not in ("built_in", "null_share"):
                rows = tx.query(one.query.shown(database).rstrip(";"))
                assert len(rows) == found[one.check.title].finding.failing, one.query.shown(database)


AMOUNT = {"kind": "range", "column": "amount", "min": 0}
CODE = {"kind": "not_null", "column": "code", "severity": "warn"}


def test_only_touched_partitions_are_read_again(database: Database) -> None:
    """A late row is found in its partition; what was done behind Holdfast's back in another one only in full."""
    prepare(database, good_rows())
    first = checked(database, AMOUNT, CODE)
    assert [(r.status, r.partitions_read) for r in first.values()] == [("passed", None), ("passed", None)]
    table = "ref.sales" if database.traits.has_schemas else "ref_sales"
    with database.transaction() as tx:
        tx.execute(f"UPDATE {table} SET amount = -7, code = NULL WHERE id = 2")
        tx.insert_many("ref.sales", [{**good_rows()[20], "id": 900, "amount": -1, "code": None, "_origin": 1}])
        add_touches(tx, "ref.sales", "run", {str(DAYS[10]): Touched(1)})
    late = checked(database, AMOUNT, CODE)
    assert [(r.status, r.finding.failing, r.partitions_read) for r in late.values()] == [
        ("failed", 1, 1),
        ("warned", 1, 1),
    ]
    assert late["range(amount)"].finding.found == "1 row outside (min -1.00, max -1.00), of 85"
    assert late["range(amount)"].finding.sample == [{"_origin": 1}]
    still = checked(database, AMOUNT, CODE)
    assert [(r.finding.failing, r.partitions_read, r.stands) for r in still.values()] == [(1, 0, True), (1, 0, True)]
    full = checked(database, AMOUNT, CODE, full=True)
    assert full["range(amount)"].finding.found == "2 rows outside (min -7.00, max -1.00), of 85"
    with database.transaction() as tx:
        tx.execute(f"DELETE FROM {table} WHERE date = :day", {"day": DAYS[10]})
        add_touches(tx, "ref.sales", "run", {str(DAYS[10]): Touched(removed=3)})
    gone = checked(database, AMOUNT, {**CODE, "kind": "null_share", "share_max_percent": 50})
    assert [(r.finding.failing, r.partitions_read) for r in gone.values()] == [(1, 1), (0, None)]
    assert gone["range(amount)"].finding.found.endswith("of 82")


DAILY: list[dict[str, Any]] = [
    {"kind": "unique", "columns": ["date", "code"]},
    {"kind": "volume", "mads_max": 5},
    {"kind": "revenue_outlier", "column": "amount", "by": "currency"},
    {"kind": "currency_coverage", "column": "currency", "currencies": ["EUR", "USD"]},
]


def test_so_it_is_with_checks_that_come_apart_by_day(database: Database) -> None:
    prepare(database, good_rows())
    first = checked(database, *DAILY)
    assert [(r.status, r.partitions_read) for r in first.values()] == [("passed", None)] * 4
    before = {name: result.finding.found for name, result in first.items()}
    table = "ref.sales" if database.traits.has_schemas else "ref_sales"
    late = good_rows()[20]
    with database.transaction() as tx:
        tx.execute(f"UPDATE {table} SET amount = 77777, code = 'AB-3', currency = 'USD' WHERE id = 2")
        tx.execute(f"DELETE FROM {table} WHERE id = 21")
        tx.insert_many("ref.sales", [{**late, "id": 900 + n, "amount": 9999, "_origin": n} for n in range(3)])
        add_touches(tx, "ref.sales", "run", {str(DAYS[10]): Touched(3)})
    found = checked(database, *DAILY)
    assert [(r.finding.failing, r.partitions_read) for r in found.values()] == [(1, 1)] * 4, "of the late day alone"
    assert [r.finding.found for r in found.values()] == [
        "1 value in several rows",
        f"1 day: {DAYS[10]} 4 between 2 and 2 (median 2)",
        f"1 anomalous day: {DAYS[10]} EUR 30103.00 between 79 and 127 (median 103)",
        f"1 missing: {DAYS[10]} USD",
    ]
    again = checked(database, *DAILY)
    assert [(r.finding.found, r.stands) for r in again.values()] == [(r.finding.found, True) for r in found.values()]
    full = checked(database, *DAILY, full=True)
    assert [r.finding.failing for r in full.values()] == [2, 1, 2, 2]
    with database.transaction() as tx:
        tx.execute(f"DELETE FROM {table} WHERE id >= 900")
        tx.execute(f"UPDATE {table} SET amount = 102, code = 'AB-2', currency = 'EUR' WHERE id = 2")
        tx.insert_many("ref.sales", [good_rows()[21]])
        add_touches(tx, "ref.sales", "run", {str(DAYS[10]): Touched(removed=3), str(DAYS[1]): Touched(updated=1)})
    good = checked(database, *DAILY)
    assert {name: result.finding.found for name, result in good.items()} == before


def test_an_answer_stands_while_nothing_it_reads_was_touched(database: Database) -> None:
    """And a check that cannot be asked keeps no other from being asked."""
    prepare(database, good_rows())
    unique, rates = {"kind": "unique", "columns": ["id"]}, {"kind": "fx_coverage", "column": "currency"}
    assert [r.stands for r in checked(database, unique, rates).values()] == [False, False]
    again = checked(database, unique, rates)
    assert [r.stands for r in again.values()] == [True, False], "nobody tells of fx_rates here"
    assert again["unique(id)"].finding.found == "none stands twice"
    with database.transaction() as tx:
        add_touches(tx, "ref.sales", "run", {str(DAYS[3]): Touched(updated=1)})
    assert [r.stands for r in checked(database, unique, rates).values()] == [False, False]

    broken = {"kind": "pattern", "column": "code", "pattern": r"(?<=A)B.*", "name": "broken"}
    nowhere = {"kind": "relationship", "column": "id", "to": "nowhere.id"}
    found = checked(database, {"kind": "not_null", "column": "id"}, nowhere, broken)
    assert (found["not_null(id)"].status, found["relationship(id)"].status) == ("passed", "error")
    assert "nowhere" in found["relationship(id)"].finding.found
    kept = history(database, "sales", 99)
    newest = {row["check_name"]: row["status"] for row in kept if row["run_id"] == kept[0]["run_id"]}
    assert {name: result.status for name, result in found.items()}.items() <= newest.items()
