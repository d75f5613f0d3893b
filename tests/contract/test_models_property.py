"""Whatever is loaded, corrected, replaced, edited and killed in whatever order: a build ends in a full recompute."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.engine.faults import POINTS
from holdfast.models import building, content
from tests.support.models_project import MONTHLY, ModelsProject

BUILDING = [point for point in POINTS if point.startswith("build.")]
DAYS = ["2024-05-30", "2024-05-31", "2024-06-01", "2024-06-02"]
ROW = st.tuples(
    st.integers(1, 6),
    st.sampled_from(DAYS),
    st.sampled_from(["EUR", "USD"]),
    st.sampled_from(["0.10", "60.00", "150.00"]),
)
ROWS = st.lists(ROW, max_size=5)
STEP = st.one_of(
    st.tuples(
        st.just("load"), st.sampled_from(["a.csv", "b.csv", "c.csv"]), ROWS
    ),  # a name again: another version of it
    st.tuples(st.just("edit"), st.sampled_from([50, 100])),
    st.tuples(st.just("build"), st.sampled_from([(), ("daily",), ("monthly",)])),
    st.tuples(st.just("crash"), st.sampled_from(BUILDING), st.integers(1, 4)),
)


class _Crash(BaseException):
    """The process is gone: nobody catches it."""


def crash_at(point: str, nth: int) -> pytest.MonkeyPatch:
    passed = 0

    def reach(here: str) -> None:
        nonlocal passed
        passed += here == point
        if passed == nth and here == point:
            raise _Crash

    patch = pytest.MonkeyPatch()
    for module in (building, content):
        patch.setattr(module, "reach", reach)
    return patch


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(STEP, min_size=3, max_size=9))
def test_a_build_ends_in_a_full_recompute(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    with TemporaryDirectory() as directory:
        project = ModelsProject(f"sqlite:///{directory}/h.db", Path(directory))
        project.load("first.csv", [(1, DAYS[0], "EUR", "0.10")])
        for step in steps:
            match step:
                case "load", name, rows:
                    project.load(name, {row[0]: row for row in rows}.values())
                case "edit", large:
                    project.large = large
                    project.write("gold/monthly", MONTHLY.replace("> 100", f"> {large}"))
                case "build", models:
                    project.build(*models)
                case "crash", point, nth:
                    patch = crash_at(point, nth)
                    with suppress(_Crash):
                        project.build()
                    patch.undo()
        project.built()
        project.check()
        assert project.built() == {}
