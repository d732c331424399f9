"""Class names of which nobody holds a sample: a young model must not answer with them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import astraea
from astraea.balance.losses import LocalPrior
from astraea.data import Dataset


class Unknowing(LocalPrior):
    """The local prior without knowledge of what others hold: it cannot tell a rare class from a mere name."""

    takes_prior: ClassVar[bool] = False


@pytest.fixture(scope="module")
def digits() -> Dataset:
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    x, y = (found.images / 16).astype(np.float32)[order], found.target[order]
    names = [*map(str, range(10)), *(f"nobody's {k}" for k in range(10))]
    return astraea.from_arrays(x[:1440], y[:1440], x[1440:], y[1440:], class_names=names)


def answers_that_do_not_exist(digits: Dataset, loss: object, algorithm: str = "fedavg") -> float:
    skew: dict[str, Any] = {"clients": 20, "skew": {"name": "dirichlet", "beta": 0.3}}
    named = {"name": algorithm, "clients_per_round": 10}
    result = astraea.run(dataset=digits, scenario=skew, rounds=3, algorithm=named, train={"loss": loss})
    assert not np.isnan(result.summary["tail_recall"])
    with torch.no_grad():
        found = result.model(torch.from_numpy(digits.test.x)).argmax(dim=1)
    return float((found >= 10).double().mean())


@pytest.mark.parametrize("loss", ["local-prior", "logit-adjusted", "fedlc"])
def test_no_answer_is_a_class_that_nobody_holds(digits: Dataset, loss: str) -> None:
    assert answers_that_do_not_exist(digits, loss) == 0


def test_astraea_gives_no_such_answer_either(digits: Dataset) -> None:
    assert answers_that_do_not_exist(digits, "auto", "astraea") == 0


def test_a_prior_of_ones_own_alone_leaves_them_in(digits: Dataset) -> None:
    """What the others are held against: without knowing what nobody holds, an eighth of the answers is wrong so."""
    assert answers_that_do_not_exist(digits, Unknowing()) > 0.05
