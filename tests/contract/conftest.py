"""The contract suite runs on every engine that is behind the port."""

from __future__ import annotations

import pytest

from tests.conftest import ENGINES


@pytest.fixture(params=(*ENGINES, "mysql"))
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
