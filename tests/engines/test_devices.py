"""Devices: the choice is a function of what is there, and results come to where the server averages."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from astraea.engines.devices import ElsewhereEngine, check_precision, chosen, moved, server_device
from astraea.errors import InputError
from astraea.federation.plan import Chain, ChainResult, ChainState


@pytest.mark.parametrize(
    ("wanted", "cuda", "mps", "device"),
    [
        ("auto", True, True, "cuda"),
        ("auto", False, True, "mps"),
        ("auto", False, False, "cpu"),
        ("cpu", True, True, "cpu"),
        ("cuda:1", False, False, "cuda:1"),
    ],
)
def test_auto_is_the_fastest_kind_that_is_there(wanted: str, cuda: bool, mps: bool, device: str) -> None:
    assert chosen(wanted, cuda=cuda, mps=mps) == device


def test_the_server_averages_where_float64_is() -> None:
    assert [server_device(name) for name in ("cpu", "cuda:1", "mps", "mps:0")] == ["cpu", "cuda:1", "cpu", "cpu"]
    check_precision(nn.Linear(1, 1), "mps")
    check_precision(nn.Linear(1, 1).double(), "cuda")
    with pytest.raises(InputError, match=r"engine.device 'mps' has no float64, and the model's weights have: give"):
        check_precision(nn.Linear(1, 1).double(), "mps")


def test_every_tensor_of_a_result_is_moved() -> None:
    end = ChainState(torch.ones(2), torch.ones(1, dtype=torch.int64), {"c": torch.ones(2)}, examples=3, steps=4)
    result = ChainResult(Chain(0, ()), end, (), {5: {"c": torch.ones(2)}})

    class One:
        closed = False

        def execute(self, *_: object) -> object:
            return iter([result])

        def close(self) -> None:
            self.closed = True

    inner = One()
    engine = ElsewhereEngine(inner, "meta")  # type: ignore[arg-type]
    (found,) = engine.execute(None, None, None)  # type: ignore[arg-type]
    tensors = (found.end.params, found.end.counters, found.end.extras["c"], found.client_states[5]["c"])
    assert {one.device.type for one in tensors} == {"meta"}
    assert (found.end.examples, found.end.steps) == (3, 4)
    assert moved(result, "cpu").end.params.tolist() == [1, 1]
    engine.close()
    assert inner.closed
