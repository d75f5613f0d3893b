"""fx fetch, fx status: exchange rates into the ledger and the table that queries join."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import UsageError
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Db, Json

if TYPE_CHECKING:
    from datetime import date

    from holdfast.fx.coverage import Coverage, Usage
    from holdfast.fx.reports import ProviderStatus
    from holdfast.fx.store import Stored
    from holdfast.interfaces.config import Project
    from holdfast.wiring_fx import FetchResult

commands = typer.Typer(help="Exchange rates.", no_args_is_help=True)
LINES_MAX = 20
SPANS_MAX = 3
Day = Annotated[str | None, typer.Option("--date", metavar="DAY", help="2024-01-05, today or yesterday (UTC).")]
First = Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day; with --to.")]
Last = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day.")]
Currencies = Annotated[str | None, typer.Option("--currencies", metavar="ILS,EUR,...", help="Else holdfast.toml's.")]
Provider = Annotated[str | None, typer.Option("--provider", help="currencylayer, ecb or file; else holdfast.toml's.")]
Insecure = Annotated[
    bool, typer.Option("--allow-insecure-http", help="Send the key in the clear, where the plan has no HTTPS.")
]
Live = Annotated[bool, typer.Option("--live", help="The rates of this moment, for today; not final.")]
Again = Annotated[bool, typer.Option("--again", help="Ask for known days too: finds corrected rates.")]
IgnoreQuota = Annotated[bool, typer.Option("--ignore-quota", help="Ask although the quota was used up: it has grown.")]


@commands.callback()
def _group() -> None:
    """Exchange rates."""


@commands.command()
def fetch(
    date: Day = None,
    first: First = None,
    last: Last = None,
    currencies: Currencies = None,
    provider: Provider = None,
    allow_insecure_http: Insecure = False,
    live: Live = False,
    again: Again = False,
    ignore_quota: IgnoreQuota = False,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Fetch the rates that are missing. Known days are not asked for; a corrected rate is a new revision."""
    from holdfast.interfaces.config import load_project
    from holdfast.interfaces.fx_config import codes_of, fx_settings
    from holdfast.wiring_fx import Ask, fetch_rates

    project = load_project(db)
    settings = fx_settings(project, allow_insecure_http=allow_insecure_http)
    ask = Ask(
        provider=provider,
        day=date,
        first=first,
        last=last,
        currencies=codes_of(currencies) if currencies is not None else project.fx.currencies,
        again=again,
        is_live=live,
        ignore_quota=ignore_quota,
    )
    with opened(project) as holdfast:
        result = fetch_rates(holdfast, settings, ask)
    error = result.report.error
    if as_json:
        known = _fetched(result)
        output.terminal_object(output.failed(error, **known) if error else {"status": "done", "exit_code": 0, **known})
    else:
        print_fetched(result)
    if error:
        output.print_error(error.message, error.hint)
        raise typer.Exit(error.exit_code)


def _fetched(result: FetchResult) -> dict[str, Any]:
    report, stored = result.report, result.report.stored
    return {
        "run_id": result.run_id,
        "duration_s": round(result.duration_s, 3),
        "provider": result.provider,
        "from": str(result.wanted.first),
        "to": str(result.wanted.last),
        "currencies": list(result.wanted.currencies),
        "days": report.days_wanted,
        "days_asked": report.days_missing,
        "days_failed": [str(day) for day in report.days_failed],
        "calls": report.calls,
        "rates": {
            "new": stored.new,
            "unchanged": stored.unchanged,
            "confirmed": stored.confirmed,
            "corrected": len(stored.corrections),
        },
        "corrections": [
            {
                "date": str(one.after.rate_date),
                "base": one.after.base,
                "quote": one.after.quote,
                "before": one.before.raw,
                "after": one.after.raw,
                "revision": one.revision,
                "was_final": one.was_final,
            }
            for one in stored.corrections
        ],
        "no_data": [
            {"date": str(one.rate_date), "currency": one.currency, "is_final": one.is_final} for one in stored.no_data
        ],
        "is_shown": report.is_shown,
        "notes": report.notes,
    }


def print_fetched(result: FetchResult) -> None:
    report, stored = result.report, result.report.stored
    days = str(result.wanted.first)
    if result.wanted.last != result.wanted.first:
        days += f" to {result.wanted.last}"
    if not report.days_missing and not report.error:
        output.line(f"fx  {result.provider} {days} · nothing to do: every rate is known · run {result.run_id}")
        return
    output.line(
        f"fx  {result.provider} {days} · {output.counted(report.days_missing, 'day')} asked in "
        f"{output.counted(report.calls, 'call')} · {_told(stored)} · {result.duration_s:.1f} s · run {result.run_id}"
    )
    _some(output.visible(str(one)) for one in stored.corrections)
    _some(_without_rate((one.rate_date, one.currency) for one in stored.no_data))
    if not report.is_shown:
        output.line(f"  kept in the ledger; the table for queries shows another provider than {result.provider}")


def _without_rate(lacking: Iterable[tuple[date, str]]) -> Iterator[str]:
    """A line for the days that lack the same currencies: most are weekends, and a line each would bury the rest."""
    by_day: dict[date, list[str]] = {}
    for day, currency in sorted(lacking):
        by_day.setdefault(day, []).append(currency)
    by_currencies: dict[str, list[date]] = {}
    for day, currencies in by_day.items():
        by_currencies.setdefault(", ".join(currencies), []).append(day)
    for told, days in by_currencies.items():
        spans = _spans(days)
        more = f" and {output.number(len(spans) - SPANS_MAX)} more" if len(spans) > SPANS_MAX else ""
        yield f"no rate of {told} on {output.counted(len(days), 'day')}: {', '.join(spans[:SPANS_MAX])}{more}"


def _spans(days: list[date]) -> list[str]:
    """Days in order; neighbours are told as one span."""
    ends: list[list[date]] = []
    for day in days:
        if ends and (day - ends[-1][1]).days == 1:
            ends[-1][1] = day
        else:
            ends.append([day, day])
    return [str(first) if first == last else f"{first} to {last}" for first, last in ends]


def _told(stored: Stored) -> str:
    return (
        f"{output.number(stored.new)} new · {output.number(stored.unchanged)} unchanged · "
        f"{output.number(stored.confirmed)} confirmed · {output.number(len(stored.corrections))} corrected"
    )


def _some(lines: Any) -> None:
    shown = list(lines)
    for text in shown[:LINES_MAX]:
        output.line(f"  {text}")
    if len(shown) > LINES_MAX:
        output.line(f"  and {output.number(len(shown) - LINES_MAX)} more; all with --json")


@commands.command()
def status(
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Look for rates that this dataset's table lacks.")
    ] = None,
    date_column: Annotated[str, typer.Option("--date-column", help="Its column of days.")] = "date",
    currency_column: Annotated[str, typer.Option("--currency-column", help="Its column of currencies.")] = "currency",
    max_days: Annotated[
        int | None, typer.Option("--max-days", min=0, help="How old a rate may be; 0: of the very day.")
    ] = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """What is known, what it cost, and which days and currencies of the loaded data lack a rate."""
    from holdfast.fx.gaps import GapPolicy
    from holdfast.interfaces.config import load_project
    from holdfast.wiring_fx import rates_status

    project = load_project(db)
    usages = _usages(project, dataset, date_column, currency_column)
    policy = GapPolicy(project.fx.gap_days_max if max_days is None else max_days)
    table = project.fx.table
    with opened(project, upgrade=False) as holdfast:
        providers, covered = rates_status(holdfast.database, table, usages, policy)
    if as_json:
        output.terminal_object(_status(table, providers, covered, policy.days_max))
        return
    if not providers:
        output.line("no rates yet: holdfast fx fetch --date yesterday")
    for provider in providers:
        _print_provider(provider)
    for coverage in covered:
        _print_coverage(coverage)


def _usages(project: Project, dataset: str | None, date_column: str, currency_column: str) -> list[Usage]:
    from holdfast.fx.coverage import Usage

    asked = [(dataset, date_column, currency_column)] if dataset else []
    asked = asked or [(one.dataset, one.date, one.currency) for one in project.fx.coverage]
    usages = []
    for name, day, currency in asked:
        contract = project.contract(name)
        if missing := [column for column in (day, currency) if column not in contract.column_names]:
            raise UsageError(
                f"dataset {name!r} has no column {missing[0]!r}; it has {', '.join(contract.column_names)}",
                hint="name the columns: --date-column and --currency-column, or coverage under [fx]",
            )
        usages.append(Usage(contract.table, day, currency))
    return usages


def _status(table: str, providers: list[ProviderStatus], covered: list[Coverage], max_days: int) -> dict[str, Any]:
    return {
        "status": "done",
        "exit_code": 0,
        "table": table,
        "providers": [
            {"provider": one.provider, "pairs": one.pairs, "no_data": one.no_data, "quota": one.quota}
            for one in providers
        ],
        "coverage": [
            {
                "table": one.usage.table,
                "max_days": max_days,
                "pairs": one.pairs,
                "pairs_older": one.pairs_older,
                "rows": one.rows,
                "lacking": [
                    {"date": gap.rate_date and str(gap.rate_date), "currency": gap.currency, "rows": gap.rows}
                    for gap in one.lacking
                ],
            }
            for one in covered
        ],
    }


def _print_provider(status: ProviderStatus) -> None:
    output.line(f"{status.provider}")
    columns = ("pair", "days", "first", "last", "not final", "corrections")
    output.table(
        columns,
        [
            [f"  {row['base']}/{row['quote']}", row["days"], row["first_day"], row["last_day"], row["not_final"],
             row["revisions"]]
            for row in status.pairs
        ],
    )  # fmt: skip
    for row in status.no_data:
        output.line(f"  no rate of {row['currency']} on {output.counted(row['days'], 'day')}, {row['first_day']} to "
                    f"{row['last_day']}")  # fmt: skip
    for row in status.quota:
        notes = " · one day a call: the plan refuses spans" if row["range_refused"] else ""
        if row["is_exhausted"]:
            notes += f" · used up until {row['exhausted_until']}: {output.visible(row['reason'])}"
        output.line(f"  {row['quota_month']}: {output.counted(row['calls'], 'call')}{notes}")


def _print_coverage(coverage: Coverage) -> None:
    rows_lacking = sum(gap.rows for gap in coverage.lacking)
    older = f", {output.number(coverage.pairs_older)} by an older day's" if coverage.pairs_older else ""
    output.line(
        f"{coverage.usage.table}  {output.counted(coverage.rows, 'row')}, {output.counted(coverage.pairs, 'pair')} of "
        f"day and currency: {output.number(coverage.pairs - len(coverage.lacking))} have a rate{older}; "
        f"{output.number(len(coverage.lacking))} have none, in {output.counted(rows_lacking, 'row')}"
    )
    _some(
        f"no rate: {gap.rate_date or 'no day'} {output.visible(gap.currency or 'no currency')} "
        f"in {output.counted(gap.rows, 'row')}"
        for gap in coverage.lacking
    )
