"""What a run would cost is what it then costs."""

from __future__ import annotations

import pytest

from astraea.experiment.cost import estimate
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings


@pytest.mark.parametrize("name", ["astraea", "fedavg"])
def test_expected_cost_is_the_cost_when_every_client_takes_part(tiny: RunSettings, name: str) -> None:
    settings = tiny.model_copy(update={"rounds": 2})
    algorithm = {"name": name, "clients_per_round": 6, "local_epochs": 2}
    cost = estimate(
        prepare(run_settings := RunSettings.model_validate(settings.model_dump() | {"algorithm": algorithm}))
    )
    summary = run(run_settings).summary
    for key in ("rounds", "client_epochs", "samples_processed", "optimizer_steps", "bytes_sent"):
        assert getattr(cost, key) == summary[key], key


@pytest.mark.parametrize("placement", ["server", "sites", "clients"])
def test_bytes_go_the_ways_of_the_network(tiny: RunSettings, placement: str) -> None:
    changes = {
        "rounds": 2,
        "algorithm": {"name": "astraea", "clients_per_round": 6, "capacity": 3},
        "network": {"name": "edge", "placement": placement},
    }
    settings = RunSettings.model_validate(tiny.model_dump() | changes)
    cost, summary = estimate(prepare(settings)), run(settings).summary
    assert cost.bytes_sent == summary["bytes_sent"]


def test_a_budget_of_simulated_seconds_is_turned_into_rounds(tiny: RunSettings) -> None:
    network: dict[str, object] = {"name": "cross-silo"}
    one = estimate(prepare(RunSettings.model_validate(tiny.model_dump() | {"rounds": 1, "network": network})))
    assert one.simulated_seconds is not None
    network |= {"seconds": 2.5 * one.simulated_seconds}
    cost = estimate(prepare(RunSettings.model_validate(tiny.model_dump() | {"rounds": 1, "network": network})))
    assert (cost.rounds, cost.simulated_seconds) == (3, 3 * one.simulated_seconds)


def test_a_sample_budget_is_turned_into_rounds_and_time_is_extrapolated(tiny: RunSettings) -> None:
    experiment = prepare(tiny.model_copy(update={"samples": 10_000}))
    before = experiment.model.read()[0]
    ticks = iter([0.0, 9.0, 10.0, 12.0, 20.0, 20.5])  # the probe: warm-up 9 s, then 2 s for 20 steps, evaluation 0.5 s
    cost = estimate(experiment, clock=lambda: next(ticks))
    assert cost.samples_processed == pytest.approx(10_000, rel=0.05)
    assert cost.seconds == pytest.approx(cost.optimizer_steps * 0.1 + cost.rounds * 0.5, rel=0.01)
    assert (experiment.model.read()[0] == before).all()
