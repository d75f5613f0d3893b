"""Which rows of a table are of which partition, as a condition in SQL. Bounds are Holdfast's own, never a user's text.

A bound is a day as ISO text, whatever the column: databases read it as a date, or as midnight (UTC: see model_utc);
where moments are kept as ISO text, text compares as moments do. Text like 2024-06 is compared with partition keys.
"""

from __future__ import annotations

from sqlglot import exp

from holdfast.domain.types import Kind
from holdfast.models.graph import Input, Relation
from holdfast.models.partitions import Days, Grain, days_of, key_of


def condition(relation: Relation, days: Days, alias: str | None = None) -> exp.Expr:
    """True for the relation's rows of these days."""
    assert relation.column is not None
    column = exp.column(exp.to_identifier(relation.column, quoted=True), table=alias)
    if relation.kind is Kind.STRING:
        grain = relation.grain or Grain.DAY
        first, last = (exp.Literal.string(key_of(day, grain)) for day in (days.first, days.last))
        return exp.and_(exp.GTE(this=column, expression=first), exp.LTE(this=column.copy(), expression=last))
    low = exp.GTE(this=column, expression=exp.Literal.string(days.first.isoformat()))
    if days.end is None:
        return low
    return exp.and_(low, exp.LT(this=column.copy(), expression=exp.Literal.string(days.end.isoformat())))


def input_filters(inputs: tuple[Input, ...], key: str) -> dict[str, exp.Expr]:
    """What each input is left with for the rebuild of one partition. Inputs that are read whole are not named."""
    days = days_of(key)
    if days is None:
        return {}
    return {
        given.relation.key: condition(given.relation, days.reaching_back(given.lookback_days))
        for given in inputs
        if given.by_partition
    }
