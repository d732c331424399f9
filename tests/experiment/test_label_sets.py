"""Runs on samples with several labels: engines, metrics, answers, and what does not go with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import astraea
from astraea.errors import InputError

RNG = np.random.default_rng(0)
Y = RNG.random((240, 3)) < [0.6, 0.3, 0.1]
X = (RNG.normal(size=(240, 6)) + Y @ RNG.normal(size=(3, 6)) * 4).astype(np.float32)


def train(**changes: Any) -> astraea.Result:
    torch.manual_seed(0)
    settings: dict[str, Any] = {
        "scenario": {"clients": 4, "skew": "dirichlet"},
        "model": nn.Linear(6, 3),
        "rounds": 3,
        "algorithm": {
            "name": "astraea",
            "clients_per_round": 4,
            "capacity": 2,
            "local_epochs": 1,
            "mediator_epochs": 2,
        },
        "train": {"lr": 0.1},
        "evaluation": {"metrics": ["auroc", "confusion"], "validation": 0.1},
    }
    return astraea.run(dataset=(X[:180], Y[:180]), test=(X[180:], Y[180:]), **settings | changes)


def test_engines_metrics_and_answers_agree(tmp_path: Path) -> None:
    result = train(out=tmp_path / "serial")
    other = train(engine={"name": "processes", "workers": 2})
    trained = result.model.state_dict()
    assert torch.equal(trained["weight"], other.model.state_dict()["weight"])
    torch.testing.assert_close(train(engine="stacked").model.state_dict(), trained, rtol=1e-4, atol=1e-5)
    answers = result.predict(X[180:])
    told = np.array([[str(label) in answer for label in range(3)] for answer in answers])
    wanted = Y[180:]
    right = (told == wanted).all(axis=1)
    assert result.summary["accuracy_deployed"] == pytest.approx(right.mean())
    recalls = [(told & wanted)[:, k].sum() / wanted[:, k].sum() for k in range(3)]
    assert result.summary["per_class_recall"][:3] == pytest.approx(recalls)
    none = ~wanted.any(axis=1)
    assert result.summary["per_class_recall"][3] == pytest.approx((~told.any(axis=1) & none).sum() / none.sum())
    assert result.summary["accuracy_deployed"] > 0.6
    assert [sum(map(sum, table)) for table in result.summary["metrics"]["confusion"]] == [60, 60, 60]
    assert result.summary["class_names"] == ["0", "1", "2", "(none)"]
    loaded = astraea.load_result(tmp_path / "serial", model=nn.Linear(6, 3))
    assert list(loaded.predict(X[180:])) == list(answers)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"train": {"loss": "logit-adjusted"}}, "'logit-adjusted' does not fit these data, which have several labels"),
        ({"train": {"loss": "cross-entropy"}}, "leave train.loss out"),
        ({"balance": {"sampling": "class-balanced"}}, r"balance.sampling draws each class equally often"),
        ({"attacks": {"attack": "sign-flip", "share": 0.5}}, "attacks turns one label into another"),
        ({"privacy": {"histograms": "local-dp"}}, r"privacy.histograms hides one label a sample"),
        ({"train": {"rule": "self-distilled"}}, "'self-distilled' compares answers as classes"),
        ({"model": nn.Linear(6, 4)}, "gives 4 logits, but there are 3 classes"),
    ],
)
def test_what_is_made_for_one_label_a_sample_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        train(**changes)


def test_classes_are_no_sets_of_labels() -> None:
    with pytest.raises(InputError, match="'binary-cross-entropy' does not fit these data, which have classes"):
        astraea.run(dataset=(X, np.arange(240) % 3), train={"loss": "binary-cross-entropy"}, rounds=1)
