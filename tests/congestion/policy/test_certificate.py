"""The proof holds for laws of the kind, and fails where it should."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import Policy
from astraea.congestion.policy.certificate import certify
from astraea.congestion.policy.law import FAST, LAW
from astraea.congestion.policy.policy import PolicyHeader, shipped_policy
from astraea.congestion.trainer.subjects import law_policy
from astraea.errors import InputError

CONTROL = PolicySettings()
START = [number.start for number in LAW]


def test_where_the_search_begins_is_certified() -> None:
    found = certify(law_policy(START, CONTROL))
    assert found.holds
    assert found.flattest == 0  # where the step is held within 1
    assert found.steepest < -0.5


def test_corners_of_the_bounds_are_certified() -> None:
    for end in ("low", "high"):
        assert certify(law_policy([getattr(number, end) for number in LAW], CONTROL)).holds


def test_what_ships_is_certified_and_yields_within_its_bounds_on_fast_links_too() -> None:
    policy = shipped_policy()
    found = certify(policy)
    assert found.holds
    for rate in (FAST, FAST + ONE, 24 * ONE):
        x = np.zeros(ObservationSettings().size, np.int32)
        x[[field.name for field in ObservationSettings().fields].index("rate")] = rate
        actions = []
        for own in range(0, 24 * ONE, ONE // 4):
            x[0] = own
            actions.append(policy.action(x))
        slopes = 4 * np.diff(actions)
        assert found.steepest <= min(slopes) < 0
        assert max(slopes) <= found.flattest


def test_a_gain_that_falls_with_an_error_that_lasts_is_not() -> None:
    policy = law_policy(START, CONTROL)
    weights = policy.weights.copy()
    weights[[n.name for n in LAW].index("haste")] = -2048
    assert not certify(Policy(policy.header, weights)).holds


def test_a_network_is_refused() -> None:
    size = ObservationSettings().size
    network = Policy(PolicyHeader(kind="network", widths=(size, 1)), np.zeros(size + 1, np.float32))
    with pytest.raises(InputError, match="only a law can be certified"):
        certify(network)
