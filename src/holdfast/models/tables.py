"""The table a model is built into: made when it is missing, compared when it is there, dropped by a reset."""

from __future__ import annotations

from holdfast.adapters.databases.identifiers import quote_table
from holdfast.domain.errors import TargetMismatch
from holdfast.domain.table import MergeShape, physical_table
from holdfast.engine.target import compare
from holdfast.models.model import STAGING, Model
from holdfast.ports.database import Database, Row, Transaction
from holdfast.touches import Touched, add_touches


def shape_of(model: Model) -> MergeShape:
    return MergeShape(model.target, STAGING, tuple(model.head.columns), tuple(model.head.key))


def quoted_target(database: Database, model: Model) -> str:
    return quote_table(physical_table(model.target, has_schemas=database.traits.has_schemas))


def ensure_table(database: Database, model: Model, run_id: str) -> None:
    """Make the table, or compare the one that is there. Raises TargetMismatch; then nothing was changed."""
    with database.transaction() as tx:
        was_known = is_known(tx, model)  # before the table: another builder may be making it at this moment
        if table_stands(tx, model):
            return
        if was_known:  # somebody dropped it: what was built is not there any more
            _forget(tx, model, run_id)
        tx.create_table(model.definition)


def table_stands(tx: Transaction, model: Model, *, to_be_dropped: bool = False) -> bool:
    """Whether the table is there. Raises TargetMismatch where it is not the model's, or not what the head asks for."""
    found = tx.reflect(model.target)
    if found is None:
        return False
    if tx.run("holds_rows", shape_of(model)).rows[0]["found"] and not is_known(tx, model):  # lines come before rows
        raise TargetMismatch(
            f"table {model.target} holds rows that no build put there; it is as it was and nothing was built",
            hint=f"name another target in {model.path}; or drop the table yourself if nobody needs it",
        )
    differences = [] if to_be_dropped else compare(model.definition, found)
    names = set() if to_be_dropped else {column.name for column in found.columns} - set(model.head.columns)
    differences += [f"column {name!r} is not in the head" for name in sorted(names)]
    if differences:
        raise TargetMismatch(
            f"table {model.target} is not what {model.path} asks for; nothing was built:\n  - "
            + "\n  - ".join(text.replace("the contract", "the head") for text in differences),
            hint=f"name another target; or drop the table and build it anew: holdfast build {model.target} --reset",
        )
    return True


def reset_table(database: Database, model: Model, run_id: str) -> None:
    """Drop the table and what the ledger says of it. What is made of it will be looked at again.

    Raises TargetMismatch where it holds rows of somebody else's.
    """
    with database.reading() as tx:
        stands = table_stands(tx, model, to_be_dropped=True)
    with database.transaction() as tx:  # another one: MariaDB makes no table anew in one that has read it
        if stands:
            tx.execute(f"DROP TABLE IF EXISTS {quoted_target(database, model)}")
        _forget(tx, model, run_id)
        tx.create_table(model.definition)


def _forget(tx: Transaction, model: Model, run_id: str) -> None:
    rows = {row["partition_key"]: int(row["rows"]) for row in _states(tx, model)}
    add_touches(tx, model.name, run_id, {key: Touched(removed=count) for key, count in rows.items() if count})
    tx.run("model_states_drop", model=model.name)


def is_known(tx: Transaction, model: Model) -> bool:
    """Whether the ledger knows of a partition of it."""
    return bool(_states(tx, model))


def _states(tx: Transaction, model: Model) -> list[Row]:
    return tx.run("model_states", model=model.name).rows


def reset_partitions(database: Database, model: Model, keys: list[str]) -> None:
    """Have these partitions built again whatever their inputs say."""
    with database.transaction() as tx:
        tx.run_many("model_state_reset", [{"model": model.name, "partition_key": key} for key in keys])
