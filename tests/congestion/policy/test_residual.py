"""A network on top of a law by hand, and what must hold whatever its weights are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import Policy, shipped_policy
from astraea.congestion.policy.certificate import certify
from astraea.congestion.policy.law import LAW, decide
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.policy.residual import SEEN, TURNED, decide_residual, turn
from astraea.errors import InputError

FIELDS = ObservationSettings().fields
SIZE = len(SEEN)
NAMES = [n.name for n in LAW]
BASE = np.array([round(n.start * ONE) for n in LAW], np.int64)


def weights(matrices: list[NDArray[Any]], biases: list[list[float]]) -> NDArray[Any]:
    parts = [np.concatenate([m.ravel(), b]) for m, b in zip(matrices, biases, strict=True)]
    return np.concatenate([BASE, np.rint(np.concatenate(parts) * ONE).astype(np.int64)])


def turned(p: NDArray[Any], widths: tuple[int, ...], x: NDArray[Any]) -> NDArray[Any]:
    found = np.zeros(len(LAW), np.int64)
    turn(p, np.array(widths), x, np.zeros((2, max(widths)), np.int64), found)
    return found - BASE


def action(p: NDArray[Any], widths: tuple[int, ...], x: NDArray[Any]) -> int:
    rooms = np.zeros((2, max(widths)), np.int64), np.zeros(len(LAW), np.int64)
    return decide_residual(p, np.array(widths), x, *rooms)


def test_two_layers_by_hand() -> None:
    # the noise at 3 and the rate at 8; hidden: 0.5 * 3 - 1 = 0.5, and 1 - 0.25 * 8 = -1, leaky -0.25
    x = np.zeros(len(FIELDS), np.int32)
    first = np.zeros((2, SIZE))
    for name, value, weight in (("noise", 3, (0.5, 0)), ("rate", 8, (0, -0.25))):
        x[[f.name for f in FIELDS].index(name)] = value * ONE
        first[:, SEEN.index(name)] = weight
    # target 0.5 * 2 - 0.25 = 0.75, gain -0.25 * 4 = -1, the most of the gain 0.25, free loss 0
    last = np.array([[2, 1], [0, 4], [0, 0], [0, 0]])
    p = weights([first, last], [[-1, 1], [0, 0, 0.25, 0]])
    found = turned(p, (SIZE, 2, 4), x)
    wanted = dict(zip(TURNED, (768, -1024, 256, 0), strict=True))
    assert {name: int(found[NAMES.index(name)]) for name in TURNED} == wanted
    assert np.count_nonzero(found) == 3


def test_what_it_adds_is_held_within_four_and_numbers_within_their_bounds() -> None:
    x = np.zeros(len(FIELDS), np.int32)
    last = np.zeros((4, SIZE))
    found = turned(weights([last], [[100, 100, -100, 0]]), (SIZE, 4), x)
    assert found[NAMES.index("target")] == 4 * ONE
    gain, most = NAMES.index("gain"), NAMES.index("gain_most")
    assert found[gain] + BASE[gain] == round((LAW[gain].start + 4) * ONE)
    assert found[most] + BASE[most] == -5 * ONE  # its lower bound, though 4 less would be below


def test_it_does_not_see_the_own_queue() -> None:
    assert "own_queue" not in SEEN


@given(st.integers(0, 1 << 32))
def test_a_last_layer_of_zeros_is_the_law_bit_for_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, p = some(rng)
    p[-(5 * 4) :] = 0
    assert action(p, (SIZE, 4, 4), x) == decide(p[: len(LAW)], x)


@given(st.integers(0, 1 << 32), st.integers(1, 24 * ONE))
def test_whatever_its_weights_the_action_never_rises_with_the_own_queue(seed: int, more: int) -> None:
    x, p = some(np.random.default_rng(seed))
    first = action(p, (SIZE, 4, 4), x)
    x[0] = min(x[0] + more, 24 * ONE)
    assert -(1 << 20) <= action(p, (SIZE, 4, 4), x) <= first <= 1 << 20


def some(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return an observation, and a law with a network of 4 units, small weights or the largest there are."""
    low, high = (np.array([getattr(f, end) * ONE for f in FIELDS], np.int64) for end in ("low", "high"))
    size = round(float(np.exp(rng.uniform(0, np.log((1 << 31) - 1)))))
    network = rng.integers(-size, size + 1, (SIZE + 1) * 4 + 5 * 4)
    ends = np.array([(round(n.low * ONE), round(n.high * ONE)) for n in LAW])
    return rng.integers(low, high + 1).astype(np.int32), np.concatenate(
        [rng.integers(ends[:, 0], ends[:, 1] + 1), network]
    )


def residual(widths: tuple[int, ...], count: int) -> Policy:
    law = shipped_policy().weights
    header = PolicyHeader(kind="residual", widths=widths)
    return Policy(header, np.concatenate([law, np.full(count, 5000, np.int32)]))


def test_the_certificate_holds_for_any_network() -> None:
    found = certify(residual((SIZE, 4), SIZE * 4 + 4))
    assert found.holds
    assert found.steepest < certify(shipped_policy()).steepest  # a larger target may be turned to


@pytest.mark.parametrize(
    ("widths", "sentence"),
    [
        ((SIZE, 1), rf"a residual's widths must lead from {SIZE} to 4, got \[10, 1\]"),
        ((SIZE, 33, 4), "a residual's layers are at most 32 wide"),
        ((SIZE, 0, 4), "must lead from"),
    ],
)
def test_other_widths_are_refused(widths: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        residual(widths, 10)
