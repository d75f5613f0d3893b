"""The plan: which files are new, changed or known, and the chunks still to do.

`make_plan` reads and writes nothing; `register` writes the plan to the ledger under the dataset's lock, in natural
name order, so two planners agree. A plan made on a ledger that has moved on since is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from holdfast.domain.chunk import ChunkState, FileStamp
from holdfast.domain.contract import Contract
from holdfast.domain.errors import SourceChanged, SourceError
from holdfast.engine.choosing import Choice
from holdfast.engine.drifting import Drift, Noted, remembered
from holdfast.engine.forms import form_named, form_of
from holdfast.engine.ledger import (
    ChunkRow,
    FileLayout,
    FileVersion,
    LoadKind,
    chunk_row,
    current_files,
    unfinished_loads,
)
from holdfast.engine.opening import Identified, identify, opened
from holdfast.engine.spans import CutFile, content_hash
from holdfast.ports.database import Database
from holdfast.ports.source import Source

_REMOVABLE = (ChunkState.DONE,)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One file of a plan. `known`: the version that holds these very bytes; else `cut` says what is to do.

    A file whose bytes are another's has no version of its own; the one it had (`replaces`) is let go all the same.
    `extraction`: it is no file but one pass over an API or a feed, and this says what is asked for.
    """

    stamp: FileStamp
    content_hash: str
    layout: FileLayout | None = None
    cut: CutFile | None = None
    known: FileVersion | None = None
    same_as: str = ""  # the file of this very plan that has the same bytes
    replaces: FileVersion | None = None
    follows: FileVersion | None = None  # the extraction before this one, whose version is counted on
    extraction: str = ""
    gone: list[ChunkRow] = field(default_factory=list)  # chunks of `replaces` whose bytes are no longer there

    @property
    def is_news(self) -> bool:
        return self.cut is not None or self.replaces is not None

    @property
    def removes_rows(self) -> bool:
        return any(chunk.state in _REMOVABLE for chunk in self.gone)

    @property
    def new_chunks(self) -> int:
        return len(self.cut.chunks) - len(self.cut.kept) if self.cut else 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a load would do. `seen` is the ledger it was made on: file numbers and hashes.

    `lands`: it is the quicker way for this load to become visible as a whole.
    """

    contract: Contract
    files: list[PlannedFile]
    seen: tuple[tuple[int, str], ...]
    lands: bool = False
    noted: Sequence[Noted] = ()  # how the new files differ from the contract given, and what is done about it

    @property
    def kind(self) -> LoadKind:
        if self.contract.write_disposition == "replace":
            return LoadKind.REPLACE
        appends = self.contract.write_disposition == "append"
        must_land = self.contract.publish == "load" or (appends and any(file.removes_rows for file in self.files))
        if must_land or self.lands:
            return LoadKind.LOAD
        return LoadKind.CHUNK

    @property
    def to_register(self) -> list[PlannedFile]:
        return [file for file in self.files if file.is_news]

    @property
    def rows_about(self) -> int:
        """Physical lines of the plan's new chunks: about the number of rows, and never fewer than the records."""
        return sum(
            chunk.lines
            for file in self.to_register
            if file.cut
            for place, chunk in enumerate(file.cut.chunks)
            if place not in file.cut.kept
        )


def make_plan(
    database: Database,
    source: Source,
    contract: Contract,
    patterns: list[str],
    *,
    landing_rows_min: int | None = None,
) -> Plan:
    """Look at the sources and the ledger. Raises SourceError, DriftRefused, SourceChanged.

    `landing_rows_min`: from how many rows on a first load lands; None: as the engine says.
    """
    with database.reading() as tx:
        exists = bool(tx.run("ledger_exists").rows[0]["found"])
        current = current_files(tx, contract.name) if exists else []
        drift = Drift(remembered(tx, contract), can_widen=database.traits.can_widen)
    identified = identify(source, contract.format, source.list(patterns), current)
    seen = tuple((file.number, file.content_hash) for file in current)
    if contract.write_disposition == "replace":
        files_replacing = _plan_replace(source, drift, identified, current)
        return Plan(drift.contract, files_replacing, seen, noted=drift.noted)
    sizes = {file.size_bytes for file in current}
    # a file of a size never seen cannot be known: it is hashed while it is cut, and need not be read twice
    hashed = {
        file.stamp.uri: file.content_hash or (_hash(source, file.stamp) if file.stamp.size_bytes in sizes else "")
        for file in identified
    }
    # a version that this very plan replaces does not vouch for its bytes under another name
    staying = [file for file in current if hashed.get(file.uri, file.content_hash) == file.content_hash]
    by_content = {(file.content_hash, file.size_bytes): file for file in reversed(staying)}
    by_uri = {file.uri: file for file in current}
    files: dict[str, PlannedFile] = {}
    planned_files = []
    for stamp in (file.stamp for file in identified):
        digest = hashed[stamp.uri]
        known = by_content.get((digest, stamp.size_bytes))
        older = by_uri.get(stamp.uri)
        older_chunks = _chunks(database, contract.name, older.number) if older and older != known else []
        if known:
            planned = _copy(PlannedFile(stamp, digest, known=known), older, older_chunks)
        else:
            planned = _plan_new(source, drift, stamp, older, older_chunks)
        first = files.setdefault(planned.content_hash, planned)
        if first is not planned and planned.known is None:
            copy = PlannedFile(stamp, planned.content_hash, same_as=first.stamp.uri)
            planned = _copy(copy, older, older_chunks)
        _refuse_unwanted_change(contract, planned)
        planned_files.append(planned)
    traits = database.traits
    rows_min = traits.landing_rows_min if landing_rows_min is None else landing_rows_min
    return _with_way(database, source, Plan(drift.contract, planned_files, seen, noted=drift.noted), rows_min)


def _with_way(database: Database, source: Source, plan: Plan, rows_min: int) -> Plan:
    """The plan with its way chosen, from what the ledger and the table say now."""
    new = [(file.stamp.uri, file.layout, file.cut) for file in plan.files if file.layout and file.cut]
    with database.reading() as tx:
        busy = plan.seen and unfinished_loads(tx, plan.contract.name)
        # while chunks of other loads write into the table, a comparison with it would be overtaken
        choice = Choice(tx, source, plan.contract, new, database.traits.exact_digits_max)
        lands = not busy and choice.landing_pays(
            plan.rows_about, rows_min=rows_min, in_key_order=database.traits.lands_in_key_order
        )
    return replace(plan, lands=lands)


def _chunks(database: Database, dataset: str, file_number: int) -> list[ChunkRow]:
    with database.reading() as tx:
        return [chunk_row(row) for row in tx.run("chunks_of_file", dataset=dataset, file_number=file_number).rows]


def _plan_replace(
    source: Source, drift: Drift, identified: list[Identified], current: list[FileVersion]
) -> list[PlannedFile]:
    """A replace load takes all files or none: the table holds what the files hold now."""
    first: dict[str, FileStamp] = {}
    copies = []
    for stamp, digest in ((file.stamp, file.content_hash or _hash(source, file.stamp)) for file in identified):
        if first.setdefault(digest, stamp) is not stamp:
            copies.append(PlannedFile(stamp, digest, same_as=first[digest].uri))
    if list(first) == [file.content_hash for file in current]:
        files = zip(first.items(), current, strict=True)
        return [PlannedFile(stamp, digest, known=file) for (digest, stamp), file in files] + copies
    return [_plan_new(source, drift, stamp, None, []) for stamp in first.values()] + copies


def _hash(source: Source, stamp: FileStamp) -> str:
    with opened(source, stamp.uri, stamp.compression) as handle:
        return content_hash(handle, stamp.size_bytes)


def _copy(planned: PlannedFile, older: FileVersion | None, older_chunks: list[ChunkRow]) -> PlannedFile:
    """A file whose bytes another one holds: what it held itself before is let go."""
    if older is None or older == planned.known:
        return planned
    return replace(planned, replaces=older, gone=older_chunks)


def _refuse_unwanted_change(contract: Contract, planned: PlannedFile) -> None:
    """Raises SourceError where the contract does not let a changed file take back rows."""
    if contract.write_disposition != "append" or contract.on_changed_file != "refuse" or not planned.removes_rows:
        return
    raise SourceError(
        f"{planned.stamp.uri} is not the file that was loaded as version"
        f" {planned.replaces.version if planned.replaces else 0}: {len(planned.gone)} of its chunks have other bytes"
        " now; nothing was loaded",
        hint='deliver changes as a new file, or set on_changed_file = "replace" in the contract',
    )


def _plan_new(
    source: Source, drift: Drift, stamp: FileStamp, older: FileVersion | None, older_chunks: list[ChunkRow]
) -> PlannedFile:
    with opened(source, stamp.uri, stamp.compression) as handle:
        form = form_named(form_of(drift.contract, stamp.uri))
        layout = form.layout(handle, stamp, drift.contract)
        wanted = drift.wants_sample(layout.names)
        drift.take(stamp.uri, form.delivery(handle, stamp, layout, drift.contract, sampled=wanted))
        contract = drift.contract
        layout = replace(form.layout(handle, stamp, contract), compression=stamp.compression)
        same_form = older is not None and _same_form(older.layout, layout)
        keepable = [c for c in older_chunks if c.state is not ChunkState.LANDED] if same_form else []
        cut = form.cut(handle, stamp, layout, contract, keepable)
    _refuse_change_meanwhile(source, stamp)
    kept = {chunk.number for chunk in cut.kept.values()}
    gone = [chunk for chunk in older_chunks if chunk.number not in kept]
    return PlannedFile(stamp, cut.content_hash, layout, cut, replaces=older, gone=gone)


def _refuse_change_meanwhile(source: Source, stamp: FileStamp) -> None:
    """Raises SourceChanged. A plain file that only grew is no change: what was planned of it is still there."""
    now = source.stamp(stamp.uri)
    if not stamp.compression and now.size_bytes < stamp.size_bytes:
        raise SourceChanged(f"{stamp.uri} shrank while it was planned; nothing was loaded", hint="run it again")
    if now.is_proof and now.modified != stamp.modified:
        raise SourceChanged(f"{stamp.uri} changed while it was planned; nothing was loaded", hint="run it again")


def _same_form(old: FileLayout, new: FileLayout) -> bool:
    """Do both say the same of everything but the data's end, how it was packed, and how the header is spelled?"""
    return replace(old, data_end=new.data_end, compression=new.compression, heading=new.heading) == new
