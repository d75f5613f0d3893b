"""Inputs are found in the SELECT, and models are ordered by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.errors import ModelError, UsageError
from holdfast.models.graph import Graph, Relation, make_graph, refuse_shared_tables
from holdfast.models.partitions import Grain
from tests.unit.models.model_files import HEAD, read, written

USAGE = Relation("Usage_Data", "date", grain=Grain.DAY)
WHOLE = 'key = ["a"]\n[columns]\na = "int"\n'


def graph(directory: Path, *tables: Relation) -> Graph:
    return make_graph(read(directory), tables or (USAGE,), "sqlite")


def test_inputs_are_tables_and_no_ctes(tmp_path: Path) -> None:
    """Also one that shares its name with a CTE made of it, in subqueries, and in the arms of a union."""
    select = """WITH usage_data AS (SELECT * FROM usage_data), x AS (SELECT * FROM usage_data)
    SELECT a FROM x WHERE a IN (SELECT a FROM dims) UNION ALL SELECT a FROM Silver.Deep AS x"""
    written(tmp_path, "all", WHOLE, select)
    (found,) = graph(tmp_path, USAGE, Relation("dims"), Relation("silver.deep")).inputs.values()
    assert [given.relation.name for given in found] == ["dims", "silver.deep", "Usage_Data"]


def test_a_cte_that_reads_itself_and_a_function_are_no_inputs(tmp_path: Path) -> None:
    select = """WITH RECURSIVE n AS (SELECT a FROM usage_data UNION ALL SELECT n.a + 1 FROM n WHERE n.a < 3)
    SELECT n.a FROM n CROSS JOIN GENERATE_SERIES(1, 3) AS g"""
    written(tmp_path, "all", WHOLE, select)
    (found,) = graph(tmp_path).inputs.values()
    assert [given.relation.name for given in found] == ["Usage_Data"]


def test_models_come_after_what_they_are_made_of(tmp_path: Path) -> None:
    written(tmp_path, "gold/a", WHOLE, "SELECT a FROM silver.b")
    written(tmp_path, "silver/b", WHOLE, "SELECT a FROM usage_data")
    written(tmp_path, "bronze/z", WHOLE, "SELECT a FROM gold.a, silver.b")
    found = graph(tmp_path)
    assert [model.target for model in found.models] == ["silver.b", "gold.a", "bronze.z"]
    assert [model.target for model in found.upstream(found.models[2])] == ["silver.b", "gold.a"]
    assert [model.target for model in found.readers("Silver.B")] == ["gold.a", "bronze.z"]
    assert [model.target for model in found.chosen(["z", "silver.b"])] == ["silver.b", "bronze.z"]
    with pytest.raises(UsageError, match=r"no model 'c'; there are: silver\.b, gold\.a, bronze\.z"):
        found.chosen(["c"])


def test_a_circle_is_told_by_its_path(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        written(tmp_path, name, WHOLE, f"SELECT a FROM {other}")
    with pytest.raises(ModelError, match=r"in a circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)"):
        graph(tmp_path)


@pytest.mark.parametrize(
    ("head", "select", "told"),
    [
        (WHOLE, "SELECT a FROM usage_dat", r"did you mean 'usage_data'\?"),
        (WHOLE + "[inputs.other]\nexternal = true\n", "SELECT a FROM usage_data", "which the SELECT does not read"),
        (HEAD + "[inputs.usage_data]\npartition = false\n", "SELECT 1 AS month FROM usage_data", "no input of it has"),
        ('target = "usage_data"\n' + WHOLE, "SELECT a FROM usage_data", "loaded, not built"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, head: str, select: str, told: str) -> None:
    written(tmp_path, "m", head, select)
    with pytest.raises(ModelError, match=told):
        graph(tmp_path)


def test_an_external_table_counts_as_never_changing(tmp_path: Path) -> None:
    written(tmp_path, "m", WHOLE + "[inputs.countries]\nexternal = true\n", "SELECT a FROM countries")
    (found,) = graph(tmp_path).inputs.values()
    assert [given.relation.is_external for given in found] == [True]


def test_contracts_of_one_table_share_its_partition_column(tmp_path: Path) -> None:
    written(tmp_path, "m", HEAD, "SELECT date AS month, currency, revenue FROM usage_data")
    found = graph(tmp_path, USAGE, Relation("usage_data"), Relation("usage_data", "date", grain=Grain.MONTH))
    assert found.inputs["m"][0].by_partition
    with pytest.raises(ModelError, match="one has its partition by 'date', the other by 'shipped'"):
        graph(tmp_path, USAGE, Relation("usage_data", "shipped", grain=Grain.DAY))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("silver_x", "target silver_x and silver.x are one table here, silver_x"),
        ("usage_data", "target usage_data and usage.data are one table here"),
        ("ops.run", "is a name of Holdfast's own"),
        ("OPS_run", "is a name of Holdfast's own"),
        ("holdfast_model_rows", "is a name of Holdfast's own"),
    ],
)
def test_no_two_names_of_one_table(tmp_path: Path, target: str, told: str) -> None:
    """Without schemas `silver.x` stands where `silver_x` does; with them it does not."""
    written(tmp_path, "silver/x", WHOLE, "SELECT 1 AS a")
    written(tmp_path, "silver/y", f'target = "{target}"\n' + WHOLE, "SELECT 1 AS a")
    with pytest.raises(ModelError, match=told):
        refuse_shared_tables(read(tmp_path), [Relation("usage.data")], has_schemas=False)
    if "_" in target and not target.startswith("holdfast"):
        refuse_shared_tables(read(tmp_path), [Relation("usage.data")], has_schemas=True)
