"""What every algorithm must do, and what FedAvg and Astraea plan."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance.losses import CrossEntropy, LogitAdjusted
from astraea.balance.participation import inclusion_probabilities
from astraea.errors import InputError
from astraea.federation.algorithms import (
    Algorithm,
    Astraea,
    Cyclic,
    FedAvg,
    View,
    base,
)
from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan, Visit, VisitReport
from astraea.federation.rule import LocalRule
from astraea.federation.rules import Plain
from astraea.federation.settings import TrainingSettings

NONE = torch.empty(0, dtype=torch.int64)


def build(settings: Algorithm, rule: LocalRule | None = None) -> Algorithm:
    return settings.bound(TrainingSettings(), rule or Plain().bound(CrossEntropy()))


def view(histograms: object, available: object = None, progress: float = 0.0) -> View:
    counts = np.asarray(histograms)
    return View(counts, np.ones(len(counts), np.bool_) if available is None else np.asarray(available), progress, 7)


def plan(algorithm: Algorithm, seen: View, seed: int = 0) -> RoundPlan:
    return algorithm.plan(algorithm.init(torch.zeros(3), NONE), seen, np.random.default_rng(seed))


def result(
    params: list[float], examples: int, *, failed: bool = False, counters: list[int] | None = None
) -> ChainResult:
    end = ChainState(torch.tensor(params), torch.tensor(counters or [], dtype=torch.int64), {}, examples)
    report = VisitReport(0, 0, skipped="gone" if failed else None)
    return ChainResult(Chain(0, (Visit(0),)), end, (report,))


def test_participation_is_computed_once_for_a_population(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def counted(histograms: np.ndarray, clients: int, settings: object) -> np.ndarray:
        asked.append(clients)
        return inclusion_probabilities(histograms, clients)

    monkeypatch.setattr(base, "inclusion_probabilities", counted)
    algorithm = build(FedAvg(clients_per_round=2), Plain().bound(LogitAdjusted()))
    fixed, changing = np.ones((5, 3), np.int64), np.ones((5, 3), np.int64)
    fixed.flags.writeable = False
    assert plan(algorithm, view(fixed)).chains == plan(algorithm, view(fixed)).chains
    assert asked == [2]
    plan(algorithm, view(changing))
    changing[0] = 9
    plan(algorithm, view(changing))
    assert asked == [2, 2, 2, 2, 2]


@pytest.mark.parametrize("settings", [FedAvg(), Astraea(), Cyclic()])
@given(data=st.data())
def test_any_algorithm_plans_rounds_that_an_engine_can_run(settings: Algorithm, data: st.DataObject) -> None:
    clients = data.draw(st.integers(1, 60))
    histograms = np.random.default_rng(clients).integers(1, 9, (clients, 3))
    algorithm = build(settings)
    planned = plan(algorithm, view(histograms), data.draw(st.integers(0, 99)))
    visits = [(visit.client, visit.pass_) for chain in planned.chains for visit in chain.visits]
    assert len(set(visits)) == len(visits)
    assert {client for client, _ in visits} <= set(range(clients))
    assert len({client for client, _ in visits}) == min(settings.clients_per_round, clients)
    assert {pass_ for _, pass_ in visits} == set(range(algorithm.passes))
    assert [chain.id for chain in planned.chains] == list(range(len(planned.chains)))


def test_fedavg_plans_chains_of_one_visit() -> None:
    planned = plan(build(FedAvg(clients_per_round=2, local_epochs=3)), view(np.ones((4, 2), int)))
    assert [len(chain.visits) for chain in planned.chains] == [1, 1]
    assert planned.training.epochs == 3
    assert planned.bytes_sent == 2 * 2 * 3 * 4  # there and back, two clients, three float32


def test_astraea_pools_opposite_clients_and_passes_twice() -> None:
    # Clients 0 and 2 hold class 0, clients 1 and 3 class 1: pairs of opposites are uniform.
    histograms = [[4, 0], [0, 4], [2, 0], [0, 2]]
    planned = plan(build(Astraea(clients_per_round=4, capacity=2, mediator_epochs=2)), view(histograms))
    for chain in planned.chains:
        visits = [visit.client for visit in chain.visits]
        assert visits[:2] == visits[2:]
        assert [visit.pass_ for visit in chain.visits] == [0, 0, 1, 1]
        assert np.asarray(histograms)[list(chain.clients)].sum(axis=0).tolist() in ([4, 4], [2, 2])
    # Honest traffic: 2 |w| a visit, c * E_m visits.
    assert planned.bytes_sent == 2 * 12 * 4 * 2


def test_random_mediators_ignore_the_labels_but_follow_the_seed() -> None:
    histograms = np.tile([[4, 0], [0, 4]], (20, 1))
    algorithm = build(Astraea(clients_per_round=40, capacity=2, mediators="random"))
    first, again, other = (plan(algorithm, view(histograms), seed) for seed in (1, 1, 2))
    assert first.chains == again.chains
    assert first.chains != other.chains
    mixed = [len({client % 2 for client in chain.clients}) for chain in first.chains]
    assert 1 in mixed  # the greedy schedule would never leave two alike together


def test_without_mediators_every_client_is_alone() -> None:
    algorithm = build(Astraea(clients_per_round=3, mediators="none", mediator_epochs=1))
    planned = plan(algorithm, view(np.ones((5, 2), int)))
    assert [len(chain.visits) for chain in planned.chains] == [1, 1, 1]


def test_only_clients_that_answer_take_part() -> None:
    algorithm = build(FedAvg(clients_per_round=3))
    planned = plan(algorithm, view(np.ones((4, 2), int), [True, False, True, False]))
    assert {chain.clients[0] for chain in planned.chains} <= {0, 2}
    with pytest.raises(InputError, match="none of 3 invited clients answered"):
        plan(algorithm, view(np.ones((4, 2), int), [False] * 4))


def test_over_selection_fills_a_round_up() -> None:
    algorithm = build(FedAvg(clients_per_round=2, over_selection=1.0))
    planned = plan(algorithm, view(np.ones((4, 2), int), [True, False, True, False]))
    assert sorted(chain.clients[0] for chain in planned.chains) == [0, 2]


def test_results_are_weighted_by_samples() -> None:
    algorithm = build(FedAvg())
    state = algorithm.init(torch.zeros(2), torch.tensor([0]))
    total = algorithm.zero(algorithm.plan(state, view(np.ones((1, 2), int)), np.random.default_rng(0)))
    total = algorithm.add(total, result([1.0, 2.0], 1, counters=[10]))
    total = algorithm.add(total, result([4.0, 8.0], 2, counters=[41]))
    total = algorithm.add(total, result([9.0, 9.0], 5, failed=True, counters=[9]))
    state = algorithm.finish(state, total)
    assert state.params.tolist() == [3.0, 6.0]
    assert state.counters.tolist() == [31]  # 92 / 3, rounded
    assert state.round == 1


def test_a_round_without_results_leaves_the_model() -> None:
    algorithm = build(FedAvg())
    state = algorithm.init(torch.ones(3), NONE)
    total = algorithm.zero(algorithm.plan(state, view(np.ones((1, 2), int)), np.random.default_rng(0)))
    after = algorithm.finish(state, total)
    assert after.params.tolist() == [1.0, 1.0, 1.0]
    assert after.round == 1


def test_the_prior_goes_only_to_rules_that_use_it() -> None:
    histograms = [[3, 0], [0, 1]]
    assert plan(build(FedAvg(clients_per_round=2)), view(histograms)).prior is None
    aware = build(FedAvg(clients_per_round=2), Plain().bound(LogitAdjusted()))
    prior = plan(aware, view(histograms)).prior
    assert prior is not None
    assert prior.tolist() == [0.75, 0.25]


def test_the_learning_rate_follows_the_schedule() -> None:
    algorithm = build(FedAvg(clients_per_round=1))
    rates = [plan(algorithm, view([[1, 1]], progress=at)).training.lr for at in (0.0, 0.5, 1.0)]
    assert rates == pytest.approx([0.02, 0.01, 0.0])


def test_a_mediator_can_visit_its_clients_in_another_order() -> None:
    histograms = np.array([[4, 0], [3, 1], [0, 4], [2, 2]])

    def order(name: str, seed: int = 0) -> list[int]:
        settings = Astraea(clients_per_round=4, capacity=4, mediator_epochs=2, order=name)
        (chain,) = plan(build(settings), view(histograms), seed).chains
        assert [visit.pass_ for visit in chain.visits] == [0] * 4 + [1] * 4
        return [visit.client for visit in chain.visits]

    picked = order("picked")
    assert picked[:4] == picked[4:]
    assert picked[0] == 3  # the balanced client is picked first
    assert order("reversed") == [*picked[3::-1]] * 2
    passes = {tuple(order("shuffled", seed)[start : start + 4]) for seed in range(5) for start in (0, 4)}
    assert len(passes) > 4
    assert all(sorted(visits) == [0, 1, 2, 3] for visits in passes)


def test_cyclic_begins_with_one_chain_and_goes_on_as_fedavg_with_the_same_clients() -> None:
    histograms = np.ones((9, 2), np.int64)
    cyclic, fedavg = build(Cyclic(clients_per_round=4, pretraining=0.25)), build(FedAvg(clients_per_round=4))
    (chain,) = plan(cyclic, view(histograms, progress=0.24)).chains
    side_by_side = plan(fedavg, view(histograms)).chains
    assert chain.visits == tuple(visit for one in side_by_side for visit in one.visits)
    assert plan(cyclic, view(histograms, progress=0.25)).chains == side_by_side
    assert len(plan(build(Cyclic(pretraining=0)), view(histograms)).chains) == 9
    assert len(plan(build(Cyclic(pretraining=1)), view(histograms, progress=0.99)).chains) == 1


def test_chains_get_shorter_once_the_run_is_so_far() -> None:
    histograms = np.random.default_rng(0).integers(1, 9, (9, 2))
    settings = Astraea(clients_per_round=8, capacity=8, shorten_after=0.5, capacity_after=3, mediator_epochs=1)
    algorithm = build(settings)
    assert [len(chain.visits) for chain in plan(algorithm, view(histograms, progress=0.49)).chains] == [8]
    later = plan(algorithm, view(histograms, progress=0.5)).chains
    assert [len(chain.visits) for chain in later] == [3, 3, 2]
    short = build(Astraea(clients_per_round=8, capacity=3, mediator_epochs=1))
    assert later == plan(short, view(histograms)).chains
    assert (
        len(plan(build(settings.model_copy(update={"shorten_after": 1.0})), view(histograms, progress=0.99)).chains)
        == 1
    )
