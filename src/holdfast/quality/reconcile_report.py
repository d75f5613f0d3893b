"""What a verification says in the end: counts that add up, where it differs, and what could not be proved."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from holdfast.domain.errors import NotProved
from holdfast.quality.reconcile_findings import Findings, Tally
from holdfast.quality.reconcile_hash import NO_DAY
from holdfast.quality.reconcile_scope import Scope

UNSAID = "mended by an older Holdfast, which did not keep what it loaded"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """`chunks` of `of` were looked at, a `share` (0 to 1) of them, chosen by `seed`."""

    share: float
    seed: int
    chunks: int
    of: int


@dataclass(frozen=True, slots=True)
class Unverified:
    """Chunks of a file that could not be read again, and how many rows of the table rest on them alone.

    `is_past`: an older version of a file, which no delivery has to keep; it matters only where rows rest on it.
    """

    file: str
    reason: str
    chunks: int
    rows: int
    is_past: bool


@dataclass(frozen=True, slots=True)
class ToldDifference:
    """A difference in full: values by column as text-like values, None where that side has no such row.

    `columns`: which differ. `file`, `line`: where the source says it (or, of an extra row, where its `_origin` points).
    """

    kind: str
    key: dict[str, Any]
    source: dict[str, Any] | None
    table: dict[str, Any] | None
    columns: tuple[str, ...] = ()
    file: str | None = None
    line: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """rows_found == rows_expected - missing + extra + unverified, always. `mended`: how many of those expected the
    ledger says, because they were rejected and mended, and no source.

    `lost`: rows that chunks which cannot be read again put there by the ledger's count, and that are gone.
    """

    dataset: str
    table: str
    expected: int
    found: int
    missing: int
    extra: int
    different: int
    unverified_rows: int
    mended: int
    lost: int
    chunks: list[dict[str, Any]] = field(default_factory=list)
    partitions: list[dict[str, Any]] = field(default_factory=list)
    differences: list[ToldDifference] = field(default_factory=list)
    unverified: list[Unverified] = field(default_factory=list)
    unfinished: dict[str, int] = field(default_factory=dict)
    sample: Sample | None = None

    @property
    def status(self) -> str:
        if self.missing or self.extra or self.different or self.lost:
            return "different"
        return "unverified" if self.unverified or self.unfinished else "done"

    @property
    def error(self) -> NotProved | None:
        """What keeps the table from being proved; None: nothing does."""
        if self.status == "done":
            return None
        counts = {"missing": self.missing + self.lost, "extra": self.extra, "different": self.different}
        said = [f"{count:,} {kind}" for kind, count in counts.items() if count]
        if self.unverified:
            said.append(f"{self.unverified_rows:,} rows of {len(self.unverified):,} sources unverified")
        if self.unfinished:
            said.append(f"{sum(self.unfinished.values()):,} chunks not in the table yet")
        return NotProved(f"{self.table} is not proved against its sources: {', '.join(said)}")


def proof_of(
    scope: Scope,
    unreadable: dict[int, str],
    tally: Tally,
    findings: Findings,
    differences: list[ToldDifference],
    sample: Sample | None,
) -> Proof:
    unverified = _unverified(scope, unreadable, findings.unverified_by_chunk)
    accounted = findings.expected + findings.unverified + findings.unsaid
    if findings.unsaid:
        unverified.append(Unverified("", UNSAID, 0, findings.unsaid, is_past=False))
    is_told_by_count = bool(unreadable) and sample is None
    return Proof(
        dataset=scope.dataset,
        table=scope.contract.table,
        expected=findings.expected,
        found=tally.rows,
        missing=findings.counts["missing"],
        extra=findings.counts["extra"],
        different=findings.counts["different"],
        unverified_rows=findings.unverified + findings.unsaid,
        mended=tally.mended,
        lost=max(0, scope.rows_in_ledger - accounted) if is_told_by_count else 0,
        chunks=_chunks(scope, tally, findings),
        partitions=_partitions(scope, tally, findings),
        differences=differences,
        unverified=[part for part in unverified if part.rows or not part.is_past],
        unfinished=scope.unfinished,
        sample=sample,
    )


def _unverified(scope: Scope, unreadable: dict[int, str], rows: Counter[int]) -> list[Unverified]:
    found: dict[tuple[str, str, bool], list[int]] = {}
    for chunk in scope.chunks:
        number = chunk.claim.number
        if number in unreadable:
            found.setdefault((chunk.file.uri, unreadable[number], not chunk.is_current), []).append(number)
    return [
        Unverified(uri, reason, len(numbers), sum(rows[number] for number in numbers), is_past)
        for (uri, reason, is_past), numbers in found.items()
    ]


def _chunks(scope: Scope, tally: Tally, findings: Findings) -> list[dict[str, Any]]:
    files = {chunk.claim.number: chunk.file.uri for chunk in scope.chunks}
    return [
        {
            "number": number,
            "file": files.get(number),
            "expected": tally.by_chunk[number] - findings.more_in_chunk[number],
            "found": tally.by_chunk[number],
        }
        for number in sorted(findings.differing_chunks)
    ]


def _partitions(scope: Scope, tally: Tally, findings: Findings) -> list[dict[str, Any]]:
    partition = scope.contract.table_partition
    if partition is None:
        return []
    length = partition.key_chars
    found: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    for day, rows in tally.by_day.items():
        found[_named(day, length)] += rows
        expected[_named(day, length)] += rows
    for day, more in findings.more_on_day.items():
        expected[_named(day, length)] -= more
    differing = sorted({_named(day, length) for day in findings.differing_days})
    return [{"partition": name, "expected": expected[name], "found": found[name]} for name in differing]


def _named(day: int, length: int) -> str:
    if day == NO_DAY:
        return ""
    try:
        return (_EPOCH + timedelta(days=day)).isoformat()[:length]
    except OverflowError:
        return f"day {day}"
