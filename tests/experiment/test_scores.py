"""Scores of new rows: probabilities at the shares that the loss leaves, and at those of where the model is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import astraea
from astraea.balance.losses import CrossEntropy, Focal, LogitAdjusted, RunningPrior
from astraea.data.form import Form
from astraea.data.inputs import ArrayReader, Inputs
from astraea.errors import InputError

X = np.array([[0.0, np.log(3)], [np.log(9), 0.0]], np.float32)


def result(score_prior: list[float] | None = None, several: bool = False, outputs: int = 2) -> astraea.Result:
    """A model whose outputs are its inputs, or the second of them."""
    model = nn.Linear(2, outputs, bias=False)
    model.weight.data = torch.eye(2)[2 - outputs :]
    reader = ArrayReader(form=Form("vector", "table", "F", (2,)), class_names=("ill", "well"), several=several)
    summary: dict[str, Any] = {"class_names": ["ill", "well"], "score_prior": score_prior}
    return astraea.Result(summary, [], model, np.zeros(1), Inputs(reader=reader))


def test_scores_are_the_softmax_or_for_several_labels_the_sigmoid() -> None:
    np.testing.assert_allclose(result().scores(X), [[0.25, 0.75], [0.9, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(result(outputs=1).scores(X), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(result(several=True).scores(X), [[0.5, 0.75], [0.9, 0.5]], rtol=1e-6)


def test_a_prior_turns_scores_to_where_the_model_is_used() -> None:
    even = result([0.5, 0.5])
    expected = [[0.75, 0.25], [81 / 82, 1 / 82]]  # 0.25 * 0.9 to 0.75 * 0.1, and 0.9 * 0.9 to 0.1 * 0.1
    np.testing.assert_allclose(even.scores(X, prior=[0.9, 0.1]), expected, rtol=1e-6)
    np.testing.assert_allclose(even.scores(X, prior={"well": 1, "ill": 9}), expected, rtol=1e-6)  # counts by name
    np.testing.assert_allclose(result([0.9, 0.1]).scores(X, prior=[0.9, 0.1]), even.scores(X), rtol=1e-6)
    assert result([1.0, 0.0]).scores(X, prior=[0.5, 0.5]).tolist() == [[1.0, 0.0]] * 2


@pytest.mark.parametrize(
    ("given", "prior", "message"),
    [
        ([0.5, 0.5], [1, 2, 3], "must be 2 shares or counts, one a class: ill, well"),
        ([0.5, 0.5], [-1, 2], "must be 2 shares"),
        ([0.5, 0.5], {"ill": 1}, "names no share of 'well'"),
        ([0.5, 0.5], {"ill": 1, "well": 1, "dead": 1}, "names 'dead'"),
        (None, [1, 1], "nobody knows at which class shares these scores stand"),
    ],
)
def test_a_prior_that_cannot_be_used_says_why(given: Any, prior: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        result(given).scores(X, prior=prior)


def test_losses_say_what_they_leave_of_the_prior() -> None:
    prior = np.array([0.8, 0.2])
    assert CrossEntropy().score_prior(prior) is prior
    assert RunningPrior(tau=1).score_prior(prior) == pytest.approx([0.5, 0.5])
    assert LogitAdjusted(tau=0.5).score_prior(prior) == pytest.approx([2 / 3, 1 / 3])  # sqrt(0.8) is twice sqrt(0.2)
    assert LogitAdjusted(tau=1).score_prior(np.array([1.0, 0.0])) == pytest.approx([0.5, 0.5])
    assert Focal().score_prior(prior) is None


def test_a_run_knows_where_its_scores_stand(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = (np.arange(80) % 4 == 0).astype(int)
    x = (rng.normal(size=(80, 3)) + y[:, None]).astype(np.float32)
    astraea.run(dataset=(x, y), scenario={"clients": 2}, rounds=1, out=tmp_path / "a")
    found = astraea.load_result(tmp_path / "a")
    assert found.summary["score_prior"] == pytest.approx([0.5, 0.5])
    scores = found.scores(x)
    assert scores.sum(axis=1) == pytest.approx(np.ones(80))
    assert np.array(found.summary["class_names"])[scores.argmax(axis=1)].tolist() == found.predict(x).tolist()
