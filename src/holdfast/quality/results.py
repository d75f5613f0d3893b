"""What checks found, as it is told and as the ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from holdfast.domain.check import Check
from holdfast.domain.errors import ChecksBroken, ChecksFailed, HoldfastError
from holdfast.observe.log import mask
from holdfast.ports.database import Database, Row, Transaction
from holdfast.quality.answer import Finding

Status = Literal["passed", "warned", "failed", "error", "skipped"]
SAMPLE_CHARS_MAX = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check's end. `partitions_read`: how many were looked at; None: the whole table, or what the ledger says.

    `stands`: nothing was touched since the answer was found, so it was not asked again.
    """

    dataset: str
    name: str
    kind: str
    severity: str
    status: Status
    finding: Finding
    sql_hash: str = ""
    fingerprint: str | None = None
    partitions_read: int | None = None
    stands: bool = False
    duration_ms: int = 0


def status_of(check: Check, finding: Finding) -> Status:
    if finding.skipped:
        return "skipped"
    if not finding.failing:
        return "passed"
    return "warned" if check.severity == "warn" else "failed"


def save(tx: Transaction, results: Sequence[CheckResult], run_id: str, already: int) -> None:
    """Add results to the history. `already`: how many of this run are there."""
    tx.run_many(
        "check_result_add",
        [
            {
                "id": f"{run_id}-{already + number:06}",
                "dataset": result.dataset,
                "check_name": result.name,
                "kind": result.kind,
                "severity": result.severity,
                "outcome": result.status,
                "failing": result.finding.failing,
                "expected": mask(result.finding.expected),
                "found": mask(result.finding.found),
                "sample": sample_text(result.finding.sample),
                "sql_hash": result.sql_hash,
                "fingerprint": result.fingerprint,
                "partitions_read": result.partitions_read,
                "run_id": run_id,
                "duration_ms": result.duration_ms,
            }
            for number, result in enumerate(results)
        ],
    )


def sample_text(sample: Sequence[Mapping[str, Any]]) -> str:
    """A sample as JSON; rows are left out from the end where it would be long."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in sample]
    while len(text := mask(json.dumps(rows, ensure_ascii=False))) > SAMPLE_CHARS_MAX:
        rows.pop()
    return text


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | None) else str(value)


def standing(tx: Transaction, dataset: str, check: Check, sql_hash: str, fingerprint: str) -> Finding | None:
    """The earlier answer to the same question about the same touches."""
    row = tx.run(
        "check_result_standing", dataset=dataset, check_name=check.title, sql_hash=sql_hash, fingerprint=fingerprint
    ).first
    return Finding(int(row["failing"]), row["expected"], row["found"], json.loads(row["sample"])) if row else None


def history(database: Database, dataset: str, most: int) -> list[Row]:
    """A dataset's results, the newest first; `sample` as lists of rows."""
    with database.reading() as tx:
        rows = tx.run("check_history", dataset=dataset, most=most).rows
    return [{**row, "failing": int(row["failing"]), "sample": json.loads(row["sample"])} for row in rows]


def verdict(results: Sequence[CheckResult]) -> HoldfastError | None:
    """The error that results end with: data that is wrong is worse than checks that could not be asked."""
    failed = [f"{r.dataset}: {r.name}" for r in results if r.status == "failed"]
    broken = [f"{r.dataset}: {r.name}" for r in results if r.status == "error"]
    if failed:
        names = ", ".join(failed[:3]) + (", ..." if len(failed) > 3 else "")
        more = f" and {len(broken)} could not be asked ({', '.join(broken[:3])})" if broken else ""
        return ChecksFailed(
            f"{len(failed)} of {len(results)} checks failed ({names}){more}; the data stays as it is",
            hint="look at the rows above; correct the source and load it again, or the check if it asks too much",
        )
    if broken:
        names = ", ".join(broken[:3]) + (", ..." if len(broken) > 3 else "")
        return ChecksBroken(
            f"{len(broken)} of {len(results)} checks could not be asked ({names}); the others were",
            hint="correct the check or what it reads: --show-sql prints its statement",
        )
    return None
