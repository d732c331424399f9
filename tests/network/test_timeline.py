"""The bars of a round, worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.network.settings import Network
from astraea.network.shapes import chains
from astraea.network.timeline import PARTS, timeline
from astraea.network.timing import round_time

ENDS = {"up_mbps": 8, "down_mbps": 8}  # a megabyte a second


@pytest.fixture
def network() -> Network:
    fast = Network(server={"up_mbps": 800, "down_mbps": 800}, sites=({**ENDS, "delay_ms": 0},))
    return fast.model_copy(update={"transport": fast.transport.plain()})


def spans(told: dict[str, Any], chain: int) -> list[tuple[str, int, float, float]]:
    bars = [bar for bar in told["bars"] if bar["chain"] == chain]
    return [(bar["part"], bar["client"], round(bar["start"], 3), round(bar["end"], 3)) for bar in bars]


def test_a_chain_downloads_trains_and_uploads_client_by_client(network: Network) -> None:
    told = timeline(round_time(chains([[2.0, 3.0], [1.0]], 1_000_000), network))

    assert spans(told, 0) == [
        ("download", 0, 0.0, 1.0),
        ("training", 0, 1.0, 3.0),
        ("upload", 0, 3.0, 4.0),
        ("download", 1, 4.0, 5.0),
        ("training", 1, 5.0, 8.0),
        ("upload", 1, 8.0, 9.0),
    ]
    assert spans(told, 1) == [("download", 2, 0.0, 1.0), ("training", 2, 1.0, 2.0), ("upload", 2, 2.0, 3.0)]
    assert {bar["chain"] for bar in told["bars"] if bar["critical"]} == {0}
    assert told["seconds"] == pytest.approx(9.0)
    assert told["compute"] == pytest.approx(5.0)
    assert [bar["chain"] for bar in told["bars"]][-1] == 0  # it ends last
    assert {bar["part"] for bar in told["bars"]} < set(PARTS)


def test_of_many_transfers_the_chains_that_end_last_are_kept(network: Network) -> None:
    cost = round_time(chains([[2.0, 3.0], [1.0], [4.0]], 1_000_000), network)

    assert {bar["chain"] for bar in timeline(cost, 6)["bars"]} == {0, 2}
    assert {bar["chain"] for bar in timeline(cost, 1)["bars"]} == {0}
    assert timeline(cost, 1)["chains"] == 3
