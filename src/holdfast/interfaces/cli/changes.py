"""changes: what values upserts replaced, by column and partition with exact sums, and the rows themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import contract_of, opened
from holdfast.interfaces.cli.options import Dataset, Db, Json

if TYPE_CHECKING:
    from holdfast.domain.contract import Contract
    from holdfast.quality.changes import Asked
    from holdfast.quality.explain_told import Told

commands = typer.Typer()


@commands.command()
def changes(
    dataset: Dataset,
    since: Annotated[
        str | None, typer.Option("--since", metavar="RUN", help="By this run and later ones.", show_default=False)
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="Only of this column.", show_default=False)] = None,
    partition: Annotated[
        str | None, typer.Option("--partition", help="Only in this one, as 2024-06-24 or 2024-06.", show_default=False)
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="The changes themselves too.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, help="Changes to show at most.")] = 20,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """What values changed: by column and partition with sums before and after, and by which lines."""
    from holdfast.interfaces.config import load_project
    from holdfast.quality.changes import Asked
    from holdfast.quality.changes_told import changes_told
    from holdfast.wiring_explain import changes_in

    project = load_project(db)
    contract = contract_of(project, dataset)
    asked = Asked(since=since or "", column=column or "", partition=partition or "")
    with opened(project, upgrade=False) as holdfast:
        report, deliveries = changes_in(holdfast, contract, asked, rows_most=most if rows else 0)
    told = changes_told(contract, report, deliveries)
    if as_json:
        output.terminal_object({"status": "done", "exit_code": 0, "since": since, **told})
    else:
        _print(told, _asked_for(contract, asked))


def _asked_for(contract: Contract, asked: Asked) -> str:
    """What the answer is limited to, in words; nothing where all was asked for."""
    by = contract.table_partition
    said = f" in column {asked.column}" if asked.column else ""
    if asked.partition:
        said += f" in partition {asked.partition}"
        if by and len(asked.partition) != by.key_chars:
            said += f" (its partitions are written like {'2024-06-24'[: by.key_chars]})"
    return said + (f" since run {asked.since}" if asked.since else "")


def _print(told: Told, asked_for: str) -> None:
    if not told["history_is_kept"]:
        needed = 'that goes with write_disposition = "merge" and history = true'
        output.line(f"{told['dataset']}  keeps no history of values: {needed}")
    if told["pruned_before"]:
        pruned = f"before {told['pruned_before']} was taken out of the ledger (holdfast ops prune)"
        output.line(f"{told['dataset']}  the history {pruned}; this is what came after")
    if not told["values"]:
        if told["history_is_kept"]:
            output.line(f"{told['dataset']}  no value was changed{output.visible(asked_for)}")
        return
    columns = len({found["column"] for found in told["sums"]})
    partitions = len({found["partition"] for found in told["sums"]})
    output.line(
        f"{told['dataset']}  {output.counted(told['values'], 'value')} changed in {output.counted(columns, 'column')}"
        f" of {told['table']}, {output.counted(partitions, 'partition')}"
    )
    output.table(
        ["column", "partition", "values", "sum before", "sum after", "difference", ""], map(_cells, told["sums"])
    )
    if told["closed"]:
        output.line(
            f"{output.counted(told['closed'], 'value')} of a period that is closed: holdfast check {told['dataset']}"
        )
    _print_rows(told)


def _cells(found: Told) -> tuple[object, ...]:
    return (
        found["column"],
        found["partition"] or "-",
        found["values"],
        _grouped(found["sum_before"]),
        _grouped(found["sum_after"]),
        _grouped(found["difference"], signed=True),
        "CLOSED" if found["closed"] else "",
    )


def _grouped(number: str | None, *, signed: bool = False) -> str:
    """A sum with thousands separators, all its digits as they are."""
    if number is None:
        return "-"
    whole, point, fraction = number.removeprefix("-").partition(".")
    sign = "-" if number.startswith("-") else "+" if signed and number.strip("0.") else ""
    return f"{sign}{int(whole):,}{point}{fraction}"


def _print_rows(told: Told) -> None:
    from holdfast.interfaces.cli.explain_text import place

    if not told["rows"]:
        return
    output.line()
    for row in told["rows"]:
        key = " ".join(f"{name}={value}" for name, value in row["key"].items())
        old, new = ("no value" if row[side] is None else row[side] for side in ("old", "new"))
        output.line(f"{output.visible(key)}  {output.visible(row['column'])}: {output.visible(f'{old} -> {new}')}")
        closed = " · CLOSED" if row["is_closed"] else ""
        output.line(f"  {row['changed_at']}{closed} · run {row['run_id']} · {place(row['by'])}")
    left = told["values"] - len(told["rows"])
    if left > 0:
        output.line(f"and {output.number(left)} more: --most N shows more of them, --json has all their fields")
