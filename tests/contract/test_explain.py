"""A row is found by its values and told alike on every engine, whatever the engine gives back for a type."""

from __future__ import annotations

from pathlib import Path

import pytest

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.domain.errors import UsageError
from holdfast.domain.table import physical_table
from holdfast.quality.changes import Asked
from holdfast.quality.changes_told import changes_told
from holdfast.quality.explain_key import conditions_of, subject_of
from holdfast.quality.explain_row import NoRow, RowStory, SeveralRows, explain_row
from holdfast.wiring_explain import changes_in

COLUMNS = {
    "day": "date(%d/%m/%Y)",
    "id": "bigint",
    "name": "string(20)",
    "amount": "decimal(12,2)",
    "share": "float",
    "is_paid": "bool",
    "at": "timestamp(%Y-%m-%d %H:%M, Europe/Berlin)",
    "local": "timestamp(%Y-%m-%d %H:%M:%S)",
    "token": "uuid",
    "more": "json",
}
UUID = "0123abcd-0000-4000-8000-000000000001"
GOOD = [
    f'01/02/2024,1,"Acme, ""x""",12.50,0.5,yes,2024-07-01 12:00,2024-02-01 00:00:01,{UUID},"{{""a"": 1}}"\n',
    f"01/02/2024,2,Acme,-0.10,1e3,no,2024-01-01 12:00,2024-02-01 00:00:02,{UUID},[]\n",
    "02/02/2024,1,,0.00,2,no,2024-01-01 12:00,2024-02-01 00:00:03,,\n",
]
BAD = "02/02/2024,1,Acme,1.234,2,no,2024-01-01 12:00,2024-02-01 00:00:03,,\n"
OTHER = "02/02/2024,11,Acme,1.234,2,no,2024-01-01 12:00,2024-02-01 00:00:03,,\n"
TOLD = {
    "day": "2024-02-01",
    "id": "1",
    "name": 'Acme, "x"',
    "amount": "12.50",
    "share": "0.5",
    "is_paid": "true",
    "at": "2024-07-01 10:00:00",
    "local": "2024-02-01 00:00:01",
    "token": UUID,
    "more": '{"a": 1}',
}


def test_a_row_is_found_and_told_alike(database_url: str, tmp_path: Path) -> None:
    made = contract_from(
        {
            "name": "bills",
            "table": "bills",
            "primary_key": ["day", "id"],
            "columns": [
                {"name": name, "type": kind, "nullable": name not in ("day", "id")} for name, kind in COLUMNS.items()
            ],
        }
    )
    (tmp_path / "a.csv").write_text(",".join(COLUMNS) + "\n" + "".join([*GOOD, BAD, OTHER]))
    settings = holdfast.Settings(url=database_url, project_dir=str(tmp_path))
    with holdfast.open_project(settings) as project:

        def asked(*given: str) -> RowStory | SeveralRows | NoRow:
            return explain_row(project.database, project.source, made, conditions_of(subject_of(made), given))

        assert isinstance(missing := asked("id=1"), NoRow)
        assert not missing.has_table
        assert project.load(made, ["a.csv"]).error is None
        story = asked("day=2024-02-01", "id=1")
        assert isinstance(story, RowStory)
        assert {name: story.values[name] for name in COLUMNS} == TOLD
        assert (story.delivery.raw, story.delivery.line, story.differences) == (GOOD[0].rstrip("\n"), 2, [])
        by_others = [
            asked('name=Acme, "x"'),
            asked("AMOUNT=12.5", "is_paid=true"),
            asked("at=2024-07-01T12:00:00+02:00"),
            asked("local=2024-02-01 00:00:01", f"token={UUID.upper()}"),
            asked(f"_origin={story.delivery.origin}"),
            asked("day=01/02/2024", "id=1"),
        ]
        assert [found.values["id"] for found in by_others if isinstance(found, RowStory)] == ["1"] * len(by_others)
        assert isinstance(empty := asked("name="), RowStory)
        assert (empty.rejects.total, empty.rejects.first[0]["line"], empty.differences) == (1, 5, []), "not that of 11"
        assert isinstance(several := asked("day=2024-02-01"), SeveralRows)
        assert several.keys == [{"day": "2024-02-01", "id": "1"}, {"day": "2024-02-01", "id": "2"}]
        assert isinstance(none := asked("day=2024-02-02", "id=11"), NoRow)
        assert (none.rejects.total, none.chunks_waiting) == (1, 0)


ITEMS = contract_from(
    {
        "name": "items",
        "table": "silver.items",
        "primary_key": ["id", "zone"],
        "partition": {"column": "day", "grain": "month"},
        "checks": [{"kind": "closed_period", "closed_before": "2024-02-01"}],
        "check_after_load": False,
        "columns": [
            {"name": "id", "type": "bigint"},
            {"name": "zone", "type": "string(9)"},
            {"name": "day", "type": "date"},
            {"name": "amount", "type": "decimal(12,2)", "nullable": True},
            {"name": "paid", "type": "bool", "nullable": True},
        ],
    }
)
HEADER = "id,zone,day,amount,paid\n"


def test_history_is_read_back_and_summed_alike(database_url: str, tmp_path: Path) -> None:
    """Every value in order with the lines that made it; sums of decimals to the last digit; what is gone is known."""
    settings = holdfast.Settings(url=database_url, project_dir=str(tmp_path))
    texts = {
        "a.csv": '1,"it""s",2024-01-31,0.10,true\n11,x,2024-01-01,0.20,\n2,x,2024-02-01,,true\n',
        "b.csv": '1,"it""s",2024-02-01,0.30,true\n11,x,2024-01-01,1000000000.01,false\n2,x,2024-02-01,0.5,true\n',
        "c.csv": '1,"it""s",2024-02-01,0.70,true\n2,x,2024-02-01,0.5,true\n',
    }
    runs = []
    with holdfast.open_project(settings) as project:
        for name, text in texts.items():
            (tmp_path / name).write_text(HEADER + text)
            result = project.load(ITEMS, [name])
            assert result.error is None, result.error
            runs.append(result.run_id)
        story = explain_row(
            project.database, project.source, ITEMS, conditions_of(subject_of(ITEMS), ["id=1", 'zone=it"s'])
        )
        assert isinstance(story, RowStory)
        assert (story.partition, story.delivery.uri, story.differences) == ("2024-02", "c.csv", [])
        assert [
            (found.columns, found.replaced.uri, found.replaced.line, found.by.uri, found.run_id)
            for found in story.history.latest
        ] == [
            ((("amount", "0.10", "0.30"), ("day", "2024-01-31", "2024-02-01")), "a.csv", 2, "b.csv", runs[1]),
            ((("amount", "0.30", "0.70"),), "b.csv", 2, "c.csv", runs[2]),
        ]

        def sums(**asked: str) -> dict[tuple[str, str], tuple[object, ...]]:
            report, found = changes_in(project, ITEMS, Asked(**asked), rows_most=99)
            told = changes_told(ITEMS, report, found)
            assert report.values == len(told["rows"]) == sum(one["values"] for one in told["sums"])
            names = ("values", "moved", "closed", "empty_before", "sum_before", "sum_after", "difference")
            return {(one["column"], one["partition"]): tuple(one[name] for name in names) for one in told["sums"]}

        # 1 and 2 are of February in the end; that 2's amount is 0.5 again in c.csv changes nothing
        amounts = {
            ("amount", "2024-01"): (1, 0, 1, 0, "0.20", "1000000000.01", "999999999.81"),
            ("amount", "2024-02"): (3, 1, 1, 1, "0.40", "1.50", "1.10"),
        }
        assert sums(column="amount") == amounts
        assert sums(column="amount", partition="2024-01") == amounts | {
            ("amount", "2024-02"): (1, 1, 1, 0, "0.10", "0.30", "0.20")
        }
        assert (
            sums(since=runs[1])
            == sums()
            == amounts
            | {
                ("day", "2024-02"): (1, 1, 1, 0, None, None, None),
                ("paid", "2024-01"): (1, 0, 1, 1, None, None, None),
            }
        )
        assert sums(since=runs[2]) == {("amount", "2024-02"): (1, 0, 0, 0, "0.30", "0.70", "0.40")}
        with pytest.raises(UsageError, match="there is no run 'nonesuch'"):
            sums(since="nonesuch")

        (tmp_path / "c.csv").write_text(HEADER + "2,x,2024-02-01,0.5,true\n")
        assert project.load(ITEMS, ["c.csv"]).error is None
        asked = conditions_of(subject_of(ITEMS), ["id=1", 'zone=it"s'])
        left = explain_row(project.database, project.source, ITEMS, asked)
        assert isinstance(left, RowStory), "a merge keeps what a newer version of the file does not tell again"
        assert (left.delivery.source, left.delivery.file_status, left.delivery.raw) == ("changed", "replaced", None)
        with project.database.transaction() as tx:
            table = physical_table(ITEMS.table, has_schemas=project.database.traits.has_schemas)
            tx.execute(f"DELETE FROM {table} WHERE id = 1")
        gone = explain_row(project.database, project.source, ITEMS, asked)
    assert isinstance(gone, NoRow)
    assert [found.columns[0] for found in gone.history.latest] == [
        ("amount", "0.10", "0.30"),
        ("amount", "0.30", "0.70"),
    ]
