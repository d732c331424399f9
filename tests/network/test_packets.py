from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.errors import InputError
from astraea.network.choice import SHARINGS
from astraea.network.packets import _links
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.timing import RoundTime, lay_round, round_time, time_of


def network(server: float = 100, own: float = 20, **more: Any) -> Network:
    """Full packets are payload, so that a size on the wire is the model's."""
    site = {"up_mbps": own, "down_mbps": own, "delay_ms": 15, **more.pop("site", {})}
    ends = {"up_mbps": server, "down_mbps": server, "delay_ms": 5}
    return Network(server=ends, sites=(site,), transport={"payload_bytes": 1500, "connections": "kept"}, **more)


def both(transfers: Any, place: Network, congestion: str = "cubic") -> tuple[RoundTime, RoundTime]:
    return tuple(round_time(transfers, place, congestion, fidelity) for fidelity in ("packets", "fluid"))  # type: ignore[return-value]


def test_one_transfer_takes_what_the_fluid_model_says() -> None:
    packets, fluid = both(star([0.2], 300_000), network())

    assert packets.fidelity == "packets"
    assert packets.seconds == pytest.approx(fluid.seconds, rel=0.03)
    assert packets.compute == fluid.compute == 0.2
    assert packets.seconds >= packets.bound * (1 - 1e-9)


def test_a_chain_waits_for_each_hop_before() -> None:
    packets, fluid = both(chains([[0.2, 0.1, 0.0]], 150_000), network())

    moments = packets.moments
    flights = packets.round.flows.flight
    waits = packets.round.flows.wait
    for i in range(1, 6):  # half a round trip on, the sender of the hop before knows that it has arrived
        expected = max(moments.arrived[i - 1] + waits[i], moments.arrived[i - 1] + flights[i - 1])
        assert moments.begun[i] == pytest.approx(expected, abs=1e-6)
    assert packets.seconds == pytest.approx(fluid.seconds, rel=0.08)


def test_flows_that_share_a_link_take_longer_together() -> None:
    packets, fluid = both(star([0.0] * 4, 300_000), network(20))

    assert packets.seconds == pytest.approx(fluid.seconds, rel=0.2)
    assert packets.seconds > round_time(star([0.0], 300_000), network(20), fidelity="packets").seconds * 2


def test_a_link_that_varies_is_followed(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text("0,20\n1,0\n2,20\n")
    place = network(site={"up_trace": trace})
    offset = float(lay_round(star([0.0]), place, "cubic").layout.capacities.offset[-2])
    packets = round_time(star([1.0 - offset % 1.0], 300_000), place, fidelity="packets")
    fluid = round_time(star([1.0 - offset % 1.0], 300_000), place)

    assert packets.seconds == pytest.approx(fluid.seconds, rel=0.25)


def test_a_deadline_cuts_packets_too() -> None:
    found = round_time(star([0.0, 9.0], 150_000), network(deadline_s=2), fidelity="packets")

    assert found.late == (1,)
    assert found.seconds == 2
    assert np.isinf(found.moments.arrived).tolist() == [False, False, False, True]


def test_auto_takes_packets_for_what_is_small_and_says_why() -> None:
    small = round_time(star([0.1], 150_000), network(), fidelity="auto")
    large = round_time(star([0.1] * 50, 500_000_000), network(), fidelity="auto")
    warm = network().model_copy(update={"transport": network().transport.plain()})
    certain = round_time(star([0.1], 150_000), warm, fidelity="auto")
    planned = round_time(star([0.1], 150_000), network(), fidelity="auto", sharing="planned")

    assert (small.fidelity, small.why) == ("packets", "2 transfers of 400 packets on all links take some seconds")
    assert large.fidelity == "fluid"
    assert large.why.startswith("100 transfers of 66,666,800 packets on all links")
    assert (certain.fidelity, certain.why) == ("fluid", "packets begin with slow start")
    assert planned.fidelity == "packets"
    assert round_time(star([0.1], 150_000), network()).why == ""


@pytest.mark.parametrize(
    ("sharing", "transport", "sentence"),
    [
        ("weighted", {}, "bbr takes no weights in packets: choose congestion cubic, newreno, policy, or another"),
        ("fair", {"connections": "warm"}, "packets begin with slow start"),
    ],
)
def test_what_packets_cannot_do_is_refused(sharing: str, transport: dict[str, Any], sentence: str) -> None:
    assert sharing in SHARINGS
    place = network()
    place = place.model_copy(update={"transport": place.transport.model_copy(update=transport)})

    with pytest.raises(InputError, match=sentence):
        time_of(lay_round(star([0.1]), place, "bbr"), "bbr", "packets", sharing)


TRAINING = [0.0, 0.1, 0.1, 0.2, 0.4, 3.0]


@pytest.mark.parametrize("congestion", ["cubic", "bbr"])
def test_longest_path_first_gains_in_packets_what_it_gains_in_the_fluid_model(congestion: str) -> None:
    """Six models of 0.6 s each on the link: shared fairly, who trains 3 s has its model after all the others have."""
    laid = lay_round(star(TRAINING, 1_500_000), network(20, 20), congestion)
    fair = time_of(laid, congestion, "packets").seconds
    found = time_of(laid, congestion, "packets", "longest-path")

    assert found.seconds == pytest.approx(time_of(laid, congestion, "fluid", "longest-path").seconds, rel=0.12)
    assert found.seconds < 0.85 * fair
    assert np.argmin(found.moments.arrived[::2]) == 5


def test_a_few_are_let_in_at_a_time() -> None:
    found = time_of(lay_round(star([0.0] * 6, 600_000), network(20, 20), "cubic"), "cubic", "packets", "admission")

    assert (found.moments.begun[::2] < 1e-3).sum() == 3
    assert (found.moments.ready[::2] < 1e-3).sum() == 6
    assert (found.moments.begun >= found.moments.ready - 1e-9).all()


def test_weights_reach_the_controllers() -> None:
    laid = lay_round(star(TRAINING, 1_500_000), network(20, 20), "cubic")
    weighted = time_of(laid, "cubic", "packets", "weighted").moments.arrived[::2]
    fair = time_of(laid, "cubic", "packets").moments.arrived[::2]

    assert weighted[5] < fair[5]


def test_links_that_lose_packets_are_for_packets_alone() -> None:
    place, transfers = network(site={"loss": 0.02}), star([0.1], 300_000)

    found = round_time(transfers, place, fidelity="auto")
    assert (found.fidelity, found.why) == ("packets", "links lose packets at random")
    assert found.seconds > 1.05 * round_time(transfers, network(), fidelity="packets").seconds  # 200 packets each way
    with pytest.raises(
        InputError, match="the network loses packets at random, which fluids cannot follow: set network"
    ):
        round_time(transfers, place)


def test_loss_goes_to_the_links_that_have_it() -> None:
    place = network(site={"loss": 0.01})
    place = place.model_copy(update={"server": place.server.model_copy(update={"loss": 0.001})})
    laid = lay_round(star([0.0, 0.0], 150_000), place, "cubic")

    made = _links(laid.flows, laid.layout, 60.0)

    # what the server sends and receives, and both ways of two clients
    assert {j: link.loss for j, link in made.items()} == {0: 0.001, 1: 0.001, 2: 0.01, 3: 0.01, 4: 0.01, 5: 0.01}


@pytest.mark.parametrize("size", [3_000, 60_000, 300_000])
def test_packets_keep_to_the_bound_however_short_a_transfer_is(size: int) -> None:
    found = round_time(star([0.2, 0.4], size), network(), fidelity="packets")

    # a hop takes 20 ms and the bytes at 20 Mbit/s
    assert found.bound == pytest.approx(0.4 + 2 * (0.02 + size * 8 / 20e6))
    assert found.bound <= found.seconds
    assert found.compute + found.transfer + found.waiting == pytest.approx(found.seconds)
