"""Vectors in few bits: exact codes, exact bytes, right in expectation."""

from __future__ import annotations

import pytest
import torch

from astraea.errors import InputError
from astraea.federation.quantisation import BLOCK, Quantised, dequantise, quantise, quantised_bytes


def test_codes_are_multiples_of_the_largest_magnitude_over_127() -> None:
    sent = quantise(torch.tensor([2.54, -1.27, 0.02, 0.0]))
    assert sent.codes.tolist() == [254, 63, 128, 127]  # 127 stands for 0; -63.5 is rounded to the even -64
    assert sent.scales.tolist() == [pytest.approx(2.54)]
    assert dequantise(sent).tolist() == pytest.approx([2.54, -1.28, 0.02, 0.0])


def test_four_bits_put_two_values_into_a_byte_the_first_lowest() -> None:
    sent = quantise(torch.tensor([7.0, -7.0, 3.0]), bits=4)
    assert sent.codes.tolist() == [14 + 16 * 0, 10]
    assert dequantise(sent).tolist() == [7.0, -7.0, 3.0]
    assert quantise(torch.tensor([1.0, 0.0, -1.0, 1.0]), bits=2).codes.tolist() == [2 + 4 * 1 + 16 * 0 + 64 * 2]


@pytest.mark.parametrize(("bits", "size"), [(8, 69_000 + 68 * 4), (4, 34_500 + 68 * 4), (2, 17_250 + 68 * 4)])
def test_bytes_are_those_of_codes_and_scales(bits: int, size: int) -> None:
    assert quantise(torch.zeros(69_000), bits).bytes == quantised_bytes(69_000, bits) == size  # 68 blocks of 1,024


def test_each_block_has_a_scale_of_its_own() -> None:
    values = torch.cat([torch.full((BLOCK,), 1e-3), torch.tensor([100.0])])
    sent = quantise(values)
    assert sent.scales.tolist() == pytest.approx([1e-3, 100.0])
    assert dequantise(sent).tolist() == pytest.approx(values.tolist())


def test_zeros_and_nothing_at_all_arrive_as_they_are() -> None:
    assert dequantise(quantise(torch.zeros(3))).tolist() == [0.0, 0.0, 0.0]
    assert dequantise(quantise(torch.zeros(0))).shape == (0,)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_rounding_at_random_is_right_in_expectation_and_off_by_less_than_a_step(bits: int) -> None:
    values = torch.tensor([1.0, 0.3, -0.77, 0.001, -1.0])
    generator = torch.Generator().manual_seed(0)
    arrived = torch.stack([dequantise(quantise(values, bits, generator)) for _ in range(4000)])
    step = 1 / (2 ** (bits - 1) - 1)
    assert float((arrived - values).abs().max()) < step
    assert torch.allclose(arrived.mean(dim=0), values, atol=4 * 0.5 * step / 4000**0.5)
    assert arrived[:, [0, 4]].unique().tolist() == [-1.0, 1.0]  # what is representable is sent as it is


def test_one_seed_gives_one_rounding() -> None:
    values = torch.linspace(-1, 1, 2000)

    def sent(seed: int) -> Quantised:
        return quantise(values, 4, torch.Generator().manual_seed(seed))

    assert torch.equal(sent(1).codes, sent(1).codes)
    assert not torch.equal(sent(1).codes, sent(2).codes)


@pytest.mark.parametrize("bits", [0, 3, 16])
def test_other_numbers_of_bits_are_refused(bits: int) -> None:
    with pytest.raises(InputError, match="use one of 2, 4, 8"):
        quantise(torch.zeros(3), bits)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="not finite"):
        quantise(torch.tensor([1.0, value]))
