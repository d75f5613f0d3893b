"""From a row to the cells of models it is in, and from a cell to the files behind it, on every engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.models.graph import Graph
from holdfast.quality.explain_model import CellStory, NoCell
from holdfast.quality.explain_row import RowStory, SeveralRows
from holdfast.wiring_explain import explain_dataset, explain_model
from holdfast.wiring_models import Ask, build, graph_of

SALES = contract_from(
    {
        "name": "sales",
        "table": "sales",
        "primary_key": ["day", "id"],
        "partition": "day",
        "columns": [
            {"name": "day", "type": "date"},
            {"name": "id", "type": "bigint"},
            {"name": "shop", "type": "string(9)"},
            {"name": "amount", "type": "decimal(12,2)"},
        ],
    }
)
DAILY = """/*---
key = ["day", "shop"]
partition = { column = "day", grain = "day" }
[columns]
day = "date"
shop = "string(9)"
amount = "decimal(12,2)"
---*/
SELECT day, shop, SUM(amount) AS amount FROM sales GROUP BY day, shop
"""
MONTHLY = """/*---
key = ["month", "shop"]
partition = { column = "month", grain = "month" }
[columns]
month = "date"
shop = "string(9)"
amount = "decimal(12,2)"
---*/
SELECT DATE_TRUNC('month', day) AS month, shop, SUM(amount) AS amount FROM silver.daily GROUP BY 1, 2
"""
SHOPS = """/*---
key = ["shop"]
[columns]
shop = "string(9)"
days = "bigint"
---*/
SELECT shop, COUNT(*) AS days FROM silver.daily GROUP BY shop HAVING COUNT(*) > 0
"""
HEADER = "day,id,shop,amount\n"
FIRST = "2024-01-31,1,it's,1.10\n2024-01-31,2,it's,2.20\n2024-02-01,1,it's,4.00\n2024-01-31,3,other,8.00\n"


def cells(project: holdfast.Project, graph: Graph, *given: str) -> list[tuple[object, ...]]:
    explained = explain_dataset(project, SALES, given, lambda: graph)
    assert isinstance(explained.story, RowStory)
    assert explained.trouble == ""
    return [
        (found.model, tuple(cell.key.values()), cell.values and tuple(cell.values.values())[-1], cell.is_current)
        for found in explained.cells
        for cell in found.cells
    ]


def cell(project: holdfast.Project, graph: Graph, given: Sequence[str] = ("month=2024-01", "shop=it's")) -> CellStory:
    story = explain_model(project, graph, "gold.monthly", given)
    assert isinstance(story, CellStory)
    return story


def test_rows_lead_to_cells_and_cells_to_files(database_url: str, tmp_path: Path) -> None:
    models = {"silver/daily": DAILY, "gold/monthly": MONTHLY, "gold/shops": SHOPS}
    for name, text in models.items():
        path = tmp_path / "models" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    settings = holdfast.Settings(url=database_url, project_dir=str(tmp_path))
    with holdfast.open_project(settings) as project:
        (tmp_path / "a.csv").write_text(HEADER + FIRST)
        project.load(SALES, ["a.csv"])
        graph = graph_of(project, [SALES], None, tmp_path / "models")
        asked = ("day=2024-01-31", "id=1")
        # nothing is built: what daily gives is not there for the others to read
        assert cells(project, graph, *asked) == [("silver.daily", ("2024-01-31", "it's"), None, False)]
        unbuilt = explain_model(project, graph, "daily", ["day=2024-01-31", "shop=it's"])
        assert isinstance(unbuilt, CellStory)
        assert (unbuilt.values, unbuilt.now) == (None, {"day": "2024-01-31", "shop": "it's", "amount": "3.30"})

        built = build(project, graph, Ask())
        assert built.error is None, built.error
        daily, monthly = ("silver.daily", ("2024-01-31", "it's")), ("gold.monthly", ("2024-01-01", "it's"))
        shops = ("gold.shops", ("it's",))
        now = cells(project, graph, *asked)
        assert sorted(now, key=str) == sorted(
            [(*daily, "3.30", True), (*monthly, "3.30", True), (*shops, "2", True)], key=str
        )
        story = cell(project, graph)
        assert (story.values, story.now, story.why_dirty, story.stale_upstream) == (
            {"month": "2024-01-01", "shop": "it's", "amount": "3.30"}, None, "", ()
        )  # fmt: skip
        assert story.state is not None
        assert story.state["run_id"] == built.run_id
        ((behind,),) = [found.behind for found in story.inputs]
        assert [(row["uri"], row["chunk"], row["rows_inserted"]) for row in behind.sources] == [("a.csv", 100, 3)]

        (tmp_path / "b.csv").write_text(HEADER + "2024-01-31,1,it's,1.11\n2024-01-30,9,it's,0.50\n")
        late = project.load(SALES, ["b.csv"])
        assert {(found[0], found[3]) for found in cells(project, graph, *asked)} == {
            ("silver.daily", False), ("gold.monthly", False), ("gold.shops", False)
        }  # fmt: skip
        story = cell(project, graph)
        assert (story.why_dirty, story.stale_upstream) == ("", ("silver.daily",))
        ((behind,),) = [found.behind for found in story.inputs]
        assert [(row["uri"], row["run_id"], row["rows_inserted"], row["rows_updated"]) for row in behind.new] == [
            ("b.csv", late.run_id, 1, 1)
        ]
        assert build(project, graph, Ask(models=["silver.daily"])).error is None
        story = cell(project, graph)
        assert (story.stale_upstream, story.values and story.values["amount"]) == ((), "3.30")
        assert story.now == {"month": "2024-01-01", "shop": "it's", "amount": "3.81"}
        assert [(row["rows_inserted"], row["rows_updated"]) for found in story.inputs for row in found.new] == [(1, 1)]
        assert build(project, graph, Ask()).error is None
        story = cell(project, graph)
        assert (story.values and story.values["amount"], story.now, story.why_dirty) == ("3.81", None, "")
        assert [found.new for found in story.inputs] == [()]

        several = explain_model(project, graph, "gold.monthly", ["shop=it's"])
        assert isinstance(several, SeveralRows)
        assert [key["month"] for key in several.keys] == ["2024-01-01", "2024-02-01"]
        none = explain_model(project, graph, "gold.monthly", ["month=2024-01", "shop=x"])
        assert none == NoCell("2024-01", is_built=True)
