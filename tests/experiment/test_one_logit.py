"""Binary models that end in one logit, and models that end in a sigmoid which the loss already has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import astraea
from astraea.errors import InputError

X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)


class OneLogit(nn.Module):
    """Gives the logit of the second class, as a column or as one number a sample; or that logit beside a zero."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.layer, self.how = nn.Linear(6, 1), how

    def forward(self, x: Tensor) -> Tensor:
        z = self.layer(x)
        return {"column": z, "flat": z[:, 0], "pair": torch.cat([torch.zeros_like(z), z], dim=1)}[self.how]


@pytest.mark.parametrize("engine", ["serial", "stacked"])
def test_one_logit_for_two_classes_is_what_a_zero_beside_it_is(engine: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    x = (rng.normal(size=(60, 6)) + y[:, None]).astype(np.float32)
    results = []
    for how in ("column", "flat", "pair"):
        torch.manual_seed(1)
        results.append(
            astraea.run(
                dataset=(x, y), scenario={"clients": 4}, model=OneLogit(how), rounds=2, engine=engine,
                algorithm={"name": "astraea", "clients_per_round": 4}, evaluation={"metrics": ["auroc"]},
            )
        )  # fmt: skip
    for one in results:
        torch.testing.assert_close(one.model.layer.weight, results[2].model.layer.weight)
        assert one.summary["metrics"] == results[2].summary["metrics"]
        assert one.predict(x).tolist() == results[2].predict(x).tolist()
    assert results[0].model(torch.from_numpy(x)).shape == (60, 1)  # as its owner knows it


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_sigmoids_in_front_of_the_loss_are_told(outputs: int) -> None:
    y = np.arange(30) % max(outputs, 2)
    model = nn.Sequential(nn.Linear(6, outputs), nn.Sigmoid())
    with pytest.warns(
        UserWarning, match="all between 0 and 1, as after a sigmoid: leave it out, the loss takes logits"
    ):
        astraea.run(dataset=(X, y), scenario={"clients": 2}, model=model, rounds=1, algorithm={"clients_per_round": 2})


def row(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, targets.float())


def column(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, targets[:, None].float())


def squeezed(logits: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits.squeeze(1), targets.float())


def by_hand(logits: Tensor, targets: Tensor) -> Tensor:  # whose shapes would spread in a batch of one or two
    return -(targets * nn.functional.logsigmoid(logits) + (1 - targets) * nn.functional.logsigmoid(-logits)).mean()


@pytest.mark.parametrize("engine", ["serial", "stacked"])
@pytest.mark.parametrize("loss", [row, column, squeezed, by_hand, nn.BCEWithLogitsLoss()])
def test_binary_cross_entropy_of_ones_own_is_that_of_the_logit(loss: object, engine: str) -> None:
    y, found = np.arange(30) % 2, []
    for given in (loss, "cross-entropy"):
        torch.manual_seed(1)
        found.append(
            astraea.run(
                dataset=(X, y), scenario={"clients": 3}, model=OneLogit("column"), rounds=2, engine=engine,
                algorithm={"name": "fedavg", "clients_per_round": 3}, train={"loss": given, "batch_size": 5},
            )
        )  # fmt: skip
    torch.testing.assert_close(found[0].model.layer.weight, found[1].model.layer.weight)


@pytest.mark.parametrize("loss", [nn.BCELoss(), nn.functional.binary_cross_entropy])
def test_losses_of_probabilities_are_refused(loss: object) -> None:
    with pytest.raises(InputError, match="takes probabilities, and models give logits: leave out the"):
        astraea.run(dataset=(X, np.arange(30) % 2), model=OneLogit("column"), train={"loss": loss})
