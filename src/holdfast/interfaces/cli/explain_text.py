"""Explanations for people: what `explain` prints. All of it is made from what `--json` tells."""

from __future__ import annotations

from typing import Any

from holdfast.interfaces.cli import output

Told = dict[str, Any]
_PAD = 11  # of the words that lines begin with
_RAW_CHARS_MAX = 2_000


def print_row(told: Told) -> None:
    """A row's story: the row, its source, what else came for its key."""
    partition = f" · partition {told['partition']}" if told["partition"] else ""
    output.line(f"{told['dataset']}  a row of {told['table']}{partition}")
    width = max(map(len, told["row"]))
    for name, value in told["row"].items():
        output.line(f"  {output.visible(name):<{width}}  {_value(value)}")
    output.line()
    print_source(told["source"], "came from")
    _print_agreement(told)
    print_history(told["history"])
    print_rejects(told["rejects"])


def print_source(source: Told, word: str) -> None:
    """File, line, byte, chunk and run of a row."""
    output.line(f"{word:<{_PAD}}{place(source)}")
    if source["chunk"] is not None and source["file"]:
        _more(f"chunk {source['chunk']}, record {output.number(source['row_in_chunk'])} of it (from 0){_way(source)}")
    if run := source["run"]:
        _more(
            f"run {run['id']}: {run['command']} on {output.visible(run['host'])}, began {run['started_at']}"
            f" · {run['status']}"
        )
    if source["content_hash"] and source["page"] is None:
        older = "" if source["is_current"] else " · a newer version of it has replaced this one"
        _more(f"content {source['content_hash']}{older}")
    if source["raw"] is not None:
        raw = output.visible(source["raw"])
        cut = " [cut]" if len(raw) > _RAW_CHARS_MAX else ""
        _more(f"raw: {raw[:_RAW_CHARS_MAX]}{cut}")


def place(source: Told) -> str:
    """`data/a.csv (version 1), line 812, byte 35,120, 44 bytes`."""
    if not source["file"]:
        return output.visible(source["why"])
    parts = [f"{output.visible(source['file'])} (version {source['version']})"]
    if source["page"] is not None:
        parts.append(f"page {output.number(source['page'])}, record {output.number(source['line'])} on it")
    elif source["line"] is not None:
        word = "row" if source["byte_offset"] is None else "line"
        parts.append(f"{word} {output.number(source['line'])}")
    if source["byte_offset"] is not None:
        inside = f" of the expanded {source['compression']}" if source["compression"] else ""
        parts.append(
            f"byte {output.number(source['byte_offset'])}{inside}, {output.counted(source['byte_length'], 'byte')}"
        )
    return ", ".join(parts)


def _way(source: Told) -> str:
    if not source["committed_at"]:
        return ""
    return f" · {source['way']} · committed {source['committed_at']}"


def _print_agreement(told: Told) -> None:
    source, differs = told["source"], told["differs_from_source"]
    if source["state"] == "read":
        _more("read back just now, from the very bytes that were loaded (by the chunk's hash)")
    elif source["file"]:
        _more(f"not read back ({source['state']}): {output.visible(source['why'])}")
    if told["mended"]:
        _more("its line broke the contract: it was corrected, or the contract was, and it was replayed")
    said = "correction" if told["mended"] else "source"
    if differs == []:
        _more(f"the table says what the {said} says")
    for found in differs or []:
        _more(
            f"CHANGED SINCE: {output.visible(found['column'])} is {_value(found['table'])} in the table and"
            f" {_value(found['source'])} in the {said}: no load did that"
        )


def print_history(history: Told) -> None:
    """What the row was before."""
    if not history["is_kept"] and not history["total"]:
        output.line()
        output.line("history    of its values is not kept")
        return
    if history["pruned_before"]:
        output.line()
        output.line(f"history    before {history['pruned_before']} was taken out of the ledger (holdfast ops prune)")
    if not history["total"]:
        return
    output.line()
    shown = history["changes"]
    latest = f", the latest {output.number(len(shown))} of them" if len(shown) < history["total"] else ""
    output.line(f"history    {output.counted(history['total'], 'change')}, oldest first{latest}")
    for found in shown:
        for change in found["columns"]:
            old, new = _value(change["old"]), _value(change["new"])
            output.line(f"  {found['changed_at']}  {output.visible(change['column'])}: {old} -> {new}")
        if found["partition"] != found["old_partition"]:
            output.line(f"    moved from partition {found['old_partition']} to {found['partition']}")
        output.line(f"    by {place(found['by'])} · {_run(found)}")
        output.line(f"    which replaced {place(found['replaced'])}")


def _run(found: Told) -> str:
    """The run that changed the value, which need not be the one that read the row first (a replay)."""
    run = found["by"]["run"]
    return f"run {found['run_id']}" + (f": {run['command']}" if run and run["id"] == found["run_id"] else "")


def print_rejects(rejects: Told) -> None:
    """Rejects of the same key."""
    if not rejects["total"]:
        return
    output.line()
    output.line(f"rejects of the same key: {output.number(rejects['total'])}")
    for row in rejects["first"]:
        why = "; ".join(
            f"{r['code']}{' ' + r['column'] if r['column'] else ''}: {r['message']}" for r in row["reasons"]
        )
        page = f" page {output.number(row['page'])}," if row["page"] else ""
        output.line(
            f"  {row['status']:<8}  {output.visible(row['uri'])} (version {row['version']}),{page}"
            f" line {output.number(row['line'])}, byte {output.number(row['byte_offset'])} · {output.visible(why)}"
        )
        output.line(f"            raw: {output.visible(row['raw'])[:_RAW_CHARS_MAX]}")


def _more(text: str) -> None:
    output.line(" " * _PAD + text)


def _value(value: str | None) -> str:
    return "no value" if value is None else output.visible(value)
