"""What is done about a delivery that differs from its contract: the policy, and its history in the ledger.

`settle` compares and decides before any row is read: it gives the contract the load goes by, or refuses the file.
What it applied (a column added, a type widened, a rename) is remembered in the ledger and stands in every later load
(`remembered`) until the contract says it itself. A value is never put into a column by its place, only by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from holdfast.domain.contract import Column, Contract, header_key
from holdfast.domain.errors import DriftRefused
from holdfast.domain.origin import RESERVED_PREFIX
from holdfast.domain.types import ColumnType, Kind, holds
from holdfast.engine.run_id import new_run_id
from holdfast.parsing.drift import SAMPLE_VALUES_MIN, UNREADABLE_SHARE, Delivery, Difference, Finding, differences
from holdfast.parsing.header import misfits, refused
from holdfast.parsing.renames import APPLY_FROM
from holdfast.ports.database import Database, Row, Transaction

LEDGER_VERSION = 5  # the first that has a history of drift
DECIMAL_PRECISION_ROOMY = 18
FIELD_CHARS_MAX = 2000  # of a field's name, in the history
_KEPT_KEYS = ("trim", "null_values", "true_values", "false_values")


class Action(StrEnum):
    APPLIED = "applied"  # the load goes by it
    PROPOSED = "proposed"  # a person has to say so
    REFUSED = "refused"  # the file is not loaded for it
    DISCARDED = "discarded"  # the field is left out
    RECORDED = "recorded"  # harmless, or told by the rejects


@dataclass(frozen=True, slots=True)
class Noted:
    """A difference of one file, and what is done about it. `rule`: the column as it is from now on, where applied."""

    uri: str
    finding: Finding
    action: Action
    rule: Column | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    contract: Contract
    noted: list[Noted]


def settle(contract: Contract, uri: str, delivery: Delivery, *, can_widen: bool = True) -> Settled:
    """The contract this delivery is loaded by. Raises DriftRefused, with what was `noted`."""
    settler = _Settler(contract, uri, delivery, can_widen)
    for finding in differences(contract, delivery):
        settler.take(finding)
    problems = misfits(settler.contract, delivery.names)
    problems += [noted.finding.detail for noted in settler.noted if noted.action is Action.REFUSED and _of_type(noted)]
    if not problems:
        return Settled(settler.contract, settler.noted)
    error = refused(contract, delivery.names, uri, problems)
    noted = _unapplied(settler.noted)
    if advice := _advice(noted):
        error.hint = f"{advice}; or {error.hint}"
    error.noted = noted
    raise error


def _unapplied(noted: Sequence[Noted]) -> list[Noted]:
    """As it is once the load is refused: nothing was applied, so nothing may be remembered as if it were."""
    return [replace(note, action=Action.PROPOSED, rule=None) if note.rule else note for note in noted]


def _of_type(noted: Noted) -> bool:
    return noted.finding.kind in (Difference.TYPE_CHANGED, Difference.WIDENED)


def _advice(noted: Sequence[Noted]) -> str:
    """The lines to paste for what might be a rename."""
    lines = [
        f'under column {n.finding.column!r} write from = ["{n.finding.field}"] (confidence {n.finding.confidence:.2f})'
        for n in noted
        if n.finding.kind is Difference.RENAMED
    ]
    return "if it was renamed, " + ", ".join(lines) if lines else ""


class _Settler:
    """Goes through the differences of one file, renames first, and changes the contract where the policy says so."""

    def __init__(self, contract: Contract, uri: str, delivery: Delivery, can_widen: bool) -> None:
        self.contract = contract
        self.noted: list[Noted] = []
        self._can_widen = can_widen
        self._uri = uri
        self._delivery = delivery
        self._explained: set[str] = set()  # columns and fields that an applied rename brings together

    def take(self, finding: Finding) -> None:
        match finding.kind:
            case Difference.RENAMED:
                self._renamed(finding)
            case Difference.ADDED if finding.field not in self._explained:
                self._added(finding)
            case Difference.MISSING if finding.column not in self._explained:
                column = self.contract.column(finding.column)
                may_miss = column.nullable or column.default is not None
                self._note(finding, Action.RECORDED if may_miss else Action.REFUSED)
            case Difference.WIDENED:
                self._widened(finding)
            case Difference.TYPE_CHANGED:
                self._note(finding, Action.REFUSED)
            case Difference.REORDERED:
                self._note(finding, Action.RECORDED)
            case _:
                pass

    def _note(self, finding: Finding, action: Action, rule: Column | None = None) -> None:
        self.noted.append(Noted(self._uri, finding, action, rule))

    def _apply(self, finding: Finding, rule: Column) -> None:
        self.contract = with_column(self.contract, rule)
        self._note(finding, Action.APPLIED, rule)

    def _renamed(self, finding: Finding) -> None:
        if self.contract.rename != "auto" or finding.confidence < APPLY_FROM or finding.is_tied:
            self._note(finding, Action.PROPOSED)
            return
        self._explained |= {finding.column, finding.field}
        column = self.contract.column(finding.column)
        self._apply(finding, column.model_copy(update={"sources": [*column.sources, finding.field]}))

    def _added(self, finding: Finding) -> None:
        if self.contract.drift == "discard_column":
            self._note(finding, Action.DISCARDED)
        elif self.contract.drift == "freeze":
            self._note(finding, Action.REFUSED)
        else:
            place = self._delivery.names.index(finding.field)
            texts, told = self._delivery.sample.get(place, ()), self._delivery.types.get(place)
            rule = new_column(self.contract, finding.field, texts, told)
            self._apply(replace(finding, column=rule.name, type=rule.type), rule)

    def _widened(self, finding: Finding) -> None:
        if self.contract.drift == "evolve" and self._can_widen:
            column = self.contract.column(finding.column)
            self._apply(finding, column.model_copy(update={"type": finding.type}))
            return
        values = self._delivery.sample.get(self._delivery.names.index(finding.field), ())
        is_new_type = finding.share > UNREADABLE_SHARE and len(values) >= SAMPLE_VALUES_MIN
        self._note(finding, Action.REFUSED if is_new_type else Action.RECORDED)


SAMPLED_FILES_MAX = 100


class Drift:
    """The deliveries of one plan, one after the other: each is settled by the contract that the ones before left."""

    def __init__(self, contract: Contract, *, can_widen: bool = True) -> None:
        self.contract = contract
        self.noted: list[Noted] = []
        self._can_widen = can_widen
        self._names: set[tuple[str, ...]] = set()
        self._sampled = 0

    def wants_sample(self, names: tuple[str, ...]) -> bool:
        """Shall values be looked at? Of thousands of small files not all, but of every one with other fields."""
        return self._sampled < SAMPLED_FILES_MAX or names not in self._names

    def take(self, uri: str, delivery: Delivery) -> None:
        """Raises DriftRefused."""
        self._names.add(delivery.names)
        self._sampled += bool(delivery.sample)
        try:
            settled = settle(self.contract, uri, delivery, can_widen=self._can_widen)
        except DriftRefused as error:
            error.noted = [*_unapplied(self.noted), *error.noted]
            raise
        self.contract = settled.contract
        self.noted += settled.noted


def new_column(contract: Contract, field: str, texts: Sequence[str | None], told: ColumnType | None = None) -> Column:
    """A nullable column for a field the contract does not know, with a type that reads its values and has room.

    `told`: the type that the file itself says the field has.
    """
    from holdfast.parsing.infer import sql_names
    from holdfast.parsing.infer_types import Seen, guess_type

    seen = Seen()
    for text in texts:
        if text is not None:
            seen.add(text, None)
    guess = guess_type(field, seen)
    keys = {} if told else {key: value for key, value in guess.keys.items() if key in _KEPT_KEYS}
    taken = {name.lower() for name in contract.column_names} | {(contract.processed_at or "").lower()}
    name = wanted = sql_names([field])[0]
    number = 2
    while name.lower() in taken or name.startswith((RESERVED_PREFIX, "_origin")):
        name, number = f"{wanted.lstrip('_')[:58]}_{number}", number + 1
    return Column(name=name, type=_roomy(told or guess.type), sources=[field], nullable=True, **keys)


def _roomy(column_type: ColumnType) -> ColumnType:
    match column_type.kind:
        case Kind.INT:
            return ColumnType(Kind.BIGINT)
        case Kind.STRING:
            return ColumnType(Kind.STRING)
        case Kind.DECIMAL:
            return replace(column_type, precision=max(column_type.precision or 0, DECIMAL_PRECISION_ROOMY))
        case _:
            return column_type


def with_column(contract: Contract, rule: Column) -> Contract:
    """The contract with this column instead of the one of its name, or behind the others."""
    columns = [rule if column.name == rule.name else column for column in contract.columns]
    if rule.name not in contract.column_names:
        columns.append(rule)
    return contract.model_copy(update={"columns": columns})


def remembered(tx: Transaction, contract: Contract) -> Contract:
    """The contract with what was applied to earlier deliveries, as far as it does not say so itself."""
    if contract.drift != "evolve" and contract.rename != "auto":
        return contract
    if not _has_history(tx):
        return contract
    for row in tx.run("drift_applied", dataset=contract.name).rows:
        contract = _with_remembered(contract, row)
    return contract


def _has_history(tx: Transaction) -> bool:
    """Is there a ledger, and is it not one from before drift was kept?"""
    if not tx.run("ledger_exists").rows[0]["found"]:
        return False
    return any(row["version"] >= LEDGER_VERSION for row in tx.run("migrations_applied").rows)


def history(database: Database, dataset: str | None, most: int) -> list[Row]:
    """The latest differences, newest first, of one dataset or of all."""
    with database.reading() as tx:
        return tx.run("drift_history", dataset=dataset or "", most=most).rows if _has_history(tx) else []


def _with_remembered(contract: Contract, row: Row) -> Contract:
    rule = Column.model_validate_json(row["rule"])
    there = next((column for column in contract.columns if column.name == rule.name), None)
    known = {header_key(name) for column in contract.columns for name in column.header_names}
    match Difference(row["kind"]):
        case Difference.ADDED if contract.drift == "evolve" and there is None and header_key(row["field"]) not in known:
            return with_column(contract, rule)
        case Difference.RENAMED if contract.rename == "auto" and there and header_key(row["field"]) not in known:
            return with_column(contract, there.model_copy(update={"sources": [*there.sources, row["field"]]}))
        case Difference.WIDENED if contract.drift == "evolve" and there and holds(rule.type, there.type):
            return with_column(contract, there.model_copy(update={"type": rule.type}))
        case _:
            return contract


def record(tx: Transaction, dataset: str, run_id: str, noted: Sequence[Noted]) -> None:
    """Write down what was found and done, each once."""
    batch = new_run_id()  # one for all, so that they stay in the order they were found in
    for number, note in enumerate(noted):
        finding = note.finding
        told: dict[str, Any] = {
            "dataset": dataset,
            "uri": note.uri,
            "kind": str(finding.kind),
            "column_name": finding.column,
            "field": finding.field[:FIELD_CHARS_MAX],
            "action": str(note.action),
            "rule": note.rule.model_dump_json(by_alias=True) if note.rule else None,
        }
        if tx.run("drift_told", **told).rows[0]["told"]:
            continue
        tx.run(
            "drift_add",
            **told,
            id=f"{batch}-{number:04d}",
            run_id=run_id,
            detail=finding.detail,
            confidence=f"{finding.confidence:.3f}",
        )


def sentences(noted: Sequence[Noted]) -> list[str]:
    """What a person should know or do about it; harmless differences are left to the history."""
    from holdfast.parsing.infer_toml import column_lines

    told = []
    for note in noted:
        if note.rule:
            lines = "; ".join(column_lines(note.rule))
            told.append(f"{note.uri}: {note.finding.detail}; loaded so. To make it the contract's own: {lines}")
        elif note.action is Action.PROPOSED:
            told.append(f"{note.uri}: {note.finding.detail}; not applied. {_advice([note])}".rstrip())
    return told
