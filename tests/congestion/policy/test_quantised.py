"""A network in integers: by an exact reference, near its floats, and what it does not take."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion.connection.motion import UNIT
from astraea.congestion.policy import Policy, load_policy, shipped_policy
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.policy.quantised import decide_quantised, squash
from astraea.errors import InputError


def network(widths: tuple[int, ...], seed: int) -> Policy:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, into**-0.5, (into + 1) * out) for into, out in pairwise(widths)]
    return Policy(PolicyHeader(kind="network", widths=widths), np.concatenate(parts).astype("f4"))


def exact(policy: Policy, features: list[int]) -> int:
    """What the last unit holds, in 1/1024, by fractions."""
    values = [Fraction(x, 1024) for x in features]
    numbers, layers = policy.weights.tolist(), list(pairwise(policy.header.widths))
    for k, (into, out) in enumerate(layers):
        matrix, numbers = numbers[: into * out], numbers[into * out :]
        biases, numbers = numbers[:out], numbers[out:]
        new = []
        for i in range(out):
            total = sum(Fraction(w, 1 << 16) * x for w, x in zip(matrix[i * into :], values, strict=False))
            held = math.floor((total + Fraction(biases[i], 1 << 16)) * 1024)
            if held < 0 and k < len(layers) - 1:
                held = math.floor(held * Fraction(205, 1024))
            new.append(Fraction(min(max(held, -(1 << 20)), 1 << 20), 1024))
        values = new
    return int(values[0] * 1024)


@given(st.integers(0, 1 << 32))
def test_it_is_what_fractions_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = (25, *rng.integers(1, 33, int(rng.integers(0, 3))).tolist(), 1)
    made = network(widths, seed).quantised()
    x = rng.integers(-12_000, 12_000, 25).astype(np.int32)
    room = np.zeros((2, max(widths)), np.int64)
    found = decide_quantised(made.weights.astype(np.int64), np.array(widths), x, room)
    assert found == squash(exact(made, x.tolist()))


@given(st.integers(-1 << 20, 1 << 20))
def test_the_tangent_is_within_a_thousandth_and_never_falls(x: int) -> None:
    assert squash(x) / UNIT == pytest.approx(math.tanh(x / 1024), abs=1e-3)
    assert squash(x) == -squash(-x)
    assert squash(x + 1) >= squash(x)


def test_it_decides_as_its_floats_do_within_a_hundredth() -> None:
    plain = network((25, 32, 32, 1), 5)
    made = plain.quantised()
    rng = np.random.default_rng(6)
    for _ in range(50):
        x = rng.integers(-3000, 3000, 25).astype(np.int32)
        assert made.action(x) == pytest.approx(plain.action(x), abs=0.01)


def test_what_is_in_integers_already_or_too_large_is_refused() -> None:
    for policy in (shipped_policy(), load_policy("deep"), network((25, 1), 0).quantised()):
        with pytest.raises(InputError, match="in integers already"):
            policy.quantised()
    with pytest.raises(InputError, match="at most 32 wide"):
        network((25, 64, 1), 0).quantised()
    large = network((25, 1), 0)
    large.weights[3] = 40_000.0
    with pytest.raises(InputError, match="too large for 32 bits"):
        large.quantised()
