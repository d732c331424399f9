"""Robust averages of a round's models, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from astraea.errors import InputError
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit, VisitReport
from astraea.federation.server import CentredClipping, CoordinateMedian, MultiKrum, RobustAggregator, TrimmedMean
from astraea.federation.server.gathered import largest_minority

NONE = torch.empty(0, dtype=torch.int64)
MODELS = torch.tensor([[0.0, 1.0], [1.0, 2.0], [2.0, 9.0], [3.0, 0.0], [1e9, -1e9]])


def combined(rule: RobustAggregator, models: torch.Tensor) -> list[float]:
    chains = tuple(Chain(number, (Visit(number),)) for number in range(len(models)))
    plan = RoundPlan(0, 0, ChainState(torch.zeros(2), NONE), chains, LocalTraining(1, 1, "SGD", 0.1))
    total = rule.zero(plan)
    for chain, model in zip(chains, models, strict=True):
        end = ChainState(model, NONE, examples=10 ** (chain.id + 1), steps=1)
        total = rule.add(total, ChainResult(chain, end, (VisitReport(chain.id, 0, 1, 1, 0.0),)))
    failed = ChainResult(chains[0], ChainState(torch.zeros(2), NONE), (VisitReport(0, 0, skipped="gone"),))
    mean = rule.mean(rule.add(total, failed))
    assert mean.stretch == 1.0
    found: list[float] = mean.params.tolist()
    return found


def test_the_median_of_each_coordinate() -> None:
    assert combined(CoordinateMedian(), MODELS) == [2.0, 1.0]
    assert combined(CoordinateMedian(), MODELS[:4]) == [1.5, 1.5]
    assert combined(CoordinateMedian(), MODELS[1:4]) == [2.0, 2.0]


def test_the_trimmed_mean_leaves_out_a_share_at_either_end() -> None:
    assert combined(TrimmedMean(trim=0.2), MODELS) == [2.0, 1.0]
    assert combined(TrimmedMean(trim=0.25), MODELS[:4]) == [1.5, 1.5]
    assert combined(TrimmedMean(trim=0.0), MODELS[:3]) == [1.0, 4.0]


def test_multi_krum_averages_the_models_nearest_to_others() -> None:
    # Of five with one hostile, two neighbours count: sums of squared distances 2 + 10, 2 + 8, 50 + 68, 10 + 8, huge.
    assert combined(MultiKrum(hostile=0.2), MODELS) == [1.5, 3.0]


def test_centred_clipping_shortens_changes_to_the_median_distance() -> None:
    models = torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, -100.0]])  # distances 3, 4 and 100 from the start
    assert combined(CentredClipping(radius=1.0, iterations=1), models) == [1.0, 0.0]
    assert combined(CentredClipping(), torch.zeros(3, 2)) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("count", "share", "found"), [(5, 0.2, 1), (10, 0.2, 2), (1, 0.4, 0), (2, 0.4, 0), (4, 0.4, 1)]
)
def test_those_left_out_are_fewer_than_half(count: int, share: float, found: int) -> None:
    assert largest_minority(count, share) == found


@pytest.mark.parametrize(
    ("rule", "fewest"),
    [
        (CoordinateMedian(), 3),
        (CentredClipping(), 3),
        (TrimmedMean(trim=0.2), 3),  # round(0.6) = 1
        (TrimmedMean(trim=0.1), 6),  # round(0.5) = 0, as Python rounds to even, and round(0.6) = 1
        (MultiKrum(hostile=0.2), 5),  # one of five: 5 >= 2 + 3
        (MultiKrum(hostile=0.4), 11),  # four of eleven: 11 >= 8 + 3
    ],
)
def test_a_round_of_too_few_chains_is_refused(rule: RobustAggregator, fewest: int) -> None:
    assert rule.fewest == fewest
    models = torch.zeros(fewest, 2)
    assert combined(rule, models) == [0.0, 0.0]
    with pytest.raises(InputError, match=rf"'{rule.name}' over {fewest - 1} chains protects nobody, as it needs"):
        combined(rule, models[1:])


def test_what_travels_beside_the_model_is_not_covered() -> None:
    plan = RoundPlan(0, 0, ChainState(torch.zeros(2), NONE, {"c": torch.zeros(2)}), (), LocalTraining(1, 1, "SGD", 0.1))
    with pytest.raises(InputError, match=r"does not cover what this train\.rule hands on"):
        CoordinateMedian().zero(plan)
