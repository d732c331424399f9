from __future__ import annotations

import tomllib

import pytest

from astraea.errors import InputError
from astraea.experiment.arms import arm_settings
from astraea.experiment.changes import changed
from astraea.experiment.presets import PRESETS
from astraea.experiment.settings import dump_toml, parse_settings, resolved
from astraea.federation.algorithms import Algorithm, Astraea, FedAvg


def _plan(algorithm: Algorithm) -> tuple[int, int, int, int, int]:
    assert isinstance(algorithm, Astraea)
    return (
        algorithm.clients_per_round,
        algorithm.capacity,
        algorithm.local_epochs,
        algorithm.mediator_epochs,
        algorithm.bits,
    )


@pytest.mark.parametrize(
    ("name", "plan", "lr"),
    [
        ("fewest-bytes", (20, 20, 2, 1, 4), 0.02),
        ("balanced", (20, 20, 5, 1, 32), 0.01),
        ("most-accurate", (50, 50, 1, 2, 32), 0.01),
    ],
)
def test_a_preset_stands_for_a_plan_and_its_rate(name: str, plan: tuple[int, ...], lr: float) -> None:
    settings = parse_settings({"preset": name})
    assert _plan(settings.algorithm) == plan
    assert settings.train.lr == lr
    assert settings.balance.storage == "on-the-fly"
    assert parse_settings(tomllib.loads(dump_toml(settings))) == settings  # what a run writes is the same run


def test_what_a_configuration_says_itself_wins() -> None:
    settings = parse_settings({"preset": "balanced", "algorithm": {"local_epochs": 2}, "train": {"lr": 0.05}})
    assert parse_settings({"preset": "balanced", "balance": {"storage": "offline"}}).balance.storage == "offline"
    assert _plan(settings.algorithm) == (20, 20, 2, 1, 32)
    assert settings.train.lr == 0.05


def test_a_preset_that_is_said_later_takes_the_place_of_what_a_file_says() -> None:
    written = tomllib.loads(dump_toml(parse_settings({"preset": "most-accurate"})))
    settings = parse_settings(changed(written, {"preset": "fewest-bytes", "algorithm.bits": 8}))
    assert _plan(settings.algorithm) == (20, 20, 2, 1, 8)


def test_balanced_is_what_astraea_is_by_default() -> None:
    assert resolved(parse_settings({"preset": "balanced"}).model_copy(update={"preset": None})) == resolved(
        parse_settings({})
    )
    assert resolved(parse_settings({"algorithm": "fedavg"})).train.lr == 0.02
    assert resolved(parse_settings({"train": {"lr": 0.05}})).train.lr == 0.05


def test_the_papers_method_is_there_by_name() -> None:
    settings = resolved(parse_settings({"preset": "as-published"}))
    assert _plan(settings.algorithm) == (50, 10, 1, 2, 32)
    assert (settings.train.optimizer, settings.train.lr, settings.train.schedule) == ("Adam", 0.001, "constant")
    assert settings.train.loss.name == "cross-entropy"
    assert (settings.balance.rebalancing.name, settings.balance.storage) == ("mean-power", "offline")


def test_presets_train_as_many_client_epochs_a_round_but_for_the_one_that_sends_least() -> None:
    for name in PRESETS:
        clients, _, epochs, passes, _ = _plan(parse_settings({"preset": name}).algorithm)
        assert clients * epochs * passes == (40 if name == "fewest-bytes" else 100)


def test_a_preset_is_a_variation_of_an_arm() -> None:
    settings = arm_settings({}, "astraea+fewest-bytes", {})
    assert _plan(settings.algorithm) == (20, 20, 2, 1, 4)


def test_other_algorithms_have_no_presets() -> None:
    with pytest.raises(
        InputError, match=r"preset = 'balanced' is a plan of astraea, not of 'fedavg': leave preset out"
    ):
        parse_settings({"preset": "balanced", "algorithm": "fedavg"})
    with pytest.raises(InputError, match="not of 'fedavg'"):
        parse_settings({"preset": "balanced", "algorithm": FedAvg()})
    with pytest.raises(InputError, match=r"arm 'fedavg\+balanced': 'balanced' is a plan of astraea"):
        arm_settings({}, "fedavg+balanced", {})
    with pytest.raises(InputError, match=r"arms take a preset by their names: write --arms astraea\+balanced"):
        arm_settings({"preset": "balanced"}, "fedavg", {})


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InputError, match="'fewest-bytes', 'balanced', 'most-accurate' or 'as-published'"):
        parse_settings({"preset": "fast"})
