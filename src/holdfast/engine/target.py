"""The table a contract asks for: made when it is missing, compared when it is there."""

from __future__ import annotations

from holdfast.domain.contract import Column, Contract
from holdfast.domain.errors import ContractError, StatementFailed, TargetMismatch
from holdfast.domain.origin import ORIGIN_COLUMN
from holdfast.domain.table import CheckRule, ColumnDefinition, IndexDefinition, TableDefinition
from holdfast.domain.types import ColumnType, Kind, holds
from holdfast.engine.merge import merge_shape
from holdfast.ports.database import Transaction


def target_definition(contract: Contract) -> TableDefinition:
    """The contract's table. A keyless one begins with `_origin`, its primary key: no row can stand twice (P4)."""
    origin = ColumnDefinition(ORIGIN_COLUMN, ColumnType(Kind.BIGINT), nullable=False)
    columns = [_column_definition(column) for column in contract.columns]
    columns.insert(len(columns) if contract.primary_key else 0, origin)
    if contract.processed_at:
        moment = ColumnType(Kind.TIMESTAMP, format="%Y-%m-%d %H:%M:%S", zone="UTC")
        columns.append(ColumnDefinition(contract.processed_at, moment, nullable=False, default_now=True))
    return TableDefinition(
        name=contract.table,
        columns=tuple(columns),
        primary_key=tuple(contract.primary_key) or (ORIGIN_COLUMN,),
        indexes=tuple(IndexDefinition(tuple(i.columns), i.unique) for i in contract.indexes),
    )


def _column_definition(column: Column) -> ColumnDefinition:
    rule = CheckRule(min=column.min, max=column.max, one_of=tuple(column.one_of or ()))
    return ColumnDefinition(column.name, column.type, column.nullable, rule)


def ensure_target(tx: Transaction, contract: Contract) -> None:
    """Create the table, or compare the one that is there. Raises TargetMismatch with every difference.

    Under `drift = "evolve"` a table that lacks nullable columns, or has narrower ones, is altered first.
    """
    wanted = target_definition(contract)
    found = tx.reflect(contract.table)
    if found is None:
        _create(tx, wanted)
        return
    if contract.drift == "evolve" and compare(wanted, found):
        tx.create_table(wanted, evolve=True)
        found = tx.reflect(contract.table) or found
    differences = compare(wanted, found)
    if differences:
        raise TargetMismatch(
            f"table {contract.table!r} is not what contract {contract.name!r} asks for; nothing was loaded:\n  - "
            + "\n  - ".join(differences),
            hint="change the table or the contract, or name another table in the contract",
        )


def refuse_foreign_rows(tx: Transaction, contract: Contract) -> None:
    """A dataset's first load must not meet rows of another ledger, or of a dataset that spells the table otherwise.

    Their `_origin` means other chunks: an append could delete them, a merge would compare what cannot be compared.
    """
    if tx.run("holds_loaded_rows", merge_shape(contract)).rows[0]["found"]:
        raise TargetMismatch(
            f"table {contract.table!r} holds rows with an _origin of Holdfast's, and this ledger knows of no load of"
            f" dataset {contract.name!r}: another dataset or another ledger put them there; nothing was loaded",
            hint="name a table of the dataset's own; or adopt the rows: UPDATE the table SET _origin = -1",
        )


def _create(tx: Transaction, wanted: TableDefinition) -> None:
    try:
        tx.create_table(wanted)
    except StatementFailed as error:
        raise ContractError(
            f"the database cannot make the table the contract asks for ({len(wanted.columns):,} columns):"
            f" {error.message}; nothing was loaded",
            hint=error.hint or "change the contract to what the database can hold",
        ) from error


def compare(wanted: TableDefinition, found: TableDefinition) -> list[str]:
    """Differences that would lose or refuse rows, in sentences. A wider column than asked for is none."""
    differences = []
    for column in wanted.columns:
        there = found.column(column.name)
        if there is None:
            differences.append(f"column {column.name!r} ({column.type}) is missing{_remedy(column)}")
        elif not holds(there.type, column.type):
            differences.append(f"column {column.name!r} is {there.type}, the contract says {column.type}")
        elif column.nullable and not there.nullable:
            differences.append(f"column {column.name!r} is NOT NULL, the contract says nullable")
    names = {column.name for column in wanted.columns}
    for extra in found.columns:
        if extra.name not in names and not extra.nullable and not extra.default_now:
            differences.append(f"column {extra.name!r} is NOT NULL and not in the contract, so no row could be written")
    if set(found.primary_key) != set(wanted.primary_key):
        differences.append(f"the primary key is ({_names(found)}), the contract says ({_names(wanted)})")
    return differences


def _remedy(column: ColumnDefinition) -> str:
    if column.name != ORIGIN_COLUMN:
        return ""
    return ': add it with ALTER TABLE ... ADD COLUMN "_origin" BIGINT NOT NULL DEFAULT -1'


def _names(definition: TableDefinition) -> str:
    return ", ".join(definition.primary_key) or "none"
