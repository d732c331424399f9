"""Layers that stay with each client: where they lie, what travels, what a visit begins with; numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.federation.algorithms import Astraea, FedAvg
from astraea.federation.evaluation import Evaluation, client_accuracies
from astraea.federation.personal import Personal, personal_of
from astraea.federation.personal_evaluation import evaluate_clients
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rules import Plain, Scaffold
from astraea.federation.settings import TrainingSettings
from astraea.federation.statistics import freeze_statistics
from astraea.federation.vector import VectorModel
from astraea.federation.walk import Trained, Walk

NONE = torch.empty(0, dtype=torch.int64)
SECOND = Personal(torch.tensor([1]), NONE)


def model() -> VectorModel:
    """Weights 0 to 5, then the norm's 6 to 9; statistics 10 to 13 behind the head's 8 weights; one counter."""
    return VectorModel(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2, bias=False)))


@pytest.mark.parametrize(
    ("patterns", "places", "counters"),
    [
        (["batch-norm"], [6, 7, 8, 9, 14, 15, 16, 17], [0]),
        (["2"], [10, 11, 12, 13], []),
        (["0.bias", "1.running_*"], [4, 5, 14, 15, 16, 17], []),
    ],
)
def test_layers_are_found_by_name_pattern_or_kind(patterns: list[str], places: list[int], counters: list[int]) -> None:
    found = personal_of(model(), patterns)
    assert found is not None
    assert (found.params.tolist(), found.counters.tolist()) == (places, counters)


def test_a_name_that_matches_nothing_and_all_layers_are_refused() -> None:
    assert personal_of(model(), []) is None
    with pytest.raises(InputError, match="'haed': it matches no layer that travels"):
        personal_of(model(), ["haed"])
    with pytest.raises(InputError, match="no batch normalisation"):
        personal_of(VectorModel(nn.Linear(1, 1)), ["batch-norm"])
    with pytest.raises(InputError, match="nothing is learned together"):
        personal_of(model(), ["*"])


def visited(value: float, own: float) -> Trained:
    return Trained(torch.tensor([value, own]), NONE, {}, {}, 3, 3, 1, 0.5)


def test_a_client_takes_its_part_up_again_and_nobody_else_sees_it() -> None:
    start = ChainState(torch.tensor([1.0, 2.0]), NONE)
    visits = (Visit(4), Visit(7), Visit(4, 1))
    states = {7: SECOND.part(torch.tensor([0.0, 9.0]), NONE)}
    plan = RoundPlan(
        0, 0, start, (Chain(0, visits),), LocalTraining(1, 1, "SGD", 0.1), client_states=states, personal=SECOND
    )
    walk = Walk(plan, plan.chains[0])
    assert walk.starting(4).params.tolist() == [1.0, 2.0]  # it has none yet
    walk.take(visits[0], visited(3.0, 5.0))
    assert walk.state.params.tolist() == [3.0, 2.0]
    assert walk.starting(7).params.tolist() == [3.0, 9.0]
    assert not walk.kept_by(7)  # what its rule kept
    walk.take(visits[1], visited(4.0, 8.0))
    assert walk.starting(4).params.tolist() == [4.0, 5.0]
    assert not walk.take(visits[2], visited(6.0, float("nan")))
    assert walk.result().reports[2].skipped == "the client's personal layers became NaN or infinite"
    assert walk.result().end.params.tolist() == [4.0, 2.0]
    assert walk.starting(4).params.tolist() == [4.0, 5.0]
    assert (plan.bytes_per_hop, plan.bytes_sent) == (4, 6 * 4)  # one of two numbers travels


def test_the_servers_part_stays_to_the_last_bit_and_rules_that_tell_it_are_refused() -> None:
    third = torch.tensor([1.0, 1 / 3])
    algorithm = FedAvg(clients_per_round=3).bound(TrainingSettings(), Plain().bound(CrossEntropy()), personal=SECOND)
    state = algorithm.init(third, NONE)
    plan = RoundPlan(
        0, 0, ChainState(third, NONE), tuple(Chain(k, (Visit(k),)) for k in range(3)),
        LocalTraining(1, 1, "SGD", 0.1), personal=SECOND,
    )  # fmt: skip
    total = algorithm.zero(plan)
    for chain in plan.chains:
        walk = Walk(plan, chain)
        walk.take(chain.visits[0], visited(float(chain.id), 7.0))
        total = algorithm.add(total, walk.result())
    after = algorithm.finish(state, total)
    assert after.params[0].item() == 1.0
    assert torch.equal(after.params[1], third[1])
    assert SECOND.with_part(after.params, NONE, after.clients[2])[0].tolist() == [1.0, 7.0]
    with pytest.raises(InputError, match="bits = 8 rounds a model as a whole"):
        Astraea(bits=8).bound(TrainingSettings(), Plain(), personal=SECOND)
    with pytest.raises(InputError, match="'scaffold' tells others"):
        FedAvg().bound(TrainingSettings(), Scaffold(), personal=SECOND)


def test_samples_of_nobody_are_answered_by_every_client_and_owned_ones_by_their_owner() -> None:
    samples = Samples(np.zeros((3, 1), np.float32), np.array([0, 1, 1]))
    asked: list[tuple[float, int]] = []

    def measure(params: torch.Tensor, counters: torch.Tensor, part: Samples) -> Evaluation:
        asked.append((params[1].item(), len(part)))
        return Evaluation(np.full(len(part), int(params[1])), part.y, 2, float(params[1]))

    server, kept = (torch.tensor([5.0, 0.0]), NONE), {1: SECOND.part(torch.tensor([0.0, 1.0]), NONE)}
    found = evaluate_clients(SECOND, server, kept, 3, samples, None, measure)
    assert asked == [(0.0, 3), (1.0, 3)]  # clients 0 and 2 have one model
    assert found.accuracy == pytest.approx((1 + 2 + 1) / 9)
    assert client_accuracies(found, np.array([[1, 1], [1, 1], [4, 0]])).tolist() == [0.5, 0.5, 1.0]
    owners = np.array([0, 1, 1])
    found = evaluate_clients(SECOND, server, kept, 3, samples, owners, measure)
    assert found.accuracy == 1.0
    np.testing.assert_array_equal(client_accuracies(found, np.ones((3, 2), int), owners), [1.0, 1.0, np.nan])


def test_frozen_statistics_stay_in_training_and_one_sample_is_enough() -> None:
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2))
    freeze_statistics(module)
    vector = VectorModel(module)
    vector.begin_training()
    assert not vector.has_batch_norm
    assert module.training
    assert torch.equal(vector.outputs(torch.ones(1, 2)), module.eval()(torch.ones(1, 2)))
    with vector.holding(*vector.read()):
        pass
    vector.begin_training()
    vector.outputs(torch.full((4, 2), 9.0))
    assert module[0].running_mean.tolist() == [0.0, 0.0]
    with pytest.raises(InputError, match="no batch normalisation that keeps statistics"):
        freeze_statistics(nn.Linear(1, 1))
