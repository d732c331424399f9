from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.congestion.metrics.maxmin import max_min_shares
from astraea.network.bound import alone
from astraea.network.flows import Flows, flows_of
from astraea.network.fluid import model
from astraea.network.fluid.model import Sharing, share
from astraea.network.layout import lay_out
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.transfers import Transfers


def ended(transfers: Transfers, network: Network, sharing: Sharing | None = None, **more: Any) -> Any:
    clients = np.unique(transfers.source[transfers.source >= 0])
    return share(flows_of(transfers, lay_out(network, clients)), sharing, **more)


def test_one_transfer_on_one_link(plain: Callable[..., Network]) -> None:
    moments = ended(star([3.0], 2_000_000), plain(8, 16, delay_ms=250))

    np.testing.assert_allclose(moments.begun, [0, 2.25 + 3], rtol=1e-6)
    np.testing.assert_allclose(moments.arrived, [2.25, 2.25 + 3 + 2.25], rtol=1e-6)


def test_equal_transfers_share_a_link_equally(plain: Callable[..., Network]) -> None:
    assert ended(star([0.0] * 7), plain()).arrived[::2] == pytest.approx([7.0] * 7, rel=1e-6)


def test_the_end_of_slow_start_costs_intervals(plain: Callable[..., Network]) -> None:
    # 1 MB/s, a round trip of 0.2 s: 0.1 MB in the first, then half a rate for 0.8 s, then all of it.
    flows = flows_of(star([0.0], 2_000_000), lay_out(plain(8, 8, delay_ms=100), [0]))
    flows = flows._replace(opening=np.full(2, 5e5))

    settled = share(flows, settling=4.0)

    assert settled.sent[0] == pytest.approx(0.2 + 0.8 + 1.5)
    assert share(flows).sent[0] == pytest.approx(0.2 + 1.9)
    assert alone(flows, settling=4.0).duration == pytest.approx(settled.sent - settled.begun)
    assert share(flows, Sharing(strict=True), settling=4.0).sent[0] == pytest.approx(0.2 + 1.9)


@pytest.mark.parametrize(("n", "k", "tau"), [(10, 1, 0), (10, 1, 10), (20, 4, 0), (20, 20, 0), (10, 20, 5), (40, 4, 8)])
def test_a_star_with_capped_clients(plain: Callable[..., Network], n: int, k: int, tau: float) -> None:
    found = ended(star([tau] * n), plain(8, 8 / k)).arrived.max()

    assert found == pytest.approx(2 * max(n, k) + tau, rel=1e-6)


@pytest.mark.parametrize(("m", "visits", "tau"), [(10, 5, 0), (10, 5, 8), (10, 20, 8), (4, 6, 3)])
def test_chains_in_lockstep(plain: Callable[..., Network], m: int, visits: int, tau: float) -> None:
    found = ended(chains([[tau] * visits] * m), plain()).arrived.max()

    assert found == pytest.approx(visits * (2 * m + tau), rel=1e-6)


def test_a_serial_chain_of_hops(plain: Callable[..., Network]) -> None:
    found = ended(chains([[2.0] * 9]), plain(8, 4, delay_ms=100)).arrived.max()

    assert found == pytest.approx(9 * (2 * (2 + 0.1) + 2), rel=1e-6)


def test_a_hand_made_case_of_unequal_sizes(plain: Callable[..., Network]) -> None:
    # Two share until the small one is down at 2 s, the other has the link to itself until 4 s.
    moments = ended(star([0.0, 9.0], [1_000_000, 3_000_000]), plain(8, 8))

    np.testing.assert_allclose(moments.arrived, [2, 3, 4, 16], rtol=1e-9)


def test_weights_divide_a_link(plain: Callable[..., Network]) -> None:
    weights = np.array([3.0, 1, 1, 1])
    moments = ended(star([0.0, 0.0]), plain(), Sharing(weight=weights))

    np.testing.assert_allclose(moments.arrived[[0, 2]], [4 / 3, 2])


def test_strict_priority_serves_one_after_the_other(plain: Callable[..., Network]) -> None:
    moments = ended(star([0.0, 0.0]), plain(), Sharing(priority=np.array([0.0, 0, 1, 1]), strict=True))

    np.testing.assert_allclose(moments.arrived[[0, 2]], [2, 1])


def test_a_few_are_let_in_at_a_time_and_as_many_as_fill_the_link(plain: Callable[..., Network]) -> None:
    order = np.repeat([0.0, 1, 2, 3], 2)

    one = ended(star([50.0] * 4), plain(), Sharing(priority=order, few=1))
    filled = ended(star([50.0] * 4), plain(8, 4), Sharing(priority=order, few=1))

    np.testing.assert_allclose(one.arrived[::2], [4, 3, 2, 1])
    np.testing.assert_allclose(one.begun[::2], [3, 2, 1, 0])
    np.testing.assert_allclose(one.ready[::2], 0)
    np.testing.assert_allclose(filled.arrived[::2], [4, 4, 2, 2])


def test_slow_start_and_handshakes_cost_round_trips() -> None:
    ends = {"up_mbps": 80, "down_mbps": 80}

    def seconds(**transport: Any) -> float:
        network = Network(
            server=ends,
            sites=({"up_mbps": 8, "down_mbps": 8, "delay_ms": 50},),
            transport={"payload_bytes": 1500, "efficiency": False, **transport},
        )
        return float(ended(star([0.0], 150_000), network).arrived[0])

    kept = 0.3 + (150_000 - 105_000) / 1e6 + 0.05  # 10, 20 and 40 packets in three round trips
    assert seconds() == pytest.approx(kept)
    assert seconds(connections="warm") == pytest.approx(0.2)
    assert seconds(connections="fresh") == pytest.approx(kept + 0.2)
    assert seconds(connections="fresh", tls=False) == pytest.approx(kept + 0.1)
    assert seconds(connections="warm", window_bytes=50_000) == pytest.approx(0.05 + 0.3)


def test_background_takes_its_share(plain: Callable[..., Network]) -> None:
    server = {"up_mbps": 12, "down_mbps": 12, "background_mbps": 4, "background_flows": 3}

    assert ended(star([0.0]), plain(server=server)).arrived[0] == pytest.approx(4)


def test_a_link_that_varies_is_followed(plain: Callable[..., Network], tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text("0,8\n1,0\n2,4\n3,8\n")  # and again from 4 s on
    site = {"up_mbps": 8, "down_mbps": 8}
    shared = plain(server={"up_mbps": 8, "down_mbps": 8, "up_trace": trace}, sites=(site,))

    assert ended(star([0.0], 2_000_000), shared).arrived[0] == pytest.approx(3.5)
    assert ended(star([0.0, 0.0], 1_500_000), shared).arrived[::2] == pytest.approx([4.5, 4.5])


def test_time_runs_out(plain: Callable[..., Network]) -> None:
    moments = ended(star([0.0, 5.0]), plain(), until=4.5)

    np.testing.assert_allclose(moments.arrived, [2, 3, 2, np.inf])


worlds = st.fixed_dictionaries(
    {
        "training": st.lists(st.lists(st.floats(0, 5), min_size=1, max_size=3), min_size=1, max_size=8),
        "own": st.sampled_from([1.0, 3.0, 30.0]),
        "links": st.integers(0, 2),
        "cold": st.booleans(),
        "seed": st.integers(0, 99),
        "few": st.sampled_from([0, 2]),
        "recovery": st.sampled_from([1.1, np.inf]),
    }
)


def flows_in(world: dict[str, Any]) -> Flows:
    site = {"up_mbps": world["own"], "down_mbps": world["own"] * 2, "delay_ms": 10, "rate_spread": 0.7}
    links = tuple({"name": f"cell-{j}", "up_mbps": 6, "down_mbps": 9} for j in range(world["links"]))
    network = Network(
        server={"up_mbps": 20, "down_mbps": 10, "background_flows": world["seed"] % 2},
        links=links,
        sites=(site, *({**site, "link": link["name"]} for link in links)),
        transport={"connections": "kept" if world["cold"] else "warm"},
        seed=world["seed"],
    )
    transfers = chains(world["training"])
    return flows_of(transfers, lay_out(network, range(sum(map(len, world["training"])))))


@settings(max_examples=80)
@given(worlds)
def test_both_ways_of_sharing_agree(world: dict[str, Any]) -> None:
    flows = flows_in(world)
    rng = np.random.default_rng(world["seed"])
    n = len(flows.after)
    sharing = Sharing(weight=rng.uniform(0.2, 5, n), priority=rng.permutation(n).astype(float), few=world["few"])
    found = []
    for by_tree in (True, False):
        with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
            if not by_tree:
                patch.setattr(model, "_tree", lambda flows: None)
            found.append(share(flows, sharing, recovery=world["recovery"]))

    np.testing.assert_allclose(found[0].arrived, found[1].arrived, rtol=1e-9)


def test_rates_are_the_weighted_max_min_shares() -> None:
    """Flows that begin together have, in a first short while, sent what their shares say."""
    rng = np.random.default_rng(3)
    for seed in range(20):
        world = {"training": [[0.0]] * 8, "own": 3.0, "links": 2, "cold": False, "seed": 2 * seed, "few": 0}
        flows = flows_in(world)
        downloads = np.flatnonzero(flows.after < 0)
        weight = rng.uniform(0.2, 5, len(flows.after))
        peak = flows.capacities.peak
        paths = [[j for j in (*flows.shared[i], *flows.private[i]) if j >= 0] for i in downloads]
        expected = max_min_shares(peak, paths, weight[downloads])
        first = np.argmin(flows.size[downloads] / expected)

        moments = share(flows, Sharing(weight=weight))

        begins = moments.sent[downloads[first]] - moments.begun[downloads[first]]
        assert begins == pytest.approx(flows.size[downloads[first]] / expected[first], rel=1e-9)


@pytest.mark.parametrize("by_tree", [True, False])
def test_a_window_that_was_held_back_takes_up_no_faster_what_others_leave(
    plain: Callable[..., Network], monkeypatch: pytest.MonkeyPatch, by_tree: bool
) -> None:
    # Both could take 0.6 MB/s at once and get 0.5; the small one ends at 0.25 s. The other may then take 0.55 until
    # 0.3 s, 0.605 until 0.4 s and 0.6655 until 0.5 s.
    if not by_tree:
        monkeypatch.setattr(model, "_tree", lambda flows: None)
    sizes = [125_000, 125_000 + 27_500 + 60_500 + 66_550]
    flows = flows_of(star([0.0, 9.0], sizes), lay_out(plain(), [0, 1]))
    flows = flows._replace(opening=np.full(4, 6e5), rtt=np.full(4, 0.1))

    held = share(flows, recovery=1.1).sent[::2]
    free = share(flows).sent[::2]

    assert held == pytest.approx([0.25, 0.5])
    assert free == pytest.approx([0.25, 0.25 + 0.15455])
