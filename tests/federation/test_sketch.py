"""Sketches of changes: small ones keep every angle, large ones nearly, and signs are a seed's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from astraea.federation.norm import Squares, norm
from astraea.federation.sketch import WIDTH, Sketch, cosine, sketched


def unpacked(direction: bytes) -> np.ndarray:
    assert direction
    return np.frombuffer(direction, np.float32)


def test_a_vector_no_longer_than_a_sketch_keeps_its_values_but_for_their_signs() -> None:
    length, direction = sketched(torch.tensor([4.0, 6.0, 1.0]), torch.tensor([1.0, 2.0, 1.0]), 0)
    assert length == 5.0
    assert np.abs(unpacked(direction)[:3]).tolist() == [np.float32(0.6), np.float32(0.8), 0.0]
    assert len(unpacked(direction)) == WIDTH
    assert not unpacked(direction)[3:].any()


@pytest.mark.parametrize(("size", "within"), [(1000, 0.15), (100_000, 0.15), (1_000_003, 0.15)])
def test_angles_are_kept_nearly_whatever_the_size(size: int, within: float) -> None:
    start, one, other = torch.randn(3, size, generator=torch.Generator().manual_seed(size))
    made = [start + one, start + one + other, start - one, start + 100 * other]
    lengths, directions = zip(*(sketched(model, start, 7) for model in made), strict=True)
    assert lengths[0] == norm(made[0], start)
    first, along, against, across = map(unpacked, directions)
    assert cosine(first, along) == pytest.approx(math.sqrt(0.5), abs=within)
    assert cosine(first, against) == pytest.approx(-1.0, abs=1e-4)
    assert cosine(first, across) == pytest.approx(0.0, abs=within)


def test_a_change_of_one_direction_in_every_row_is_no_trap() -> None:
    """Layers' changes are near to outer products; sums without signs of each value's own would all be parallel."""
    rng = np.random.default_rng(0)
    inputs = np.abs(rng.standard_normal(WIDTH))
    one, other = (torch.from_numpy(np.outer(rng.standard_normal(256), inputs).ravel()) for _ in range(2))
    nothing = torch.zeros_like(one)
    found = cosine(unpacked(sketched(one, nothing, 0)[1]), unpacked(sketched(other, nothing, 0)[1]))
    true = float(one @ other / (one.norm() * other.norm()))
    assert found == pytest.approx(true, abs=0.15)


def test_a_vector_that_comes_in_blocks_has_the_same_sketch_and_another_seed_another_one() -> None:
    values = torch.randn(200_000, generator=torch.Generator().manual_seed(1))
    whole = sketched(values, torch.zeros_like(values), 3)[1]
    sketch = Sketch(len(values), 3)
    squares = Squares(sketch=sketch)
    for begin in range(0, len(values), 12_345):
        squares.add(values.numpy()[begin : begin + 12_345], begin)
    assert sketch.direction() == whole
    assert sketched(values, torch.zeros_like(values), 4)[1] != whole


def test_nothing_and_what_is_not_finite_have_no_direction() -> None:
    start = torch.ones(3)
    assert sketched(start, start, 0) == (0.0, b"")
    assert sketched(torch.tensor([1.0, math.inf, 1.0]), start, 0)[1] == b""
    assert cosine(np.zeros(WIDTH), np.ones(WIDTH)) == 0.0


def test_half_precision_is_sketched_as_float32() -> None:
    one, other = torch.tensor([3.0, 4.0]), torch.zeros(2)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        assert sketched(one.to(dtype), other.to(dtype), 0) == sketched(one, other, 0)
