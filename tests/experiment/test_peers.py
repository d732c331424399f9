"""Peers as settings: each runs with FedAvg and with mediators, resumes to the same bytes, and costs what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from astraea.balance.losses import RunningPrior
from astraea.errors import InputError
from astraea.experiment.arms import VARIATIONS, arm_settings
from astraea.experiment.changes import changed
from astraea.experiment.cost import estimate
from astraea.experiment.prepare import prepare
from astraea.experiment.presets import PRESETS
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, parse_settings, resolved
from astraea.federation.loop import Callback, Run

RUNS_ANYWHERE = sorted(set(VARIATIONS) - {"shuffled", *PRESETS})
WEIGHTS = 64 * 16 + 16 + 16 * 10 + 10
HAND_OVER = {  # bytes, where it is not four a weight
    "8-bit": WEIGHTS + 8,  # and the scale of each of two blocks of weights
    "4-bit": WEIGHTS // 2 + 8,
    "fixed-classifier": 4 * (64 * 16 + 16 + 1),  # a scale takes the place of the last layer
}


class StopAfter(Callback):
    def __init__(self, round_: int) -> None:
        self.round = round_

    def after_round(self, run: Run) -> None:
        if run.state.round == self.round:
            raise KeyboardInterrupt


def altered(tiny: RunSettings, **changes: object) -> RunSettings:
    return parse_settings(changed(tiny.model_dump(), {key.replace("__", "."): value for key, value in changes.items()}))


@pytest.mark.parametrize("arm", ["fedavg", "astraea"])
@pytest.mark.parametrize("variation", RUNS_ANYWHERE)
def test_every_variation_runs_with_and_without_mediators(tiny: RunSettings, arm: str, variation: str) -> None:
    base = tiny.model_dump() | {"rounds": 2}
    result = run(arm_settings(base, f"{arm}+{variation}", {}))
    assert result.summary["visits_skipped"] == 0
    assert result.summary["accuracy_final"] > 0.05
    assert result.summary["bytes_sent"] % HAND_OVER.get(variation, 4 * WEIGHTS) == 0


def test_scaffold_doubles_the_traffic_and_nothing_else_does(tiny: RunSettings) -> None:
    visits = 2 * 4 * 2
    for rule, copies in (("plain", 1), ("fedprox", 1), ("scaffold", 2)):
        settings = altered(tiny, rounds=2, train__rule=rule)
        assert run(settings).summary["bytes_sent"] == 2 * visits * copies * 4 * WEIGHTS
        assert estimate(prepare(settings)).bytes_sent == 2 * visits * copies * 4 * WEIGHTS


def test_all_that_remembers_resumes_to_the_same_bytes(tiny: RunSettings, tmp_path: Path) -> None:
    settings = altered(
        tiny,
        train__rule="scaffold",
        train__loss="running-prior",
        balance__sampling="class-balanced",
        server__optimizer="adam",
        server__aggregation="fednova",
        server__average=0.8,
        server__realign=1.7,
        algorithm__order="shuffled",
    )
    run(settings, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(settings, out=tmp_path / "halved", callbacks=[StopAfter(3)])
    run(settings, out=tmp_path / "halved", resume=True)
    for name in ("config.toml", "metrics.jsonl", "model.safetensors", "clients.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halved" / name).read_bytes(), name


def test_what_is_left_open_is_decided(tiny: RunSettings) -> None:
    settings: Any = resolved(altered(tiny, train__loss="running-prior", server__optimizer="adam"))
    assert settings.train.loss == RunningPrior(tau=1.5, prior_rate=0.1)
    assert settings.server.optimizer.lr == 0.01
    given: Any = resolved(altered(tiny, train__loss="fedlc", train__tau=0.3, server__lr=0.5))
    assert (given.train.loss.tau, given.server.optimizer.lr) == (0.3, 0.5)


def test_balanced_epochs_change_the_prior_that_losses_are_given(tiny: RunSettings) -> None:
    plain = prepare(altered(tiny, balance__rebalancing="none"))
    even = prepare(altered(tiny, balance__rebalancing="none", balance__sampling="class-balanced"))
    before, after = (part.algorithm.prior(part.population.histograms) for part in (plain, even))
    assert before.max() / before.min() > 3 * after.max() / after.min()
    assert (even.population.histograms.sum(axis=1) == plain.population.histograms.sum(axis=1)).all()


def test_unknown_peers_are_named(tiny: RunSettings) -> None:
    with pytest.raises(InputError, match=r"unknown loss 'fedlx'; did you mean 'fedlc'\?"):
        altered(tiny, train__loss="fedlx")
    with pytest.raises(InputError, match=r"'server\.optimizer' cannot be 'adm'"):
        altered(tiny, server__optimizer="adm")
    with pytest.raises(InputError, match=r"set train\.optimizer to 'SGD'"):
        prepare(altered(tiny, train__rule="scaffold", train__optimizer="Adam"))
