"""What a round comes to where chains or visits are late: the model stays, the cost counts, the run can go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from astraea.balance.losses import CrossEntropy
from astraea.errors import RunError
from astraea.federation.algorithms import Algorithm, State, View
from astraea.federation.plan import ChainResult, ChainState, RoundPlan, VisitReport
from astraea.federation.round import Round, Simulated, Totals
from astraea.federation.rules import Plain
from astraea.federation.server import ServerSettings, make_server
from astraea.federation.server.aggregation import Aggregator
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel

HISTOGRAMS = np.array([[3, 1], [1, 1], [1, 1], [1, 2], [2, 2], [1, 3], [4, 1], [2, 1]])
REASON = "its chain is not back by the network's deadline_s of 5 s"


def planned(constant: Any, name: str = "fedavg", aggregation: str = "samples") -> tuple[Algorithm, State, RoundPlan]:
    """Return an algorithm of 8 clients, its state and its first plan."""
    server = make_server(ServerSettings(aggregation={"name": aggregation}), VectorModel(constant), 2)
    options = {"capacity": 1} if name == "astraea" else {}
    settings = Algorithm.registered()[name](clients_per_round=8, **options)
    algorithm = settings.bound(TrainingSettings(), Plain().bound(CrossEntropy()), server)
    state = algorithm.init(torch.tensor([1.0, 2.0]), torch.zeros(0, dtype=torch.int64))
    view = View(HISTOGRAMS, np.ones(8, np.bool_), 0.5, 0)
    return algorithm, state, algorithm.plan(state, view, np.random.default_rng(0))


def trained(plan: RoundPlan, number: int, skipped: str | None = None, *, late: bool = False) -> ChainResult:
    """Return what came of a chain of one visit: a model of fours, or what it was skipped for."""
    chain = plan.chains[number]
    report = VisitReport(chain.clients[0], 0, 3, 1, 0.5, skipped=skipped, late=late)
    end = ChainState(torch.full((2,), 4.0), plan.start.counters, examples=3, steps=1) if skipped is None else plan.start
    return ChainResult(chain, end, (report,))


def simulated(plan: RoundPlan, *late: int) -> Simulated:
    return Simulated(plan, 5.0, {}, late, REASON)


@pytest.mark.parametrize("name", sorted(Algorithm.registered()))
def test_with_every_chain_late_each_algorithm_leaves_the_model(constant: Any, name: str) -> None:
    algorithm, state, plan = planned(constant, name)
    round_ = Round(algorithm, plan, simulated(plan, *range(len(plan.chains))))

    after, totals, line = round_.finish(state, Totals(), HISTOGRAMS)

    assert round_.plan.chains == ()
    assert (after.round, after.params.tolist()) == (1, [1.0, 2.0])
    assert line["kept"] == "the model before, since nobody was in time"
    assert (totals["visits_skipped"], totals["samples_processed"], totals["critical_path_steps"]) == (8, 0, 0)
    assert totals["simulated_seconds"] == 5.0
    assert {one["reason"] for one in line["skipped"]} == {REASON}


@pytest.mark.parametrize("name", sorted(set(Aggregator.registered()) - {"own-weights"}))
def test_with_every_chain_late_each_aggregation_leaves_the_model(constant: Any, name: str) -> None:
    algorithm, state, plan = planned(constant, aggregation=name)

    after, _, line = Round(algorithm, plan, simulated(plan, *range(8))).finish(state, Totals(), HISTOGRAMS)

    assert (after.round, after.params.tolist()) == (1, [1.0, 2.0])
    assert line["kept"] == "the model before, since nobody was in time"


@pytest.mark.parametrize(("late", "model"), [(5, [4.0, 4.0]), (6, [1.0, 2.0])])
def test_a_robust_average_of_too_few_chains_in_time_leaves_the_model(
    constant: Any, late: int, model: list[float]
) -> None:
    algorithm, state, plan = planned(constant, aggregation="median")
    round_ = Round(algorithm, plan, simulated(plan, *range(late)))
    for chain in range(8 - late):
        round_.add(trained(round_.plan, chain))

    after, _, line = round_.finish(state, Totals(), HISTOGRAMS)

    assert (after.round, after.params.tolist()) == (1, model)
    told = "the model before, since server.aggregation 'median' needs 3 chains, and 2 came in time"
    assert line.get("kept") == (told if late == 6 else None)


def test_visits_that_are_late_are_told_from_those_that_fail(constant: Any) -> None:
    algorithm, state, plan = planned(constant)
    round_ = Round(algorithm, plan)
    for chain in range(7):
        round_.add(trained(plan, chain, "not done within 2 s", late=True))
    round_.add(trained(plan, 7, "ValueError: no such layer"))

    with pytest.raises(RunError) as error:
        round_.finish(state, Totals(), HISTOGRAMS)

    assert str(error.value) == (
        f"round 1: all 1 visits failed that were in time, 7 being late, the first (client {plan.chains[7].clients[0]}) "
        "because: ValueError: no such layer; mend the model, the data or the part that says so"
    )


def test_a_round_of_visits_past_their_deadline_leaves_the_model(constant: Any) -> None:
    algorithm, state, plan = planned(constant)
    round_ = Round(algorithm, plan)
    for chain in range(8):
        round_.add(trained(plan, chain, "not done within 2 s", late=True))

    after, _, line = round_.finish(state, Totals(), HISTOGRAMS)

    assert (after.round, after.params.tolist()) == (1, [1.0, 2.0])
    assert line["kept"] == "the model before, since nobody was in time"
