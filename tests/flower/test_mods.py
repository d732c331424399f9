"""What users add to a ClientApp of their own, each alone, against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch.nn import functional

from astraea.errors import InputError
from astraea.flower import (
    AstraeaStrategy,
    InProcessGrid,
    augmentation,
    augmented,
    label_histogram,
    prior_aware_loss,
)

LABELS = [[0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1, 1]]
"""Two clients: 11 samples of class 0 and 3 of class 1, so mean-power gives floor((7 / 3) ** 0.67) = 1 copy of each."""


def _labels(context: Context) -> list[int]:
    return LABELS[int(context.node_config["partition-id"])]


def _app(train: Callable[[Message, Context], dict[str, float]], *mods: Any) -> ClientApp:
    """A user's own app, whose train function returns metrics and leaves the model as it is."""
    app = ClientApp(mods=list(mods))
    app.query("label_histogram")(label_histogram(_labels, classes=2))

    @app.train()
    def handle(message: Message, context: Context) -> Message:
        metrics = MetricRecord(train(message, context))
        return Message(RecordDict({"arrays": message.content["arrays"], "metrics": metrics}), reply_to=message)

    return app


def _start(app: ClientApp, **options: Any) -> AstraeaStrategy:
    strategy = AstraeaStrategy(fraction_evaluate=0.0, **options)
    start = ArrayRecord({"w": Array(np.zeros(2, np.float32))})
    strategy.start(InProcessGrid(app, 2), start, num_rounds=1)
    return strategy


def test_the_histogram_alone_is_enough_to_schedule() -> None:
    app = _app(lambda message, context: {"num-examples": len(_labels(context))})
    strategy = _start(app, algorithm={"capacity": 2, "mediator_epochs": 1})
    assert strategy.run.history[0]["chains"] == 1
    pooled = np.array([11, 3]) / 14
    assert strategy.run.history[0]["mediator_kl"] == pytest.approx(float((pooled * np.log(pooled * 2)).sum()))


def test_labels_out_of_range_are_refused_by_the_client(caplog: pytest.LogCaptureFixture) -> None:
    app = ClientApp()
    app.query("label_histogram")(label_histogram(lambda context: [0, 2], classes=2))
    with pytest.raises(Exception, match="label 2 is out of range"):
        _start(app)


def test_augmentation_adds_the_copies_that_the_server_asks_for() -> None:
    seen: dict[int, list[int]] = {}

    def train(message: Message, context: Context) -> dict[str, float]:
        own = _labels(context)
        x, y = augmented(np.arange(len(own), dtype=np.float32)[:, None], own)
        seen[int(context.node_config["partition-id"])] = torch.bincount(y).tolist()
        assert x.shape == (len(y), 1)
        return {"num-examples": len(y)}

    strategy = _start(_app(train, augmentation()), algorithm={"capacity": 2, "mediator_epochs": 1})
    assert seen == {0: [6, 2], 1: [5, 4]}
    assert strategy._registry.histograms.tolist() == [[6, 2], [5, 4]]
    assert strategy.run.totals["samples_processed"] == 17


def test_transformed_samples_differ_from_visit_to_visit() -> None:
    seen: dict[tuple[int, int], torch.Tensor] = {}

    def train(message: Message, context: Context) -> dict[str, float]:
        own, client = _labels(context), int(context.node_config["partition-id"])
        x, y = augmented(np.arange(len(own), dtype=np.float32)[:, None], own)
        seen[client, sum(one == client for one, _ in seen)] = x
        return {"num-examples": len(y)}

    balance = {"rebalancing": "none", "transformed": "all"}
    _start(_app(train, augmentation()), balance=balance, algorithm={"capacity": 2, "mediator_epochs": 2})
    assert sorted(seen) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert seen[0, 0].shape == seen[0, 1].shape == (7, 1)
    assert not torch.equal(seen[0, 0], seen[0, 1])
    assert float((seen[0, 0].sort(0).values - torch.arange(7)[:, None]).abs().max()) < 1  # a twentieth of their spread


def test_what_is_left_to_chance_is_asked_of_the_client() -> None:
    """z-score copies are fractions: the server schedules by what each client really draws."""
    drawn: dict[int, list[int]] = {}

    def train(message: Message, context: Context) -> dict[str, float]:
        own = _labels(context)
        _, y = augmented(np.zeros((len(own), 1), np.float32), own)
        drawn[int(context.node_config["partition-id"])] = torch.bincount(y, minlength=2).tolist()
        return {"num-examples": len(y)}

    balance = {"rebalancing": "z-score", "tau_down": 1.5}
    strategy = _start(_app(train, augmentation()), balance=balance, algorithm={"capacity": 2, "mediator_epochs": 1})
    assert strategy._registry.copying is not None
    assert not strategy._registry.copying.predictable
    assert strategy._registry.histograms.tolist() == [drawn[0], drawn[1]]


def test_without_the_mod_a_client_is_scheduled_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    app = _app(lambda message, context: {"num-examples": len(_labels(context))})
    strategy = _start(app)
    assert strategy._registry.histograms.tolist() == [[6, 1], [5, 2]]
    assert any("2 of 2 clients do not follow the rebalancing" in line for line in caplog.messages)


def test_augmented_outside_of_the_mod_names_it() -> None:
    with pytest.raises(InputError, match=r"add astraea.flower.augmentation\(\)"):
        augmented(np.zeros((1, 1)), [0])


def test_every_cross_entropy_in_training_knows_the_prior() -> None:
    """Logits 0 and the prior (11, 3) / 14: the loss of class 1 is -log(3 / 14)."""
    found: list[float] = []

    def train(message: Message, context: Context) -> dict[str, float]:
        logits, target = torch.zeros(1, 2), torch.tensor([1])
        found.append(float(functional.cross_entropy(logits, target)))
        found.append(float(torch.nn.CrossEntropyLoss()(logits, target)))
        found.append(float(functional.cross_entropy(input=logits[0], target=target[0])))
        found.append(float(functional.cross_entropy(logits[:, :, None], target[:, None])))
        return {"num-examples": len(_labels(context))}

    _start(
        _app(train, prior_aware_loss()),
        train={"loss": "logit-adjusted"},
        balance={"rebalancing": "none"},
        algorithm={"mediators": "none", "mediator_epochs": 1},
    )
    assert found == pytest.approx([-math.log(3 / 14)] * 8, rel=1e-6)
    assert float(functional.cross_entropy(torch.zeros(1, 2), torch.tensor([1]))) == pytest.approx(math.log(2))


def test_the_loss_needs_a_prior_from_the_server() -> None:
    app = _app(lambda message, context: {"num-examples": len(_labels(context))}, prior_aware_loss(tau=0.5))
    with pytest.raises(Exception, match="give AstraeaStrategy train="):
        _start(app, train={"loss": "cross-entropy"})
    with pytest.raises(InputError, match="tau"):
        prior_aware_loss(tau=-1.0)


def test_a_plain_strategy_sends_no_instructions(federation: Callable[..., Any]) -> None:
    from flwr.serverapp.strategy import FedAvg

    one = federation()
    grid = one.grid()
    reply = next(
        iter(grid.send_and_receive(FedAvg().configure_train(1, ArrayRecord(one.model().state_dict()), _config(), grid)))
    )
    assert "use astraea.flower.AstraeaStrategy" in reply.error.reason


def _config() -> Any:
    from flwr.app import ConfigRecord

    return ConfigRecord()
