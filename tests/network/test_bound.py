from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.network.bound import alone, jackson, lower_bound
from astraea.network.flows import flows_of
from astraea.network.fluid.model import Sharing, share
from astraea.network.layout import lay_out
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.timing import lay_round


def test_jackson_interrupts_for_a_longer_tail() -> None:
    # The first job works from 0 to 1 and from 3 to 5, the second, with the longer tail, from 1 to 3.
    assert jackson(np.array([0.0, 1.0]), np.array([3.0, 2.0]), np.array([1.0, 7.0])) == 10.0
    assert jackson(np.array([0.0, 6.0]), np.array([1.0, 1.0]), np.array([0.0, 0.0])) == 7.0


@pytest.mark.parametrize(
    ("clients", "own", "seconds", "optimum"),
    [
        (10, 1, 0, 11),
        (10, 1, 10, 21),
        (50, 1, 10, 61),
        (100, 1, 20, 121),
        (20, 4, 0, 24),
        (20, 10, 0, 30),
        (20, 20, 0, 40),
        (40, 4, 8, 52),
    ],
)
def test_the_bound_is_the_optimum_of_an_equal_star(
    plain: Callable[..., Network], clients: int, own: int, seconds: float, optimum: float
) -> None:
    laid = lay_round(star([seconds] * clients), plain(8, 8 / own), "cubic")

    assert lower_bound(laid.flows, laid.times) == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize(
    ("count", "visits", "seconds", "optimum"),
    [(10, 5, 0, 51), (10, 5, 8, 59), (10, 5, 10, 69), (10, 20, 8, 209), (4, 6, 3, 33)],
)
def test_the_bound_is_the_optimum_of_equal_chains(
    plain: Callable[..., Network], count: int, visits: int, seconds: float, optimum: float
) -> None:
    laid = lay_round(chains([[seconds] * visits] * count), plain(), "cubic")

    assert lower_bound(laid.flows, laid.times) == pytest.approx(optimum, rel=1e-9)


def test_slow_start_alone_doubles_each_round_trip() -> None:
    # 10 packets in the first 100 ms, 20 in the second, then 8 Mbit/s; 100 packets in all, 150 kB on the wire.
    network = Network(
        server={"up_mbps": 80, "down_mbps": 80},
        sites=({"up_mbps": 8, "down_mbps": 2.4, "delay_ms": 50},),
        transport={"payload_bytes": 1500, "efficiency": False},
    )
    transfers = star([1.0], 150_000)
    times = alone(flows_of(transfers, lay_out(network, [0])))

    down = 0.1 + (150_000 - 15_000) / 0.3e6
    up = 0.3 + (150_000 - 105_000) / 1e6
    np.testing.assert_allclose(times.duration, [down, up])
    np.testing.assert_allclose(times.head, [0, down + 0.05 + 1])
    np.testing.assert_allclose(times.tail, [0.05 + 1 + up + 0.05, 0.05])


@settings(max_examples=150)
@given(
    training=st.lists(st.lists(st.floats(0, 20), min_size=1, max_size=3), min_size=1, max_size=6),
    own=st.sampled_from([0.5, 2.0, 8.0, 20.0]),
    seed=st.integers(0, 1000),
    ways=st.sampled_from(["weights", "strict", "few"]),
    cold=st.booleans(),
)
def test_nothing_ends_before_the_bound(
    training: list[list[float]], own: float, seed: int, ways: str, cold: bool
) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 3_000_000, len(training)).tolist()
    transfers = chains(training, sizes)
    site = {"up_mbps": own, "down_mbps": 2 * own, "delay_ms": 20, "rate_spread": 0.5}
    cell = {"name": "cell", "up_mbps": 5, "down_mbps": 5, "half_duplex": bool(seed % 2)}
    network = Network(
        server={"up_mbps": 8, "down_mbps": 4},
        links=(cell,),
        sites=({**site, "link": "cell"}, site),
        transport={"connections": "fresh" if cold else "warm"},
        seed=seed,
    )
    flows = flows_of(transfers, lay_out(network, range(sum(map(len, training)))))
    n = len(flows.after)
    weight, priority = rng.uniform(0.1, 10, n), rng.random(n)
    sharing = {
        "weights": Sharing(weight=weight),
        "strict": Sharing(priority=priority, strict=True),
        "few": Sharing(priority=priority, weight=weight, few=2),
    }[ways]

    with np.errstate(all="ignore"):
        ended = share(flows, sharing).arrived

    assert np.isfinite(ended).all()
    assert ended.max() >= lower_bound(flows, alone(flows)) * (1 - 1e-9)
