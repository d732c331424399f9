"""A model as one vector."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from astraea.errors import InputError
from astraea.federation.vector import VectorModel


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(3, 2, bias=False)
        self.decode = nn.Linear(3, 2, bias=False)
        self.decode.weight = self.encode.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encode(x) + self.decode(x)


def test_reads_weights_then_floating_buffers_and_counts_integers_apart() -> None:
    model = VectorModel(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    params, counters = model.read()
    assert params.shape == (2 * 3 + 3 + 3 + 3 + 3 + 3,)  # weight, bias, scale, shift, running mean and variance
    assert counters.tolist() == [0]
    assert params[-6:].tolist() == [0, 0, 0, 1, 1, 1]


def test_writing_reaches_the_module_and_reading_gives_a_copy() -> None:
    module = nn.Linear(2, 1)
    model = VectorModel(module)
    model.write(torch.tensor([1.0, 2.0, 3.0]), torch.empty(0, dtype=torch.int64))
    assert module.weight.tolist() == [[1.0, 2.0]]
    assert module.bias.tolist() == [3.0]
    copy, _ = model.read()
    copy.zero_()
    assert module.bias.tolist() == [3.0]


def test_gradients_come_by_parts_and_do_not_add_up() -> None:
    module = nn.Linear(2, 1)
    model = VectorModel(module)
    for _ in range(2):
        found = model.gradients(module(torch.tensor([[5.0, 7.0]])).sum())
        assert [part.tolist() for part in found] == [[[5.0, 7.0]], [1.0]]
    assert [part.tolist() for part in model.gradients(module.bias.sum())] == [[[0.0, 0.0]], [1.0]]


def test_tied_weights_travel_once() -> None:
    model = VectorModel(Tied())
    params, _ = model.read()
    assert params.shape == (6,)
    gradients = model.gradients(model.module(torch.ones(1, 3)).sum())
    assert torch.cat([part.reshape(-1) for part in gradients]).tolist() == [2.0] * 6


def test_frozen_parameters_stay_where_they_are() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    module[0].requires_grad_(False)
    model = VectorModel(module)
    assert model.read()[0].shape == (4,)
    assert list(model.named(model.read()[0])) == ["1.weight", "1.bias"]
    assert set(model.state_dict()) == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_a_buffer_that_the_module_replaces_is_still_found() -> None:
    class Counting(nn.Module):
        seen: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))
            self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
            self.register_buffer("scratch", torch.zeros(9), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.seen = self.seen + len(x)
            return x * self.scale

    model = VectorModel(Counting())
    model.module(torch.ones(4))
    assert model.read()[1].tolist() == [4]
    assert model.read()[0].tolist() == [1.0]  # what is not persistent does not travel


def test_holding_lends_the_model_and_puts_it_back() -> None:
    module = nn.Linear(1, 1)
    model = VectorModel(module)
    before, counters = model.read()
    with model.holding(torch.tensor([2.0, 1.0]), counters) as lent:
        assert not lent.training
        assert lent(torch.tensor([[3.0]])).item() == 7.0
    assert module.training
    assert torch.equal(model.read()[0], before)


class Flattening(nn.Module):
    """Reads what a convolution gives in its memory's order, by a view or by a copy."""

    def __init__(self, *, view: bool) -> None:
        super().__init__()
        self.convolution, self.norm, self.last = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Linear(2 * 2 * 2, 3)
        self.dropout, self.view = nn.Dropout(), view

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.dropout(self.norm(self.convolution(x)))
        return self.last(x.view(len(x), -1) if self.view else x.flatten(1))


def test_images_are_laid_out_as_the_model_can_take_them() -> None:
    x = torch.rand(3, 3, 4, 4)
    for view in (True, False):
        model = VectorModel(Flattening(view=view))
        (before, counters), drawn = model.read(), torch.random.get_rng_state()
        laid_out = model.laid_out(x)
        assert torch.equal(laid_out, x)
        assert model._channels_last is not view
        assert torch.equal(before, model.read()[0])
        assert torch.equal(counters, model.read()[1])
        assert torch.equal(drawn, torch.random.get_rng_state())
        model.module(laid_out)
    colour = VectorModel(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 2)))
    assert colour.laid_out(torch.rand(5, 3, 4, 4)).stride() == (48, 1, 12, 3)
    assert VectorModel(nn.Linear(2, 1)).laid_out(torch.rand(5, 2)).stride() == (2, 1)


def test_refuses_what_it_cannot_carry() -> None:
    frozen = nn.Linear(1, 1).requires_grad_(False)
    with pytest.raises(InputError, match="no trainable parameter"):
        VectorModel(frozen)
    mixed = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double())
    with pytest.raises(InputError, match="differ in dtype"):
        VectorModel(mixed)
    turning = nn.Linear(1, 1)
    turning.register_buffer("phase", torch.ones(1, dtype=torch.cfloat))
    with pytest.raises(InputError, match="buffer 'phase' is complex, which cannot be averaged"):
        VectorModel(turning)
    turning = nn.Linear(1, 1)
    turning.register_buffer("phase", torch.ones(1, dtype=torch.cfloat), persistent=False)
    assert VectorModel(turning).size == 2
    with pytest.raises(InputError, match=r"engine.bfloat16 does not go with weights of torch.float16"):
        VectorModel(nn.Linear(1, 1).half(), bfloat16=True)
    model = VectorModel(nn.Linear(1, 1))
    with pytest.raises(InputError, match="holds 2 parameters, but 3 arrived"):
        model.write(torch.zeros(3), torch.empty(0, dtype=torch.int64))


@pytest.mark.parametrize("threads", [1, 2])
def test_large_models_are_read_and_written_to_the_same_numbers_by_any_number_of_threads(threads: int) -> None:
    model = VectorModel(nn.Linear(1_000_000, 1, bias=False), threads=threads)
    before, counters = torch.get_num_threads(), torch.empty(0, dtype=torch.int64)
    params = torch.arange(1_000_000, dtype=torch.float32)
    model.write(params, counters)
    assert torch.equal(model.read()[0], params)
    with model.sharing():
        assert torch.get_num_threads() == (before if threads == 1 else threads)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("channels", "stride", "faster"), [(4, 2, False), (8, 2, True), (4, 1, True)])
def test_a_layout_in_which_pytorch_would_write_beyond_its_memory_is_not_used(
    channels: int, stride: int, faster: bool
) -> None:
    convolutions = nn.Sequential(nn.Conv2d(3, channels, 3), nn.Conv2d(channels, 8, 1, stride), nn.Flatten())
    x = VectorModel(convolutions).laid_out(torch.zeros(2, 3, 8, 8))
    assert x.is_contiguous(memory_format=torch.channels_last) == faster
