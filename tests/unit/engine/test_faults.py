"""HOLDFAST_FAULT is typed by people too: a mistake in it is told as theirs."""

from __future__ import annotations

import pytest

from holdfast.domain.errors import ConfigError
from holdfast.engine.faults import armed


@pytest.mark.parametrize("spec", ["comit.begun=kill", "commit.begun:x=kill", "commit.begun=boom", "=kill"])
def test_a_fault_that_does_not_exist_is_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match=f"HOLDFAST_FAULT: '{spec}' is no fault"):
        armed(f"claim.made:2=stop,{spec}")
