"""What a command loads before it knows what there is to do: nothing that takes longer than the work."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"numpy", "pyarrow", "rich", "sqlalchemy", "pydantic"}


def loaded_by(module: str) -> set[str]:
    """The top-level packages a fresh interpreter holds once it has imported `module`."""
    code = f"import json, sys, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(told.stdout))


@pytest.mark.parametrize(
    ("module", "may_load"),
    [
        ("holdfast", set()),
        ("holdfast.interfaces.cli.main", set()),
        ("holdfast.interfaces.config", {"pydantic"}),
        ("holdfast.parsing.csv", {"pydantic"}),
        ("holdfast.adapters.sources.files", set()),
        ("holdfast.wiring", {"pydantic", "sqlalchemy", "rich"}),  # rich comes with structlog
    ],
)
def test_importing_it_leaves_heavy_packages_alone(module: str, may_load: set[str]) -> None:
    assert loaded_by(module) & HEAVY <= may_load
