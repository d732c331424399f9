"""What every engine must do, whatever it is made of: a new one passes by being registered."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines import EngineSettings, SerialEngine
from astraea.experiment.engines import make_engine
from astraea.federation.clients import Population
from astraea.federation.loop import Engine
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.rules import Plain
from astraea.federation.vector import VectorModel

# Other processes cannot import a test: its classes are sent by value, as those of a script or notebook are.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

EXACT = {"serial", "processes", "auto"}
PLAIN = Plain().bound(CrossEntropy())
CHAINS = [[0, 1, 2], [3], [4, 5], [0], [6, 7, 6]]
SIZES = [5, 1, 8, 12, 3, 7, 2, 9]


def two(name: str, workers: int = 2) -> dict[str, int]:
    """So many workers, for an engine that has any."""
    return {"workers": workers} if "workers" in EngineSettings.find(name).model_fields else {}


class Counting(LocalRule):
    """Sends the number of steps along, and lets each client keep how often it was visited."""

    def finish(
        self, weights: torch.Tensor, steps: int, context: VisitContext
    ) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        visits = context.client.get("visits", torch.zeros((), dtype=torch.int64))
        return {"steps": context.shared["steps"] + steps}, {"visits": visits + 1}


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


def with_batch_norm() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))


def built(build: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return build()


@pytest.fixture(scope="module")
def population() -> Population:
    rng = np.random.default_rng(0)
    total = sum(SIZES)
    samples = Samples(rng.normal(size=(total, 4)).astype(np.float32), rng.integers(0, 3, total))
    return Population.from_samples(samples, np.split(np.arange(total), np.cumsum(SIZES)[:-1]), 3)


# Flower is an extra; its engine is tested with the rest of its room.
@pytest.fixture(scope="module", params=sorted(set(EngineSettings.registered()) - {"flower"}))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(name: str) -> Iterator[Engine]:
    made = make_engine(EngineSettings.of(name, **two(name)), built(perceptron))
    yield made
    made.close()


@pytest.fixture(scope="module")
def batch_norm_engine(name: str) -> Iterator[Engine]:
    made = make_engine(EngineSettings.of(name, **two(name)), built(with_batch_norm))
    yield made
    made.close()


def plan_of(module: nn.Module, chains: list[list[int]] = CHAINS, *, epochs: int = 2, seed: int = 3) -> RoundPlan:
    return RoundPlan(
        round=4,
        seed=seed,
        start=ChainState(*VectorModel(module).read()),
        chains=tuple(Chain(n, tuple(Visit(c) for c in chain)) for n, chain in enumerate(chains)),
        training=LocalTraining(epochs, 4, "SGD", 0.1, {"momentum": 0.9}),
    )


def agree(name: str, found: list[ChainResult], expected: list[ChainResult]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.chain == other.chain
        assert (one.end.examples, one.end.steps) == (other.end.examples, other.end.steps)
        assert torch.equal(one.end.counters, other.end.counters)
        for report, wanted in zip(one.reports, other.reports, strict=True):
            assert (report.client, report.pass_, report.samples, report.steps) == (
                wanted.client,
                wanted.pass_,
                wanted.samples,
                wanted.steps,
            )
            assert report.skipped == wanted.skipped
            assert report.loss == pytest.approx(wanted.loss, rel=0 if name in EXACT else 1e-4, abs=0, nan_ok=True)
        if name in EXACT:
            assert torch.equal(one.end.params, other.end.params)
        else:
            torch.testing.assert_close(one.end.params, other.end.params, rtol=1e-4, atol=1e-5)


def test_results_come_in_plan_order_and_are_those_of_serial(name: str, engine: Engine, population: Population) -> None:
    plan = plan_of(built(perceptron))
    expected = list(SerialEngine(built(perceptron)).execute(plan, PLAIN, population))
    for _ in range(2):  # an engine that keeps workers answers the second time from other places than the first
        found = list(engine.execute(plan, PLAIN, population))
        assert [result.chain.id for result in found] == [0, 1, 2, 3, 4]
        agree(name, found, expected)


def test_along_chains_of_unequal_length_the_rate_falls_alike(name: str, engine: Engine, population: Population) -> None:
    plan = plan_of(built(perceptron))
    plan = replace(plan, training=replace(plan.training, falls_to=0.01))
    expected = list(SerialEngine(built(perceptron)).execute(plan, PLAIN, population))
    assert not any(report.skipped for result in expected for report in result.reports)
    for _ in range(2):
        agree(name, list(engine.execute(plan, PLAIN, population)), expected)


def test_more_chains_than_fit_at_once(name: str, engine: Engine, population: Population) -> None:
    plan = plan_of(built(perceptron), [[n % 8] for n in range(40)], epochs=1)
    expected = list(SerialEngine(built(perceptron)).execute(plan, PLAIN, population))
    agree(name, list(engine.execute(plan, PLAIN, population)), expected)


def test_bfloat16_stays_near(name: str, population: Population) -> None:
    plan = plan_of(built(perceptron))
    exact = list(SerialEngine(built(perceptron)).execute(plan, PLAIN, population))
    serial = list(SerialEngine(built(perceptron), bfloat16=True).execute(plan, PLAIN, population))
    settings = EngineSettings.of(name, **two(name), bfloat16=True)
    engine = make_engine(settings, built(perceptron))
    found = list(engine.execute(plan, PLAIN, population))
    engine.close()
    for one, same, other in zip(found, serial, exact, strict=True):
        assert one.end.params.dtype == torch.float32
        assert torch.equal(one.end.params, same.end.params) or name not in EXACT
        assert not torch.equal(one.end.params, other.end.params)
        moved = other.end.params - plan.start.params
        assert float((one.end.params - other.end.params).norm()) < 0.05 * float(moved.norm())


def test_an_empty_plan_gives_nothing(engine: Engine, population: Population) -> None:
    assert list(engine.execute(plan_of(built(perceptron), []), PLAIN, population)) == []


def test_a_model_without_counters_and_one_with_batch_norm(
    engine: Engine, batch_norm_engine: Engine, population: Population, name: str
) -> None:
    plain = plan_of(built(perceptron))
    assert all(result.end.counters.shape == (0,) for result in engine.execute(plain, PLAIN, population))
    plan = plan_of(built(with_batch_norm))
    expected = list(SerialEngine(built(with_batch_norm)).execute(plan, PLAIN, population))
    found = list(batch_norm_engine.execute(plan, PLAIN, population))
    assert [result.end.counters.tolist() for result in found] == [result.end.counters.tolist() for result in expected]
    # Dropout draws differ between engines that are not exact; the running statistics of the layer before do not
    # depend on it in the first step.
    if name in EXACT:
        agree(name, found, expected)
    for result in found:
        assert bool(torch.isfinite(result.end.params).all())


def test_a_failing_visit_is_skipped_and_the_chain_goes_on(name: str, engine: Engine, population: Population) -> None:
    x = population.x.clone()
    broken = population[1]
    x[(population.x == broken.x[0]).all(1)] = float("nan")  # client 1 holds one sample
    rows = np.split(np.arange(sum(SIZES)), np.cumsum(SIZES)[:-1])
    harmed = Population.from_samples(Samples(x.numpy(), population.y.numpy()), rows, 3)
    plan = plan_of(built(perceptron))
    found = list(engine.execute(plan, PLAIN, harmed))
    assert [report.skipped is not None for report in found[0].reports] == [False, True, False]
    assert found[0].reports[1].skipped == "the model became NaN or infinite"
    without = plan_of(built(perceptron), [[0, 2], *CHAINS[1:]])
    for one, other in zip(found, SerialEngine(built(perceptron)).execute(without, PLAIN, population), strict=True):
        torch.testing.assert_close(one.end.params, other.end.params, rtol=1e-4, atol=1e-5)
        assert (one.end.examples, one.end.steps) == (other.end.examples, other.end.steps)
    only = plan_of(built(perceptron), [[1]])
    (result,) = engine.execute(only, PLAIN, harmed)
    assert not result.trained
    assert torch.equal(result.end.params, only.start.params)


def test_what_clients_keep_comes_back_and_is_given_again(engine: Engine, population: Population) -> None:
    plan = plan_of(built(perceptron), epochs=1)
    plan = replace(
        plan,
        start=replace(plan.start, extras={"steps": torch.tensor(100)}),
        client_states={7: {"visits": torch.tensor(5)}},
    )
    found = list(engine.execute(plan, Counting().bound(CrossEntropy()), population))
    assert {client: int(state["visits"]) for client, state in found[4].client_states.items()} == {6: 2, 7: 6}
    assert [int(result.end.extras["steps"]) - 100 for result in found] == [result.end.steps for result in found]


def test_the_global_generator_is_neither_read_nor_moved(
    name: str, batch_norm_engine: Engine, population: Population
) -> None:
    plan = plan_of(built(with_batch_norm))
    torch.manual_seed(1)
    first = list(batch_norm_engine.execute(plan, PLAIN, population))
    drawn = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(3))
    second = list(batch_norm_engine.execute(plan, PLAIN, population))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.end.params, other.end.params)


def test_the_number_of_threads_is_left_as_it_was(engine: Engine, population: Population) -> None:
    before = torch.get_num_threads()
    for _ in engine.execute(plan_of(built(perceptron)), PLAIN, population):
        assert torch.get_num_threads() == before


def test_a_round_left_early_does_not_disturb_the_next(name: str, engine: Engine, population: Population) -> None:
    left, plan = plan_of(built(perceptron), seed=9), plan_of(built(perceptron))
    next(iter(engine.execute(left, PLAIN, population)))
    expected = list(SerialEngine(built(perceptron)).execute(plan, PLAIN, population))
    agree(name, list(engine.execute(plan, PLAIN, population)), expected)


def test_closing_twice_does_no_harm(name: str, population: Population) -> None:
    made = make_engine(EngineSettings.of(name, **two(name, 1)), built(perceptron))
    made.close()
    made.close()
