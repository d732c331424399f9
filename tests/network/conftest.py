"""What the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from astraea.network.settings import Network


@pytest.fixture(autouse=True)
def silent_arithmetic() -> Iterator[None]:
    """Let interpreted code divide by zero in silence, as compiled code does."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(scope="session")
def smallest() -> dict[str, Any]:
    """The smallest network file."""
    return {
        "server": {"up_mbps": 1000, "down_mbps": 1000},
        "sites": [
            {"clients": "*", "up_mbps": 10, "down_mbps": 50, "delay_ms": 20, "buffer_bdp": 1.0, "step_seconds": 0.01}
        ],
    }


@pytest.fixture(scope="session")
def plain() -> Callable[..., Network]:
    """A network that costs bytes over capacity and delays alone; 8 Mbit/s carry a megabyte a second."""

    def made(server: Any = 8.0, own: float = 8.0, delay_ms: float = 0.0, **more: Any) -> Network:
        site = {"up_mbps": own, "down_mbps": own, "delay_ms": delay_ms}
        ends = server if isinstance(server, dict) else {"up_mbps": server, "down_mbps": server}
        network = Network(**{"server": ends, "sites": (site,), **more})
        return network.model_copy(update={"transport": network.transport.plain()})

    return made
