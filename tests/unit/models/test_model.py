"""A model file is read whole or refused with its path, the key, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.errors import ModelError
from holdfast.models.model import read_models
from holdfast.models.query import canonical_text
from tests.unit.models.model_files import HEAD, SELECT, written


def test_the_path_names_the_target_unless_the_head_does(tmp_path: Path) -> None:
    written(tmp_path, "gold/monthly")
    written(tmp_path, "plain")
    written(tmp_path, "gold/other", 'target = "mart.other"\n' + HEAD)
    assert [model.target for model in read_models(tmp_path)] == ["gold.monthly", "mart.other", "plain"]


def test_an_engines_own_select_stands_beside(tmp_path: Path) -> None:
    written(tmp_path, "gold/monthly")
    written(tmp_path, "gold/monthly.mysql", "", "SELECT 1 AS month, 'x' AS currency, 2 AS revenue FROM usage_data")
    (model,) = read_models(tmp_path)
    assert model.select("mysql").sql() != model.select("sqlite").sql()
    written(tmp_path, "gold/monthly.mysql")
    with pytest.raises(ModelError, match=r"monthly\.mysql\.sql: has a head"):
        read_models(tmp_path)


def test_the_partition_is_found_without_reading_the_others(tmp_path: Path) -> None:
    written(tmp_path, "a", HEAD.replace('"month", "currency"]', '"currency", "month"]'))
    written(tmp_path, "b")
    first, second = read_models(tmp_path)
    assert [index.columns for index in first.definition.indexes] == [("month",)]
    assert second.definition.indexes == ()


MISTAKES = [
    ("key = []\n[columns]\na = 'int'\n", SELECT, "key"),
    (HEAD.replace('"currency"]', '"country"]'), SELECT, "key names 'country', which is no column"),
    (
        HEAD.replace('column = "month"', 'column = "revenue"'),
        SELECT,
        "partition.column 'revenue' must be part of the key",
    ),
    (HEAD.replace("decimal(18,2)", "money"), SELECT, "columns.revenue: type 'money' is unknown"),
    (HEAD.replace('"month" }', '"week" }'), SELECT, "partition.grain"),
    ("colour = 1\n" + HEAD, SELECT, "colour is no key of a model's head"),
    ("key = [\n" + HEAD, SELECT, r"\.sql:\d+: the head is not valid TOML"),
    ('dialect = "oracle"\n' + HEAD, SELECT, "dialect 'oracle': expected one of duckdb, mysql"),
    (HEAD + "[inputs.usage_data]\nlookback_days = -1\n", SELECT, r"inputs\.usage_data\.lookback_days"),
    (HEAD, "DELETE FROM usage_data", "expected one SELECT; found DELETE"),
    (HEAD, f"{SELECT}; SELECT 1", "found 2 statements"),
    (HEAD, "SELECT FROM WHERE", "not valid SQL"),
    (HEAD, "WITH x AS (DELETE FROM a RETURNING b) SELECT * FROM x", "only reads"),
    (HEAD, "SELECT CURRENT_DATE AS month, currency, revenue FROM usage_data", "changes while no input does"),
    (HEAD, "SELECT 'now'::date AS month, currency, revenue FROM usage_data", "changes while no input does"),
    (HEAD, "SELECT statement_timestamp() AS month, currency, revenue FROM usage_data", "changes while no input does"),
    (HEAD, "SELECT AGE(date) AS month, currency, revenue FROM usage_data", "changes while no input does"),
    (HEAD, "SELECT DATE() AS month, currency, revenue FROM usage_data", "changes while no input does"),
    (HEAD, "SELECT RANDOM() AS month, currency, revenue FROM usage_data", "changes while no input does"),
    ("", SELECT, "expected a head"),
]


@pytest.mark.parametrize(("head", "select", "told"), MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, head: str, select: str, told: str) -> None:
    written(tmp_path, "gold/monthly", head, select)
    with pytest.raises(ModelError, match=told) as caught:
        [model.select("sqlite") for model in read_models(tmp_path)]
    assert "monthly.sql" in str(caught.value)


def test_a_function_of_its_arguments_alone_is_none_of_the_time(tmp_path: Path) -> None:
    written(tmp_path, "m", HEAD, "SELECT AGE(a, b), UNIX_TIMESTAMP(a), DATE(a), 'now' AS b FROM usage_data")
    assert read_models(tmp_path)[0].select("sqlite").named_selects[-1] == "b"


def test_what_an_engines_own_select_says_is_not_lost_when_it_is_compared(tmp_path: Path) -> None:
    """Another SQL may have one word for both."""
    found = set()
    for name, cast in (("a", "TRY_CAST"), ("b", "CAST")):
        written(tmp_path, f"{name}/m", HEAD)
        written(tmp_path, f"{name}/m.duckdb", "", f"SELECT {cast}(a AS INT) AS month FROM usage_data")
        found.add(canonical_text(read_models(tmp_path / name)[0], "duckdb"))
    assert len(found) == 2
