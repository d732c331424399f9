from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from astraea.errors import InputError
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.network import round_time
from astraea.network.settings import Network
from astraea.network.shapes import chains, star


def plan(clients: int, parameters: int = 250_000) -> RoundPlan:
    start = ChainState(torch.zeros(parameters), torch.zeros(0, dtype=torch.int64))
    visits = tuple(Chain(i, (Visit(i),)) for i in range(clients))
    return RoundPlan(0, 0, start, visits, LocalTraining(5, 10, "SGD", 0.1))


def test_a_plan_on_the_smallest_network(smallest: dict[str, Any]) -> None:
    found = round_time(
        plan(2),
        {**smallest, "transport": {"connections": "warm", "payload_bytes": 1500, "efficiency": False}},
        steps=30,
    )

    down, up = 1e6 * 8 / 50e6 + 0.02, 1e6 * 8 / 10e6 + 0.02
    assert found.seconds == pytest.approx(down + 0.3 + up)
    assert (found.compute, found.transfer) == (pytest.approx(0.3), pytest.approx(down + up))
    assert found.waiting == pytest.approx(0)
    assert found.bound == pytest.approx(found.seconds)
    assert float(found) == found.seconds


def test_what_cannot_be_timed_is_refused(smallest: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="unknown fidelity 'packet'; did you mean 'packets'"):
        round_time(plan(1), smallest, fidelity="packet")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="steps say nothing of client 1"):
        round_time(plan(2), smallest, steps={0: 3})


def test_steps_default_to_the_epochs_of_the_plan(smallest: dict[str, Any]) -> None:
    assert round_time(plan(1), smallest).compute == pytest.approx(0.05)


def test_the_critical_path_splits_a_rounds_time(plain: Callable[..., Network]) -> None:
    found = round_time(chains([[1.0, 2.0], [4.0, 5.0]]), plain())

    assert found.critical == (4, 5, 6, 7)
    assert found.compute == 9
    assert found.transfer == 4
    assert found.seconds == found.compute + found.transfer + found.waiting == 14
    assert found.waiting == 1  # two models go down at once at the start
    assert found.straggler == 3


def test_utilisation_and_distance_from_the_bound(plain: Callable[..., Network]) -> None:
    found = round_time(star([10.0] * 10), plain())

    assert found.utilisation == {"server sends": pytest.approx(1 / 3), "server receives": pytest.approx(1 / 3)}
    assert found.over_bound == pytest.approx(30 / 21)
    assert found.share_of_gain == 0
    assert round_time(star([1.0]), plain()).share_of_gain == 1


def test_a_deadline_ends_the_round_without_those_that_are_late(plain: Callable[..., Network]) -> None:
    found = round_time(star([0.0, 50.0]), plain(deadline_s=20))

    assert found.seconds == found.bound == 20
    assert found.late == (1,)
    assert found.critical == ()


def test_a_round_without_transfers_takes_no_time(smallest: dict[str, Any]) -> None:
    assert round_time(plan(0), smallest).seconds == 0


def test_controllers_are_known_by_name(smallest: dict[str, Any]) -> None:
    assert round_time(plan(1), smallest, congestion="bbr").congestion == "bbr"
    with pytest.raises(InputError, match="unknown congestion controller 'cubik'; did you mean 'cubic'"):
        round_time(plan(1), smallest, congestion="cubik")


def test_a_controller_fills_its_share_of_a_link(smallest: dict[str, Any]) -> None:
    network = {**smallest, "transport": {"connections": "warm", "payload_bytes": 1500}}

    seconds = {name: round_time(plan(1), network, congestion=name, steps=0).seconds for name in ("newreno", "policy")}

    transfers = 1e6 * 8 / 50e6 + 1e6 * 8 / 10e6
    assert seconds["newreno"] == pytest.approx(transfers + 0.04)
    assert seconds["policy"] == pytest.approx(transfers / 0.96 + 0.04)  # the client has its links to itself
