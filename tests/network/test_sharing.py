from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from astraea.errors import InputError
from astraea.network.choice import SHARINGS
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.sharing import flow_weights, planned
from astraea.network.timing import lay_round, round_time, time_of


def test_weights_go_from_one_to_eight_by_the_remaining_path(plain: Callable[..., Network]) -> None:
    laid = lay_round(star([0.0, 2.0, 4.0]), plain(), "cubic")

    np.testing.assert_allclose(flow_weights(laid.times), 1 + 7 * np.array([1, 0, 3, 0, 5, 0]) / 5)


def test_the_rule_ends_equal_rounds_at_the_bound_and_admission_close_to_it(plain: Callable[..., Network]) -> None:
    for transfers, fair, few, best in ((star([10.0] * 10), 30, 23, 21), (chains([[8.0] * 5] * 10), 140, 77, 59)):
        found = round_time(transfers, plain(), sharing="longest-path")
        assert found.seconds == pytest.approx(found.bound) == pytest.approx(best)
        assert found.fair_seconds == pytest.approx(fair)
        assert found.share_of_gain == pytest.approx(1)
        assert round_time(transfers, plain(), sharing="admission").seconds == pytest.approx(few)


def test_the_longest_path_first_is_the_right_way_round(plain: Callable[..., Network]) -> None:
    transfers = star([1.0, 2.0, 4.0, 8.0, 16.0])
    seconds = {name: round_time(transfers, plain(), sharing=name).seconds for name in SHARINGS if name != "planned"}

    assert seconds["longest-path"] == 18.0  # the last of them begins at once
    assert seconds["shortest-path"] == 22.0
    assert seconds["longest-path"] <= seconds["admission"] <= seconds["fair"]
    assert seconds["weighted"] < seconds["fair"]


def test_an_insertion_can_mend_the_rule(plain: Callable[..., Network]) -> None:
    laid = lay_round(star([5.0, 3.0, 3.0, 1.0], [2_000_000, 1_000_000, 1_000_000, 1_000_000]), plain(), "cubic")

    assert time_of(laid, sharing="longest-path").seconds == pytest.approx(11)
    assert time_of(laid, sharing=planned(laid.flows, laid.times, tries=40)).seconds == pytest.approx(10)


def test_an_unknown_sharing_names_the_nearest(plain: Callable[..., Network]) -> None:
    with pytest.raises(InputError, match="unknown sharing 'fare'; did you mean 'fair'"):
        round_time(star([1.0]), plain(), sharing="fare")
