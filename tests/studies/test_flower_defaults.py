"""The study of what AstraeaStrategy comes with runs what it comes with."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord

sys.path.insert(0, str(Path(__file__).parents[2] / "studies"))

from flower_defaults import ARMS, BASE, DATASETS

from astraea.experiment.changes import changed
from astraea.experiment.settings import parse_settings
from astraea.flower.arrays import Layout
from astraea.flower.options import Options


def test_its_federation_is_that_of_the_strategy_without_settings() -> None:
    given = parse_settings(changed(BASE, {"data.name": "digits", **DATASETS["digits"], **ARMS["as it comes"]}))
    strategy = Options.of(None, None, {"lr": 0.05}, 0)
    layout = Layout.of(ArrayRecord({"w": Array(np.zeros(2, np.float32))}))
    assert given.algorithm.model_dump() == strategy.make_algorithm(10, layout).model_dump()
    assert given.server == strategy.server
    recipe = given.algorithm.recipe
    decided = given.balance.decided(recipe.rebalancing, defended=given.server.defended)
    assert decided == strategy.balance
    assert given.train.decided(recipe.loss, decay=recipe.decay) == strategy.train
