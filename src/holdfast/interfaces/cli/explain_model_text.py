"""Explanations of models' cells for people, made from what `--json` tells."""

from __future__ import annotations

from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.explain_text import Told

_SHOWN_MAX = 5  # sources of one input; --json has more
_FATES = (("rows_inserted", "new"), ("rows_updated", "changed"), ("rows_removed", "gone"))


def print_cells(models: list[Told], trouble: str) -> None:
    """The cells that a row is in."""
    if trouble:
        output.line()
        output.line(f"in models: not known: {output.visible(trouble)}")
    if not models:
        return
    output.line()
    output.line("in models")
    for model in models:
        for cell in model["cells"]:
            key = _pairs(cell["key"])
            values = {name: value for name, value in (cell["row"] or {}).items() if name not in cell["key"]}
            told = _pairs(values) if cell["row"] else "not built yet"
            stale = "" if cell["is_current"] else " · OUT OF DATE" if cell["row"] else ""
            output.line(f"  {model['model']}  {key}  {told}{stale}")
        if model["more"]:
            output.line(f"  {model['model']}  and more than these {model['shown_max']}")


def print_cell(told: Told) -> None:
    """A cell's story: what it says, of what it is made, and what changed since."""
    partition = f" · partition {told['partition']}" if told["partition"] else ""
    output.line(f"{told['model']}  a row of a model{partition}")
    row = told["row"] or told["row_now"] or {}
    width = max(map(len, row), default=0)
    for name, value in row.items():
        now = told["row_now"].get(name) if told["row_now"] else value
        stale = f"  -> {_value(now)} if it were built now" if told["row"] and now != value else ""
        output.line(f"  {output.visible(name):<{width}}  {_value(value)}{stale}")
    output.line()
    _print_state(told)
    _print_inputs(told["inputs"], 0)


def _print_state(told: Told) -> None:
    built = told["built"]
    if built and built["built_at"]:
        rows = output.counted(int(built["rows"]), "row")
        output.line(f"built      {built['built_at']} by run {built['run_id']}, {rows} in its partition")
    if told["row"] is None:
        output.line("           this row is not built yet: the values above are what a build would make")
    if told["is_current"]:
        output.line("           it is as its inputs are")
        return
    if stale := ", ".join(told["stale_upstream"]):
        output.line(f"           OUT OF DATE: made of {stale}, which is to be built first")
    if not told["why_not"]:
        output.line("           holdfast build brings all of it up to date")
        return
    output.line(f"           OUT OF DATE: {output.visible(told['why_not'])}")
    if built and built["error"]:
        output.line(f"           its last build failed: {output.visible(built['error'])}")
    if told["row_now"] is None:
        output.line("           its inputs do not make this row any more")
    output.line(f"           holdfast build {told['model']} brings it up to date")


def _print_inputs(inputs: list[Told], depth: int) -> None:
    pad = "  " * depth
    for found in inputs:
        whole = found["to"] == "9999-12-31" and not found["from"]
        days = "all of it" if whole else found["from"] if found["from"] == found["to"] else _span(found)
        totals = found["totals"]
        things = [
            output.counted(totals[f"{thing}s"], thing) for thing in ("file", "chunk", "run") if totals[f"{thing}s"]
        ]
        output.line()
        output.line(f"{pad}made of    {found['relation']}, {days}: {' · '.join([*things, _rows(totals)])}")
        if found["is_model"] and not found["is_current"]:
            output.line(f"{pad}           it is a model, and OUT OF DATE itself")
        if found["changes_since_build"]:
            output.line(f"{pad}           {output.counted(found['changes_since_build'], 'change')} since the build:")
        for row in found["since_build"][:_SHOWN_MAX]:
            output.line(f"{pad}           + {_source(row)}")
        _print_sources(found, pad)
        _print_inputs(found["inputs"], depth + 1)


def _span(found: Told) -> str:
    return f"{found['from']} to {found['to']}"


def _print_sources(found: Told, pad: str) -> None:
    """What else there is, the newest first; those of a model are its own builds."""
    told = {(row["dataset"], row["chunk"], row["run_id"]) for row in found["since_build"][:_SHOWN_MAX]}
    older = [row for row in found["sources"] if (row["dataset"], row["chunk"], row["run_id"]) not in told]
    for row in older[:_SHOWN_MAX]:
        output.line(f"{pad}           {_source(row)}")
    if len(older) > _SHOWN_MAX:
        output.line(f"{pad}           and more; --json has the newest {len(found['sources'])}")


def _source(row: Told) -> str:
    if row["file"]:
        version = f" (version {row['version']})" if row["version"] else ""
        came = f"{output.visible(row['file'])}{version}, chunk {row['chunk']}"
    elif row["put_together"]:
        came = f"{output.counted(row['put_together'], 'old change')}, put together by holdfast ops prune"
    else:
        came = row["command"] or "a change"
    at = f" · {row['touched_at']}" if row["touched_at"] else ""
    run = f"the last by run {row['run_id']}" if row["put_together"] else f"run {row['run_id']}"
    return f"{came}: {_rows(row)} · {run}{at}"


def _rows(counts: Told) -> str:
    parts = [f"{output.counted(counts[name], 'row')} {word}" for name, word in _FATES if counts[name]]
    return ", ".join(parts) or "no rows"


def _pairs(values: Told) -> str:
    return " ".join(f"{output.visible(name)}={_value(value)}" for name, value in values.items())


def _value(value: str | None) -> str:
    return "no value" if value is None else output.visible(value)
