"""Settings of local training."""

from __future__ import annotations

import pytest

from astraea.balance.losses import CrossEntropy, FedLC, FedRS, RunningPrior
from astraea.errors import InputError
from astraea.federation.algorithms import Astraea, FedAvg
from astraea.federation.settings import TrainingSettings


@pytest.mark.parametrize(
    ("schedule", "at_start", "at_half", "near_end"),
    [("constant", 1, 1, 1), ("cosine", 1, 0.5, 0.02447174), ("linear", 1, 0.5, 0.1), ("step", 1, 0.1, 0.01)],
)
def test_schedules(schedule: str, at_start: float, at_half: float, near_end: float) -> None:
    settings = TrainingSettings(schedule=schedule, lr=1.0)
    assert [settings.rate(at) for at in (0.0, 0.5, 0.9)] == pytest.approx([at_start, at_half, near_end])


def test_warm_up_rises_to_the_full_rate_and_then_follows_the_schedule() -> None:
    settings = TrainingSettings(schedule="linear", warmup=0.2, lr=1.0)
    assert [settings.rate(at) for at in (0.1, 0.2, 0.6)] == pytest.approx([0.5, 1.0, 0.5])
    assert settings.rate(0.0) > 0


def test_within_a_round_the_rate_falls_if_that_is_wanted() -> None:
    settings = TrainingSettings(schedule="linear", lr=1.0)
    assert settings.local(1, 0.5, 0.75).falls_to is None
    falling = TrainingSettings(schedule="linear", lr=1.0, decay="visits")
    assert falling.local(1, 0.5, 0.75).falls_to == 0.25
    assert falling.local(1, 0.75, 1.0).falls_to == 0.0
    assert falling.local(1, 0.5).falls_to is None  # where nobody knows how long the round is


def test_an_optimiser_gets_what_it_takes() -> None:
    assert TrainingSettings().local(1, 0.0).options == {"momentum": 0.9, "weight_decay": 0.0}
    assert TrainingSettings(optimizer="Adam").local(1, 0.0).options == {"weight_decay": 0.0}
    nesterov = TrainingSettings(options={"nesterov": True}).local(1, 0.0)
    assert nesterov.options["nesterov"] is True
    with pytest.raises(InputError, match="optimiser Adam has no option 'nesterov'"):
        TrainingSettings(optimizer="Adam", options={"nesterov": True}).local(1, 0.0)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown optimiser 'adam'; did you mean 'Adam'\?"):
        TrainingSettings(optimizer="adam")
    with pytest.raises(InputError, match="unknown loss 'crossentropy'; did you mean 'cross-entropy'"):
        TrainingSettings(loss="crossentropy")


def test_the_loss_that_is_left_open_is_the_algorithms() -> None:
    assert TrainingSettings().decided(Astraea.recipe.loss).loss == RunningPrior(tau=1.0, prior_rate=0.1)
    assert TrainingSettings(loss="running-prior").decided(Astraea.recipe.loss).loss == RunningPrior(tau=1.5)
    assert TrainingSettings().decided(FedAvg.recipe.loss).loss == CrossEntropy()


def test_the_parameters_of_a_loss_were_keys_of_training_once() -> None:
    assert TrainingSettings(loss="fedlc", tau=0.5).loss == FedLC(tau=0.5)
    assert TrainingSettings(loss={"name": "fedrs"}, absent_scale=0.25).loss == FedRS(absent_scale=0.25)
    with pytest.raises(InputError, match=r"'tau' is now 'loss.tau', which the loss 'auto' does not have"):
        TrainingSettings(tau=0.5)
