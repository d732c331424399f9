"""What the tests of this room share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture
def machine_code() -> None:
    """Skip a test of many packets where code is interpreted, as it is to see what tests cover."""
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        pytest.skip("so many packets need compiled code")


@pytest.fixture(autouse=True)
def silent_arithmetic() -> Iterator[None]:
    """Let interpreted code wrap around in silence, as machine code does."""
    with np.errstate(all="ignore"):
        yield
