"""Two builders and four loaders at once, in processes of their own: no group is wrong, nothing is built twice."""

from __future__ import annotations

from pathlib import Path

from bench.build_race import race


def test_builders_and_loaders_at_once(postgres_url: str, tmp_path: Path) -> None:
    """Longer: python -m bench.build_race."""
    found = race(postgres_url, tmp_path, seconds=3)
    assert found["groups compared"] > 0
    assert found["loads"] >= 4
    assert found["builds"] >= 2
