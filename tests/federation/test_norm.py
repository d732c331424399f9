"""Norms: the same bits at once, in blocks and with any number of threads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from astraea.federation.norm import Squares, norm


def test_the_norm_has_the_same_bits_whatever_the_number_of_threads() -> None:
    vector = torch.randn(1_000_003, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    found = set()
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.add(norm(vector))
    torch.set_num_threads(before)
    assert len(found) == 1
    assert found.pop() == pytest.approx(float(vector.double().norm()), rel=1e-6)
    assert norm(torch.full((3,), 1e30)) == pytest.approx(math.sqrt(3) * 1e30)


@pytest.mark.parametrize("size", [0, 1, 32768, 32769, 200_000])
def test_the_norm_of_a_difference_has_the_bits_of_that_of_a_vector(size: int) -> None:
    one, other = torch.randn(2, size, generator=torch.Generator().manual_seed(1))
    assert norm(one, other) == norm(one - other)


def test_a_vector_that_is_filled_bit_by_bit_has_the_same_norm() -> None:
    one, other = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(2))
    filled = np.zeros(100_000, np.float32)
    squares = Squares(other.numpy(), filled)
    for begin, end in ((0, 10), (10, 40_000), (40_000, 40_001), (40_001, 99_999), (99_999, 100_000)):
        squares.add(one.numpy()[begin:end], begin)
    assert filled.tolist() == one.tolist()
    assert math.sqrt(squares.sum) == norm(one, other)


def test_norms_of_every_kind_of_number() -> None:
    values = torch.tensor([3.0, -4.0])
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        assert norm(values.to(dtype)) == 5.0
        assert norm(values.to(dtype), torch.tensor([3.0, 0.0], dtype=dtype)) == 4.0
