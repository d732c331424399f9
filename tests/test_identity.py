"""What is run is fixed for a folder, how it is run is not."""

from __future__ import annotations

import pytest

from astraea.errors import RunError
from astraea.identity import check_same, identity

EXECUTION = ("engine", "data.dir")


def test_identity_leaves_out_keys_and_sections_of_the_execution() -> None:
    settings = {"seed": 0, "engine.name": "serial", "engineer": 1, "data.dir": "here", "data.directory": 2}
    assert identity(settings, EXECUTION) == {"seed": 0, "engineer": 1, "data.directory": 2}


def test_only_another_identity_is_refused() -> None:
    before = {"seed": 0, "engine.name": "serial", "lr": 0.1}
    check_same(before | {"engine.name": "stacked", "data.dir": "there"}, before, "the run", execution=EXECUTION)
    with pytest.raises(RunError, match=r"the run has lr = 0\.1, not 0\.2: resume it without changes, or choose"):
        check_same(before | {"lr": 0.2}, before, "the run", execution=EXECUTION)
    with pytest.raises(RunError, match="the run has new = None, not 3"):
        check_same(before | {"new": 3}, before, "the run", execution=EXECUTION)
