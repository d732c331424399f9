"""Tests that load programs into the kernel skip where they cannot, and say why."""

from __future__ import annotations

import pytest

from astraea.congestion.kernel import obstacle


@pytest.fixture(scope="session")
def kernel() -> None:
    """Skip unless programs can be loaded here."""
    if lacking := obstacle():
        pytest.skip(lacking)
