"""Own weights in the average: as said by name or column, and as samples where they are the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import astraea
from astraea.data import Scenario, build_scenario, from_arrays
from astraea.errors import InputError
from astraea.federation.server.own_weights import OwnWeights

MODEL = torch.nn.Linear(3, 2)  # copied by each run
SIZES = {"a": 30, "b": 10, "c": 20}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    rng = np.random.default_rng(0)
    site = np.repeat(list(SIZES), list(SIZES.values()))
    columns = {"site": site, "share": np.where(site == "b", 0.0, 2.5), "row": np.arange(60)}
    x = rng.normal(size=(60, 3)) + 0.5 * rng.integers(0, 2, (60, 1))
    dataset = from_arrays(x, (x[:, 0] > 0).astype(int), x[:9], (x[:9, 0] > 0).astype(int), columns=columns)
    return build_scenario(dataset, skew="column", column="site")


def weights(scenario: Scenario, aggregation: Any, algorithm: str = "fedavg") -> torch.Tensor:
    result = astraea.run(
        scenario=scenario,
        rounds=1,
        model=MODEL,
        algorithm={"name": algorithm, "clients_per_round": 3},
        server={"aggregation": aggregation},
    )
    return torch.cat([part.detach().flatten() for part in result.model.parameters()])


def test_the_sample_counts_as_weights_are_the_usual_average(scenario: Scenario) -> None:
    usual = weights(scenario, "samples")
    own = weights(scenario, {"name": "own-weights", "weights": SIZES})
    assert torch.equal(own, usual)
    assert not torch.allclose(weights(scenario, {"name": "own-weights", "weights": {"a": 1, "b": 1, "c": 1}}), usual)


def test_a_list_says_the_same_as_names_of_numbered_clients() -> None:
    assert OwnWeights(weights=[1, 2.5]) == OwnWeights(weights={"0": 1, "1": 2.5})


def test_a_column_says_the_same_as_names(scenario: Scenario) -> None:
    named = weights(scenario, {"name": "own-weights", "weights": {"a": 2.5, "b": 0, "c": 2.5}})
    assert torch.equal(weights(scenario, {"name": "own-weights", "column": "share"}), named)


@pytest.mark.parametrize(
    ("aggregation", "message"),
    [
        ({"weights": {"a": 1, "b": 1}}, "has none for client 'c'"),
        ({"weights": {"a": 1, "b": 1, "c": 1, "bb": 1}}, r"unknown client 'bb'; did you mean 'b'\?"),
        ({"weights": {"a": 0, "b": 0, "c": 0}}, "gives every client the weight 0"),
        ({"column": "shares"}, r"unknown column 'shares'; did you mean 'share'\?"),
        ({"column": "row"}, "column 'row' gives client 'a' the weights 0, 1, 2"),
        ({"column": "site"}, "gives client 'a' the weights a: give it one number"),
        ({}, "give either its weights or its column"),
        ({"weights": {"a": -1, "b": 1, "c": 1}}, r"weights\.a' cannot be -1"),
    ],
)
def test_what_is_no_weight_is_refused(scenario: Scenario, aggregation: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        weights(scenario, {"name": "own-weights", **aggregation})
