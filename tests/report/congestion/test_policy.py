"""A policy as a card and a picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import Policy
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.trainer.subjects import law_policy
from astraea.report.congestion.policy import policy_figure, policy_summary, policy_text, response

PLAIN = {"target": 0.0, "target_rate": 0.5, "gain": -0.5, "rival_queue": 3.0}
SIMPLE = law_policy([PLAIN.get(n.name, n.start) for n in LAW], PolicySettings(gain=0.25), {"seed": "3"})
SIZE = ObservationSettings().size


def test_the_summary_holds_numbers_card_and_certificate() -> None:
    found = policy_summary(SIMPLE)
    assert found["numbers"]["target_rate"] == 0.5
    assert found["bytes"] == 4 * len(LAW)
    assert found["card"] == {"seed": "3"}
    assert found["certificate"]["holds"] is True


def test_a_network_has_no_certificate() -> None:
    network = Policy(PolicyHeader(kind="network", widths=(SIZE, 1)), np.zeros(SIZE + 1, np.float32))
    assert "certificate" not in policy_summary(network)


def test_the_text_names_every_number() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(policy_text(SIMPLE))
    for number in LAW:
        assert number.name in out.getvalue()
    assert "never rises with the flow's own queue" in out.getvalue()


def test_the_response_crosses_zero_at_the_target() -> None:
    # 50 Mbit/s are 4.1667 packets a ms: 125 in 30 ms, log2(1 + 1000) = 9.967; the target is half of that
    actions = response(SIMPLE, 50.0, 30.0)
    queues = np.linspace(0.0, 10.0, actions.shape[1])
    without_loss = actions[0]
    crossing = queues[np.argmax(without_loss <= 0)]
    assert crossing == pytest.approx(4.98, abs=0.15)
    assert np.all(np.diff(without_loss[queues < 6]) <= 0)
    assert actions[-1, 0] < actions[0, 0]


def test_the_picture_has_a_panel_for_each_rate() -> None:
    figure = policy_figure(SIMPLE)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["10 Mbit/s at 20 ms", "50 Mbit/s at 30 ms", "100 Mbit/s at 80 ms"]
