from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from astraea.errors import InputError
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.network import load_network, round_time
from astraea.network.choice import NetworkSettings
from astraea.network.exchanges import Exchange, time_exchanges, transfers_between
from astraea.network.layout import lay_out
from astraea.network.settings import Network

MB = 1_000_000


def test_exchanges_of_a_chain_follow_each_other_and_chains_begin_together() -> None:
    network = Network(
        server={"up_mbps": 8, "down_mbps": 8, "seconds_per_transfer": 0.5},
        sites=({"up_mbps": 8, "down_mbps": 8, "step_seconds": 0.1},),
    )
    rounds = [[Exchange(0, 10, 20, 3), Exchange(1, 30, 0, 0)], [], [Exchange(2, 50, 60, 7)]]

    found = transfers_between(rounds, lay_out(network, [0, 1, 2]), 0)

    assert found.chain.tolist() == [0, 0, 0, 0, 2, 2]
    assert found.source.tolist() == [-1, 0, -1, 1, -1, 2]
    assert found.target.tolist() == [0, -1, 1, -1, 2, -1]
    assert found.bytes.tolist() == [10, 20, 30, 1, 50, 60]  # an empty reply is a transfer too
    assert found.after.tolist() == [-1, 0, 1, 2, -1, 4]
    assert found.delay.tolist() == pytest.approx([0.5, 0.3, 0.5, 0.0, 0.5, 0.7])
    assert found.compute.tolist() == pytest.approx([0, 0.3, 0, 0, 0, 0.7])


def test_a_round_of_unlike_messages_by_hand(plain: Callable[..., Network]) -> None:
    """A megabyte a second: one down, two up; then two chains of one visit share the server's link."""
    alone = time_exchanges([[Exchange(0, MB, 2 * MB, 5)]], plain(), NetworkSettings(), 0)
    both = time_exchanges([[Exchange(0, MB, MB, 0)], [Exchange(1, 3 * MB, MB, 0)]], plain(), NetworkSettings(), 0)

    assert alone.seconds == pytest.approx(3)
    assert both.seconds == pytest.approx(5)  # 2 s for the small one, both models by 4 s, and a second back


def test_a_round_as_planned_takes_what_the_plan_takes() -> None:
    network = load_network("cross-device")
    start = ChainState(torch.zeros(20_000), torch.zeros(0, dtype=torch.int64))
    chains = tuple(Chain(i, (Visit(2 * i), Visit(2 * i + 1))) for i in range(3))
    plan = RoundPlan(4, 0, start, chains, LocalTraining(1, 10, "SGD", 0.1))
    steps = np.random.default_rng(0).integers(1, 30, 6).tolist()
    came = [[Exchange(visit.client, 80_000, 80_000, steps[visit.client]) for visit in chain.visits] for chain in chains]

    planned = round_time(plan, network, "bbr", steps=steps.__getitem__)
    found = time_exchanges(came, network, NetworkSettings(congestion="bbr"), 4)

    assert found.seconds == planned.seconds
    assert found.metrics == planned.metrics


def test_a_round_without_replies_takes_no_time(plain: Callable[..., Network]) -> None:
    assert time_exchanges([[], []], plain(), NetworkSettings(), 0).seconds == 0


def test_a_client_without_a_site_is_refused(smallest: dict[str, Any]) -> None:
    network = Network(**{**smallest, "sites": [{**smallest["sites"][0], "clients": "0-1"}]})

    with pytest.raises(InputError, match="client 2 has no site: the network is for 2 clients"):
        time_exchanges([[Exchange(2, 1, 1, 1)]], network, NetworkSettings(), 0)
