from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import astraea
from astraea.data import build_scenario
from astraea.data.loaders.table import from_frame
from astraea.data.regression import Regression, quantile_bins
from astraea.errors import InputError

VALUES = np.arange(1.0, 101.0)


def test_bins_hold_equally_many_values() -> None:
    regression = quantile_bins(VALUES, 4)
    assert np.bincount(regression.bins(VALUES)).tolist() == [25, 25, 25, 25]
    assert regression.names == ("below 25.75", "25.75 to 50.5", "50.5 to 75.25", "75.25 and above")


def test_values_that_repeat_make_fewer_bins_and_none_is_empty() -> None:
    values = np.array([0.0] * 60 + [1.0] * 20 + [2.0] * 20)
    assert np.bincount(quantile_bins(values, 5).bins(values)).tolist() == [60, 20, 20]


def test_scaling_goes_both_ways() -> None:
    regression = Regression((3.0,), mean=10.0, deviation=4.0)
    assert regression.scaled(np.array([14.0, 6.0])).tolist() == [1, -1]
    assert regression.unscaled(np.array([1.0, -1.0])).tolist() == [14, 6]


@pytest.mark.parametrize("values", [[5.0] * 9, [1.0, np.nan]])
def test_what_cannot_be_predicted_is_refused(values: list[float]) -> None:
    with pytest.raises(InputError, match="the values to be predicted"):
        quantile_bins(values, 4)


def test_a_scenario_scales_targets_by_its_clients() -> None:
    frame = pd.DataFrame({"a": VALUES * 0.5, "y": VALUES + 0.5})
    dataset = from_frame(frame, "y", bins=2)
    assert dataset.class_names == ("below 51", "51 and above")
    scenario = build_scenario(dataset, skew="indices", indices=[[0, 1], [2, 3]], test_share=0.1)
    assert scenario.regression is not None
    assert scenario.train.targets is not None
    scaled = scenario.regression.scaled(scenario.train.targets)
    assert scaled.mean() == pytest.approx(0, abs=1e-6)
    assert scaled.std() == pytest.approx(1, abs=1e-6)


def test_the_task_is_recognised_or_said() -> None:
    whole, fractions = np.arange(30), np.arange(30) + 0.5
    assert from_frame(pd.DataFrame({"a": fractions, "y": whole}), "y").classes == 30
    with pytest.raises(
        InputError, match="'y' hold 30 different whole numbers in 30 rows, which may be classes or quant"
    ):
        from_frame(pd.DataFrame({"a": fractions, "y": whole * 2}), "y")
    assert from_frame(pd.DataFrame({"a": fractions, "y": whole * 2}), "y", task="classes").classes == 30
    assert from_frame(pd.DataFrame({"a": fractions, "y": fractions}), "y").regression is not None
    assert from_frame(pd.DataFrame({"a": fractions, "y": whole}), "y", task="regression", bins=3).classes == 3
    with pytest.raises(InputError, match=r"holds fractions, such as 0.5: no classes"):
        from_frame(pd.DataFrame({"a": fractions, "y": fractions}), "y", task="classes")
    with pytest.raises(InputError, match=r"column 'y' hold text: set data.task to 'classes'"):
        from_frame(pd.DataFrame({"a": [0.5, 1.5], "y": ["u", "v"]}), "y", task="regression")


def test_a_regression_predicts_one_number_and_is_measured_as_one() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    said: dict[str, Any] = {"rounds": 1, "scenario": {"clients": 2}, "algorithm": {"clients_per_round": 2}}
    with pytest.raises(InputError, match="the model gives 3 outputs, but one number is to be predicted: end it with 1"):
        astraea.run(dataset=(x, x[:, 0]), model=nn.Linear(4, 3), **said)
    with pytest.raises(InputError, match="metric 'f1' is for classes, which these data do not have: leave it out of"):
        astraea.run(dataset=(x, x[:, 0]), model=nn.Linear(4, 1), evaluation={"metrics": ["f1"]}, **said)
    with pytest.raises(InputError, match=r"labels of shape \(60, 2\) .* in a regression one number, a sample"):
        astraea.run(dataset=(x, x[:, :2]), **said)
