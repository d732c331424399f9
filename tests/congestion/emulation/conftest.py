import pytest

from astraea.congestion.emulation import obstacle


@pytest.fixture
def privileged() -> None:
    if (lack := obstacle()) is not None:
        pytest.skip(lack)
