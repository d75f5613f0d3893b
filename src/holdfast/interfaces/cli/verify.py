"""verify: the sources read again, and the table proved against them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.domain.errors import UsageError
from holdfast.domain.origin import ODD_COLUMN
from holdfast.interfaces.cli import output
from holdfast.interfaces.cli.opening import opened
from holdfast.interfaces.cli.options import Dataset, Db, Json

if TYPE_CHECKING:
    from holdfast.quality.reconcile_report import Proof, ToldDifference
    from holdfast.wiring_verify import Verified

commands = typer.Typer()


@commands.command()
def verify(
    dataset: Dataset,
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="P%", help="Look at this share of the chunks only.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which chunks a sample takes.")] = 0,
    most: Annotated[int, typer.Option("--most", min=0, help="Differences to show at most; all are counted.")] = 20,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Read the sources again and prove the table: rows missing, extra, different. Exit 0 only where it is proved."""
    share = None if sample is None else _share(sample)
    from holdfast.interfaces.config import load_project
    from holdfast.quality.reconcile import Question
    from holdfast.wiring_verify import verify as run

    project = load_project(db)
    try:
        with opened(project) as holdfast:
            verified = run(holdfast, Question(dataset, most, share, seed))
    except UsageError:
        if dataset not in project.dataset_names():
            project.contract(dataset)  # says which there are; what was loaded once is verified without its contract too
        raise
    proof = verified.proof
    exit_code = proof.error.exit_code if proof.error else 0
    if as_json:
        output.terminal_object(_object(verified, exit_code))
    else:
        _tell(verified)
        if proof.error:
            output.print_error(proof.error.message, _NEXT[proof.status].format(dataset=dataset))
    if exit_code:
        raise typer.Exit(exit_code)


def _share(text: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = 0.0
    if not 0 < percent <= 100:
        raise UsageError(
            f"--sample {text!r} is no share of the chunks", hint="write a percentage above 0 and up to 100: --sample 5%"
        )
    return percent / 100


def _object(verified: Verified, exit_code: int) -> dict[str, Any]:
    proof = verified.proof
    return {
        "status": proof.status,
        "exit_code": exit_code,
        "run_id": verified.run_id,
        "duration_s": round(verified.duration_s, 3),
        "dataset": proof.dataset,
        "table": proof.table,
        "rows": {
            "expected": proof.expected,
            "found": proof.found,
            "missing": proof.missing,
            "extra": proof.extra,
            "different": proof.different,
            "unverified": proof.unverified_rows,
            "mended": proof.mended,
            "lost": proof.lost,
        },
        "chunks": proof.chunks,
        "partitions": proof.partitions,
        "differences": [asdict(difference) for difference in proof.differences],
        "unverified": [
            {"file": part.file, "reason": part.reason, "chunks": part.chunks, "rows": part.rows}
            for part in proof.unverified
        ],
        "unfinished": proof.unfinished,
        "sample": asdict(proof.sample) if proof.sample else None,
    }


_NEXT = {
    "different": "a row's story: holdfast explain {dataset} KEY=VALUE; put it right, then verify again",
    "unverified": "bring those sources back and verify again; without them nobody can tell",
}
_WORDS = {"done": "proved", "different": "DIFFERENT", "unverified": "UNVERIFIED"}
_WORDS_OF_A_SAMPLE = {**_WORDS, "done": "nothing differs"}


def _tell(verified: Verified) -> None:
    proof = verified.proof
    number = output.number
    counts = [
        (proof.expected, "expected"),
        (proof.found, "found"),
        (proof.missing, "missing"),
        (proof.extra, "extra"),
        (proof.different, "different"),
    ]
    more = [(proof.unverified_rows, "unverified"), (proof.mended, "mended since"), (proof.lost, "lost")]
    said = " · ".join(f"{number(count)} {word}" for count, word in [*counts, *(pair for pair in more if pair[0])])
    word = f"{_WORDS_OF_A_SAMPLE[proof.status]} (sample)" if proof.sample else _WORDS[proof.status]
    output.line(f"{proof.dataset}  {word}  {said} · {verified.duration_s:.1f} s · run {verified.run_id}")
    if proof.sample:
        sample = proof.sample
        output.line(f"  sample of {number(sample.chunks)} of {output.counted(sample.of, 'chunk')}, seed {sample.seed}")
    if proof.unfinished:
        waiting = ", ".join(f"{number(count)} {state}" for state, count in sorted(proof.unfinished.items()))
        output.line(f"  chunks that are not in the table yet and were not compared: {waiting}")
    if proof.lost:
        output.line(f"  {output.counted(proof.lost, 'row')} gone that came from sources which cannot be read again")
    _tell_tables(proof)
    shown = len(proof.differences)
    for difference in proof.differences:
        _tell_difference(difference)
    all_of_them = proof.missing + proof.extra + proof.different
    if shown < all_of_them:
        output.line(f"  {number(all_of_them - shown)} more; show them with --most {all_of_them}")


def _tell_tables(proof: Proof) -> None:
    output.table(
        ["unverified file", "chunks", "rows", "why"],
        [(part.file, part.chunks, part.rows, part.reason) for part in proof.unverified],
    )
    output.table(
        ["chunk", "expected", "found", "file"],
        [(c["number"], c["expected"], c["found"], c["file"] or "no chunk of the ledger") for c in proof.chunks],
    )
    output.table(
        ["partition", "expected", "found"], [(p["partition"], p["expected"], p["found"]) for p in proof.partitions]
    )


def _tell_difference(difference: ToldDifference) -> None:
    key = " ".join(f"{name}={_said(value)}" for name, value in difference.key.items())
    place = f" ({difference.file}" + (f", line {output.number(difference.line)})" if difference.line else ")")
    where = output.visible(place) if difference.file else ""
    why = f": {output.visible(difference.why)}" if difference.why else ""
    output.line(f"{difference.kind}  {key}{where}{why}")
    source, table = difference.source or {}, difference.table or {}
    for name in difference.columns:
        output.line(f"    {output.visible(name)}: source {_said(source.get(name))}, table {_said(table.get(name))}")
    if difference.kind != "different":
        rest = [name for name in (source or table) if name not in difference.key and name != ODD_COLUMN]
        output.line("    " + " · ".join(f"{output.visible(n)}={_said((source or table)[n])}" for n in rest))
    if odd := table.get(ODD_COLUMN):
        output.line(f"    no value of its column's type: {output.visible(odd)}")


def _said(value: object) -> str:
    return "NULL" if value is None else output.visible(str(value))
