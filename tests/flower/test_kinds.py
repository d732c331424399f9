"""Samples and models of every kind, from client apps to the same bytes as on the local engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from astraea.data import Dataset, from_arrays

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 120)
X = (RNG.normal(size=(120, 6)) + Y[:, None]).astype(np.float32)
SETS = RNG.random((120, 3)) < [0.6, 0.3, 0.1]
IDS = [RNG.integers(1, 20, RNG.integers(1, 9)).tolist() for _ in range(120)]


class Text(nn.Module):
    """The mean of embeddings that the mask shows, as Hugging Face's models return it."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 4), nn.Linear(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        weight = attention_mask[..., None].float()
        return {"logits": self.head((self.table(input_ids) * weight).sum(1) / weight.sum(1))}


def linear(outputs: int, dtype: torch.dtype = torch.float32) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(6, outputs).to(dtype)

    return make


def text() -> nn.Module:
    torch.manual_seed(0)
    return Text()


KINDS: dict[str, tuple[Callable[[], Dataset], Callable[[], nn.Module], str]] = {
    "several labels": (lambda: from_arrays(X, SETS), linear(3), "binary-cross-entropy"),
    "regression": (lambda: from_arrays(X, X[:, 0] * 9.0 + 3), linear(1), "squared-error"),
    "one logit": (lambda: from_arrays(X, Y > 0), linear(1), "cross-entropy"),
    "several inputs": (lambda: from_arrays(IDS, Y), text, "cross-entropy"),
    "float64": (lambda: from_arrays(X, Y), linear(3, torch.float64), "cross-entropy"),
    "float16": (lambda: from_arrays(X, Y), linear(3, torch.float16), "cross-entropy"),
    "bfloat16": (lambda: from_arrays(X, Y), linear(3, torch.bfloat16), "cross-entropy"),
}


@pytest.fixture
def own(federation: Callable[..., Any]) -> Callable[[str], Any]:
    """A function that makes a federation on data and with a model of some kind."""

    def make(kind: str) -> Any:
        dataset, build, loss = KINDS[kind]
        return federation(
            dataset(),
            build,
            algorithm={"capacity": 2},
            scenario={"clients": 4, "labels": "as-is", "skew": "dirichlet"},
            train={"lr": 0.1, "batch_size": 10, "loss": loss},
            model={"name": "auto"},
        )

    return make


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("float16", "bfloat16")])
def test_same_bytes_as_the_local_engine(kind: str, own: Callable[[str], Any]) -> None:
    one = own(kind)
    strategy = one.strategy()
    one.start(strategy)
    local = one.locally()
    assert strategy.run.state.round == one.settings.rounds
    assert strategy.run.state.params.dtype == local.state.params.dtype
    assert torch.equal(strategy.run.state.params, local.state.params)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_models_of_half_precision_are_averaged_in_float32(kind: str, own: Callable[[str], Any]) -> None:
    one = own(kind)
    strategy = one.strategy()
    one.start(strategy)
    local = one.locally().state.params
    assert strategy.run.state.params.dtype == torch.float32
    assert torch.allclose(strategy.run.state.params, local.float(), atol=2e-2)


def test_evaluation_is_of_the_kind_too(own: Callable[[str], Any]) -> None:
    one = own("regression")
    test = one.experiment.scenario.test
    strategy = one.strategy(fraction_evaluate=1.0)
    result = one.start(strategy, one.grid(one.app(test=lambda context: test)))
    measured = one.experiment.evaluate(strategy.run.state.params, strategy.run.state.counters)
    assert result.evaluate_metrics_clientapp[2]["loss"] == pytest.approx(measured["test_loss"])
    assert result.evaluate_metrics_clientapp[2]["accuracy"] == pytest.approx(measured["accuracy"])


def test_a_loss_of_another_kind_is_refused_with_the_mend(
    own: Callable[[str], Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = own("several labels")
    with pytest.raises(Exception, match="loss 'cross-entropy' does not fit the samples"):
        one.start(one.strategy(train={"loss": "cross-entropy"}))
    assert "give AstraeaStrategy train={'loss': 'binary-cross-entropy'}" in caplog.text
