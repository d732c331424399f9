"""Every controller keeps the contract, and what breaks it is told in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.connection.record import rows
from astraea.congestion.contract import _alone, _sound, check_controller
from astraea.congestion.controllers.catalogue import BUILT_IN
from astraea.congestion.controllers.controller import Controller, state_of
from astraea.congestion.controllers.copa import Copa
from astraea.congestion.simulator.state import FLOW
from astraea.errors import InputError


@pytest.mark.compiled
@pytest.mark.parametrize("controller", BUILT_IN, ids=lambda controller: controller.name)
def test_it_keeps_the_contract(controller: type[Controller]) -> None:
    check_controller(controller.name, parameter=4.0 if controller.name == "fixed" else 1.0, events=300)


def test_other_events_leave_another_state() -> None:
    assert _alone(Copa(), 1.0, 50, 0) != _alone(Copa(), 1.0, 50, 1)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("cwnd", 0.5, "'copa' leaves cwnd = 0.5 after on_ack: hold it above 1"),
        ("cwnd", np.nan, "leaves cwnd = nan"),
        ("pacing_rate", np.inf, "leaves pacing_rate = inf"),
    ],
)
def test_a_window_that_cannot_be_sent_by_is_refused(field: str, value: float, sentence: str) -> None:
    f, c = rows(1, FLOW)[0], rows(1, state_of(Copa))[0]
    Copa.events.start(f, c, 0)
    _sound(Copa(), "start", f, c)
    f[field] = value
    with pytest.raises(InputError, match=sentence):
        _sound(Copa(), "on_ack", f, c)


def test_a_state_that_is_no_number_is_refused() -> None:
    f, c = rows(1, FLOW)[0], rows(1, state_of(Copa))[0]
    Copa.events.start(f, c, 0)
    c.velocity = np.nan
    with pytest.raises(InputError, match="leaves velocity = NaN in its state after on_ack"):
        _sound(Copa(), "on_ack", f, c)
