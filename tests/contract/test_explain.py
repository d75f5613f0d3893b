"""A row is found by its values and told alike on every engine, whatever the engine gives back for a type."""

from __future__ import annotations

from pathlib import Path

import holdfast
from holdfast.domain.contract import contract_from
from holdfast.quality.explain_key import conditions_of
from holdfast.quality.explain_row import NoRow, RowStory, SeveralRows, explain_row

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
            return explain_row(project.database, project.source, made, conditions_of(made, given))

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
