"""Which engine is chosen, and that it says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import SerialEngine
from astraea.engines.auto import AutoEngine, choose
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rules import Plain
from astraea.federation.vector import VectorModel


def plan_of(chains: int, params: torch.Tensor | None = None) -> RoundPlan:
    start = ChainState(torch.zeros(250_000) if params is None else params, torch.zeros(0, dtype=torch.int64))
    made = tuple(Chain(n, (Visit(n),)) for n in range(chains))
    return RoundPlan(0, 0, start, made, LocalTraining(1, 10, "SGD", 0.1))


@pytest.mark.parametrize(
    ("chains", "samples", "seconds", "device", "workers", "name"),
    [
        (4, [100] * 4, 1e-3, "cpu", 2, "processes"),  # 400 ms alone, 200 together, 6 to hand over
        (4, [100] * 4, 1e-3, "cpu", 1, "serial"),
        (4, [1] * 4, 1e-3, "cpu", 2, "serial"),  # 4 ms alone: handing over costs more
        (4, [1000, 1, 1, 1], 1e-3, "cpu", 2, "serial"),  # the longest chain is all
        (1, [1000], 1e-3, "cpu", 8, "serial"),
        (4, [1] * 4, 0.0, "cuda", 2, "stacked"),
        (1, [1], 0.0, "cuda", 2, "serial"),
    ],
)
def test_choice(chains: int, samples: list[int], seconds: float, device: str, workers: int, name: str) -> None:
    chosen, reason = choose(plan_of(chains), samples, seconds, device, workers)
    assert chosen == name
    assert "\n" not in reason


def test_says_why_once_and_leaves_no_trace() -> None:
    module = nn.Linear(1, 2)
    population = Population.from_samples(
        Samples(np.ones((4, 1), np.float32), np.arange(4) % 2), np.split(np.arange(4), 2), 2
    )
    plan = plan_of(2, VectorModel(nn.Linear(1, 2)).read()[0])
    said: list[str] = []
    engine = AutoEngine(module, lambda _: SerialEngine(module), workers=1, say=said.append)
    rule = Plain().bound(CrossEntropy())
    expected = list(SerialEngine(nn.Linear(1, 2)).execute(plan, rule, population))
    for _ in range(2):
        for one, other in zip(engine.execute(plan, rule, population), expected, strict=True):
            assert torch.equal(one.end.params, other.end.params)
    assert len(said) == 1
    assert said[0].startswith("engine serial: ")
    assert engine.name == "serial"
    engine.close()
