"""Exchange rates on every engine: what is asked for, kept, corrected, shown and missing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from holdfast.domain.errors import (
    ConfigError,
    FetchTakenOver,
    HoldfastError,
    Interrupted,
    RateMissing,
    RateQuotaExhausted,
    RatesIncomplete,
    UsageError,
)
from holdfast.engine.migrate import upgrade
from holdfast.fx.coverage import Lacking, Usage, coverage
from holdfast.fx.gaps import GapPolicy, last_known, rate_on
from holdfast.fx.lease import Holder, Lease
from holdfast.fx.moments import now
from holdfast.fx.reports import provider_status
from holdfast.outbound.policy import Policy
from holdfast.ports.database import Database
from tests.support.http_server import Call, HttpServer, Reply, Reset, Silence, Step
from tests.support.rates_project import NoWaiting, RatesProject
from tests.support.rates_server import (
    ECB,
    HISTORICAL,
    LIVE,
    TIMEFRAME,
    answer_days,
    answer_spans,
    ecb_csv,
    exact_usd,
    historical,
    play_everything,
    refusal,
    true_rate,
    zipped,
)

FIRST, LAST = "2024-01-05", "2024-01-08"
DAYS = [date(2024, 1, day) for day in (5, 6, 7, 8)]


@pytest.fixture(scope="module")
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


@pytest.fixture
def fx(database: Database, server: HttpServer) -> RatesProject:
    server.calls.clear()
    play_everything(server)
    return RatesProject(database, server)


def expected(days: list[date], *currencies: str) -> dict[tuple[date, str], Decimal]:
    return {(day, code): exact_usd(true_rate(day, code)) for day in days for code in currencies}


def touched(fx: RatesProject, run_id: str) -> list[str]:
    """The days a run touched; touches of all runs say how many rates each day has."""
    rows = fx.query(
        "SELECT partition_key, run_id, rows_inserted - rows_removed AS n FROM ops.touch WHERE relation = 'fx_rates'"
    )
    told: Counter[str] = Counter()
    for row in rows:
        told[row["partition_key"]] += row["n"]
    rates = fx.query("SELECT rate_date, COUNT(*) AS n FROM fx_rates GROUP BY rate_date")
    assert +told == {str(row["rate_date"])[:10]: row["n"] for row in rates}
    return sorted({row["partition_key"] for row in rows if row["run_id"] == run_id})


def same(fx: RatesProject, found: dict[tuple[date, str], Decimal], wanted: dict[tuple[date, str], Decimal]) -> bool:
    """To 24 decimals, or to the 15 digits that the engine holds."""
    close = Decimal("0" if fx.is_exact() else "1e-14")
    return found.keys() == wanted.keys() and all(abs(found[key] - wanted[key]) <= close for key in wanted)


def test_days_are_fetched_once_and_corrections_are_kept_beside(fx: RatesProject) -> None:
    """In one call for the days that are missing, to the digit; the table for queries changes with them."""
    first = fx.fetched(FIRST, LAST)
    assert (first.report.calls, first.report.stored.new) == (1, 12)
    assert [call.path for call in fx.server.calls] == [TIMEFRAME]
    assert same(fx, fx.shown(), expected(DAYS, "ILS", "EUR", "GBP"))
    assert fx.stored() == [(str(day), code, 1, true_rate(day, code)) for day in DAYS for code in ("EUR", "GBP", "ILS")]
    usd = fx.query("SELECT rate_to_usd, is_final, provider FROM fx_rates WHERE currency = 'USD'")
    assert len(usd) == 4
    assert {(Decimal(str(row["rate_to_usd"])), bool(row["is_final"]), row["provider"]) for row in usd} == {
        (Decimal(1), True, "currencylayer")
    }
    fetched_at = fx.query("SELECT fetched_at, run_id FROM ops.fx_quote ORDER BY rate_date, quote")

    known = fx.fetched(FIRST, LAST)
    assert (known.report.calls, known.report.days_missing) == (0, 0)
    more = fx.fetched("2024-01-04", "2024-01-09")
    assert [call.query["date"] for call in fx.server.calls[1:] if call.path == HISTORICAL] == []
    assert (more.report.days_missing, more.report.stored.new, more.report.stored.unchanged) == (2, 6, 12)

    def corrected(day: date, code: str) -> str:
        return "3.61" if (day.day, code) == (6, "ILS") else true_rate(day, code)

    fx.server.play(TIMEFRAME, answer_spans(corrected))
    corrections = fx.fetched(FIRST, LAST, again=True)
    again = corrections.report.stored
    assert touched(fx, first.run_id) == [str(day) for day in DAYS]
    assert touched(fx, corrections.run_id) == ["2024-01-06"]
    assert (again.new, again.unchanged, len(again.corrections)) == (0, 11, 1)
    before = true_rate(DAYS[1], "ILS")
    assert str(again.corrections[0]) == f"corrected: 2024-01-06 USD/ILS {before} → 3.61 (revision 2)"
    assert [row for row in fx.stored() if row[:2] == ("2024-01-06", "ILS")] == [
        ("2024-01-06", "ILS", 1, before), ("2024-01-06", "ILS", 2, "3.61"),
    ]  # fmt: skip
    assert abs(fx.shown()[DAYS[1], "ILS"] - exact_usd("3.61")) <= Decimal("1e-14")
    kept = fx.query(f"SELECT fetched_at, run_id FROM ops.fx_quote WHERE revision = 1 AND rate_date >= '{FIRST}'"
                    f" AND rate_date <= '{LAST}' ORDER BY rate_date, quote")  # fmt: skip
    assert kept == fetched_at, "what was stored is not touched by the same rate, nor by a corrected one"


def test_a_day_that_is_not_over_is_fetched_again(fx: RatesProject) -> None:
    day = DAYS[0]
    noon = int(datetime(2024, 1, 5, 12, tzinfo=UTC).timestamp())
    fx.server.play(
        HISTORICAL,
        historical(day, {"ILS": "3.6"}, timestamp=noon),
        historical(day, {"ILS": "3.60"}, timestamp=noon + 60),
        historical(day, {"ILS": "3.6"}),
    )
    assert fx.fetched(FIRST, currencies="ILS").report.stored.new == 1
    assert [bool(row["is_final"]) for row in fx.query("SELECT is_final FROM fx_rates")] == [False, False]
    assert fx.fetched(FIRST, currencies="ILS").report.stored.unchanged == 1
    assert fx.fetched(FIRST, currencies="ILS").report.stored.confirmed == 1
    assert fx.fetched(FIRST, currencies="ILS").report.calls == 0
    assert fx.stored() == [(FIRST, "ILS", 1, "3.6"), (FIRST, "ILS", 2, "3.6")]
    assert [bool(row["is_final"]) for row in fx.query("SELECT is_final FROM fx_rates")] == [True, True]


def test_a_plan_without_spans_is_remembered(fx: RatesProject) -> None:
    play_everything(fx.server, has_spans=False)
    assert fx.fetched(FIRST, LAST, "ILS").report.calls == 1 + 4
    assert fx.fetched("2024-01-10", "2024-01-12", "ILS").report.calls == 3
    assert len(fx.server.calls_of(TIMEFRAME)) == 1
    assert same(fx, fx.shown(), expected([*DAYS, *(date(2024, 1, day) for day in (10, 11, 12))], "ILS"))


def test_days_without_rates_are_not_asked_for_each_time(fx: RatesProject) -> None:
    fx.server.play(HISTORICAL, refusal(106))
    first = fx.fetched(FIRST, currencies="ILS,EUR")
    assert (first.report.calls, len(first.report.stored.no_data)) == (2, 2)
    assert fx.fetched(FIRST, currencies="ILS,EUR").report.calls == 0
    assert fx.fetched(FIRST, currencies="EUR,GBP").report.calls == 2
    fx.server.play(HISTORICAL, answer_days())
    assert fx.fetched(FIRST, currencies="ILS", again=True).report.stored.new == 1
    with fx.database.reading() as tx:
        assert [row["currency"] for row in provider_status(tx)[0].no_data] == ["EUR", "GBP"]


def test_a_used_up_quota_stops_and_is_remembered(fx: RatesProject) -> None:
    """What came before stays; until the quota is there again nothing is asked; every call was counted."""
    fx.server.play(TIMEFRAME, refusal(105))
    good = answer_days()
    fx.server.play(HISTORICAL, good, good, refusal(104, "usage_limit_reached", "Monthly limit."))
    result = fx.fetch(FIRST, LAST, "ILS")
    assert isinstance(result.report.error, RateQuotaExhausted)
    assert result.report.error.exit_code == 75
    assert len(fx.shown()) == 2
    calls = len(fx.server.calls)
    again = fx.fetch(FIRST, LAST, "ILS")
    assert isinstance(again.report.error, RateQuotaExhausted)
    assert "Monthly limit." in again.report.error.message
    with fx.database.reading() as tx:
        (quota,) = provider_status(tx)[0].quota
    assert (quota["calls"], quota["is_exhausted"], quota["range_refused"]) == (4, True, True)
    assert quota["exhausted_until"][8:] == "01T00:00:00Z" or quota["exhausted_until"][11:] > "23:59:5"
    assert len(fx.server.calls) == calls == 4
    fx.server.play(HISTORICAL, good)
    assert fx.fetched(FIRST, LAST, "ILS", ignore_quota=True).report.calls == 2
    assert len(fx.shown()) == 4


def test_trouble_that_passes_is_met_with_few_counted_calls(fx: RatesProject) -> None:
    fx.server.play(TIMEFRAME, Reset(), Reply(503), answer_spans())
    assert fx.fetched(FIRST, LAST, "ILS").report.calls == 3
    fx.server.play(HISTORICAL, Reply(503))
    result = fx.fetch("2024-02-01", currencies="ILS")
    assert result.report.error is not None
    assert (result.report.error.exit_code, result.report.calls) == (75, 3)
    assert result.report.days_failed == [date(2024, 2, 1)]
    assert fx.query("SELECT calls FROM ops.fx_quota") == [{"calls": 6}]


def test_a_signal_ends_a_fetch_in_good_order(fx: RatesProject) -> None:
    def stopped(_call: Call) -> Step:
        os.kill(os.getpid(), signal.SIGTERM)
        return Silence()

    fx.server.play(HISTORICAL, stopped, answer_days())
    error = fx.fetch(FIRST, currencies="ILS").report.error
    assert isinstance(error, Interrupted)
    assert error.exit_code == 143
    assert fx.query("SELECT holder FROM ops.fx_lease WHERE lease_name = 'currencylayer'") == [{"holder": None}]
    assert fx.fetched(FIRST, currencies="ILS").report.stored.new == 1


def test_a_call_that_the_breaker_keeps_back_is_not_counted(fx: RatesProject) -> None:
    fx.server.play(HISTORICAL, Reset())
    fx.configure(policies={"currencylayer": Policy(source="currencylayer", breaker_failures=2, breaker_cooldown_s=60)})
    result = fx.fetch("2024-02-01", currencies="ILS")
    assert isinstance(result.report.error, RatesIncomplete)
    assert (result.report.calls, len(fx.server.calls)) == (2, 2)
    assert fx.query("SELECT calls FROM ops.fx_quota") == [{"calls": 2}]


def test_live_rates_are_todays_and_not_final(fx: RatesProject) -> None:
    stamp = int(now(fx.database).timestamp())
    body = {"success": True, "timestamp": stamp, "source": "USD", "quotes": {"USDILS": 3.6}}
    fx.server.play(LIVE, Reply(json=body))
    ask = {"currencies": "ILS", "is_live": True}
    for _ in range(2):
        result = fx.fetch(None, **ask)  # type: ignore[arg-type]
        assert result.report.error is None
    assert (len(fx.server.calls_of(LIVE)), len(fx.stored())) == (2, 1)


def test_the_table_shows_one_provider(fx: RatesProject, tmp_path: Path) -> None:
    """The configured one, whoever was fetched from last; when it is another one, all of its days."""
    fx.fetched(FIRST, LAST, "ILS")
    rows = {str(day): ("1.0921", "158.43", "0.86191", "3.9913") for day in (DAYS[0], DAYS[3])}
    fx.server.play(ECB, Reply(body=zipped(ecb_csv(rows))))
    assert fx.fetched(FIRST, LAST, "ILS", provider="ecb").report.is_shown is False
    assert same(fx, fx.shown(), expected(DAYS, "ILS"))
    assert fx.fetched(FIRST, LAST, "ILS", provider="ecb").report.calls == 0, "the weekend is known to have no rates"
    fx.configure(table="other_rates")
    assert fx.fetched(FIRST, LAST, "ILS").report.calls == 0
    assert len(fx.query("SELECT currency FROM other_rates")) == 8, "a new table gets what is known already"
    fx.configure(provider="ecb", table="fx_rates")
    shown = fx.fetched("2024-01-08", currencies="ILS", again=True)
    assert shown.report.is_shown
    assert touched(fx, shown.run_id) == [str(day) for day in DAYS], "those of the other provider went"
    crossed = Fraction(10921, 39913)
    assert set(fx.shown()) == {(day, code) for day in (DAYS[0], DAYS[3]) for code in ("ILS", "EUR")}
    assert abs(Fraction(fx.shown()[DAYS[0], "ILS"]) - crossed) <= Fraction(1, 10**14)
    file = tmp_path / "rates.csv"
    file.write_text(f"date,currency,rate\n{FIRST},ILS,0.25\n")
    fx.configure(provider="file", file_path=file, file_rate_is="usd_per_unit")
    assert fx.fetched(FIRST, currencies="ILS").report.stored.new == 1
    assert fx.shown() == {(DAYS[0], "ILS"): Decimal("0.25")}
    file.write_text(f"date,currency,rate\n{FIRST},ILS,0.26\n")
    assert len(fx.fetched(FIRST, currencies="ILS").report.stored.corrections) == 1
    assert fx.shown() == {(DAYS[0], "ILS"): Decimal("0.26")}


def test_gaps_are_errors_or_take_the_last_known_rate(fx: RatesProject) -> None:
    fx.fetched(FIRST, currencies="ILS")
    monday = DAYS[3]
    with fx.database.reading() as tx:
        used = rate_on(tx, "ILS", DAYS[0])
        assert used.rate.exact == 1 / Fraction(true_rate(DAYS[0], "ILS"))
        older = rate_on(tx, "ILS", monday, last_known(3))
        assert (older.rate_date, older.rate, older.provider) == (DAYS[0], used.rate, "currencylayer")
        assert rate_on(tx, "USD", monday).rate.exact == 1
        for currency, day, policy in (
            ("ILS", monday, GapPolicy()),
            ("ILS", monday, last_known(2)),
            ("EUR", DAYS[0], last_known(9)),
        ):
            with pytest.raises(RateMissing, match=f"no rate of {currency} for {day}"):
                rate_on(tx, currency, day, policy)
        with pytest.raises(RateMissing):
            rate_on(tx, "ILS", DAYS[0] - timedelta(days=1), last_known(30))


def test_coverage_names_the_days_and_currencies_without_a_rate(fx: RatesProject) -> None:
    with fx.database.transaction() as tx:
        tx.execute("CREATE TABLE sold (day DATE, currency VARCHAR(3), amount DECIMAL(15,2))")
        rows = [
            (DAYS[0], "ILS"),
            (DAYS[0], "ILS"),
            (DAYS[3], "ILS"),
            (DAYS[0], "GBP"),
            (DAYS[3], "USD"),
            (DAYS[3], None),
        ]
        tx.insert_many("sold", [{"day": day, "currency": code, "amount": 1} for day, code in rows])
    usage = Usage("sold", "day", "currency")
    with fx.database.reading() as tx:
        assert len(coverage(tx, usage, "fx_rates").lacking) == 5, "no rate yet: a join finds none of USD either"
    fx.fetched(FIRST, currencies="ILS,EUR")
    with fx.database.reading() as tx:
        found = coverage(tx, usage, "fx_rates")
        older = coverage(tx, usage, "fx_rates", last_known(3))
        with pytest.raises(UsageError, match="no such table"):
            coverage(tx, replace(usage, table="nonesuch"), "fx_rates")
    gbp, nothing = Lacking(DAYS[0], "GBP", 1), Lacking(DAYS[3], None, 1)
    assert (found.pairs, found.rows, found.pairs_older) == (5, 6, 0)
    late = [Lacking(DAYS[3], "ILS", 1), Lacking(DAYS[3], "USD", 1)]
    assert sorted(found.lacking, key=str) == sorted([gbp, *late, nothing], key=str)
    assert sorted(older.lacking, key=str) == sorted([gbp, nothing], key=str)
    assert older.pairs_older == 2


def test_a_table_of_somebody_else_is_left_alone(fx: RatesProject) -> None:
    with fx.database.transaction() as tx:
        tx.execute("CREATE TABLE fx_rates (rate_date DATE, currency VARCHAR(3), rate_to_usd DECIMAL(18,6))")
    error = fx.fetch(FIRST).report.error
    assert isinstance(error, ConfigError)
    assert "that Holdfast did not make" in error.message
    assert not fx.server.calls
    fx.configure(table="my_rates")
    fx.fetched(FIRST, currencies="ILS")
    assert fx.query("SELECT currency FROM my_rates ORDER BY currency") == [{"currency": "ILS"}, {"currency": "USD"}]


def test_whoever_lost_the_lease_stores_nothing(database: Database) -> None:
    """A holder that froze past its lease comes back; one that died on this machine is not waited for."""
    upgrade(database)

    def lease(holder: str, lease_s: float, dead: str = "") -> Lease:
        who = Holder(id=holder, process=f"process of {holder}", is_dead=lambda process: process == dead)
        return Lease(database, "ecb", who, NoWaiting(), lease_s)

    frozen, other, third = lease("a", 0.0), lease("b", 60.0), lease("c", 60.0)
    with frozen.held(1):
        with other.held(1):
            with pytest.raises(FetchTakenOver), database.transaction() as tx:
                frozen.renew(tx)
            with pytest.raises(FetchTakenOver, match="for 5 s"), third.held(5):
                pass
            with lease("d", 60.0, dead="process of b").held(0):
                pass
        with third.held(0):
            pass


@pytest.mark.parametrize(
    ("first", "last", "more"),
    [
        ("2024-02-30", "2024-03-01", {}),
        ("20240105", "20240105", {}),
        ("2024-01-06", "2024-01-05", {}),
        ("1998-12-31", "1999-01-05", {}),
        ("2024-01-05", "2999-01-01", {}),
        ("1999-01-01", "1999-01-05", {"provider": "ecb"}),
        ("2024-01-05", "2024-01-05", {"currencies": "ils"}),
        ("2024-01-05", "2024-01-05", {"currencies": "USD"}),
        ("2024-01-05", "2024-01-05", {"provider": "nonesuch"}),
        ("2024-01-05", "2024-01-05", {"day": "2024-01-05"}),
        ("2024-01-05", "2024-01-05", {"is_live": True}),
    ],
)
def test_wrong_questions_are_refused_before_any_call(
    tmp_path: Path, server: HttpServer, first: str, last: str, more: dict[str, object]
) -> None:
    from holdfast.adapters.databases import connect

    server.calls.clear()
    database = connect(f"sqlite:///{tmp_path}/x.db")
    try:
        with pytest.raises(HoldfastError) as caught:
            RatesProject(database, server).fetch(first, last, **more)  # type: ignore[arg-type]
    finally:
        database.close()
    assert caught.value.exit_code == 2
    assert "nothing was asked" in caught.value.message
    assert not server.calls
