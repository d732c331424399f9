"""From decisions to rollouts, on a scripted world in which every number says where it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.congestion.policy import shipped_policy
from astraea.congestion.trainer.mappo.rollout import Collector, actions_of
from astraea.congestion.trainer.mappo.settings import MappoSettings, mappo_settings


class Script:
    """One world of two flows. At step t, flow f observes 10t + f, the global state is 100t, what it earns is t and its
    interval t / 10 seconds; who is due and when the world ends is written down."""

    def __init__(self, due: list[list[int]], ends: int | None = None) -> None:
        self._due, self._ends, self._t = np.array(due, bool), ends, 0
        self.taken: list[list[float]] = []
        self.due: Any = self._due[:1].copy()
        self.features: Any = np.zeros((1, 2, 1), np.int32)
        self.observations: Any = np.array([[[0], [1]]], np.float32)
        self.rewards: Any = np.zeros((1, 2), np.float32)
        self.elapsed: Any = np.zeros((1, 2), np.float32)
        self.states: Any = np.zeros((1, 1), np.float32)
        self.ended: Any = np.zeros(1, bool)

    def reset(self, seed: int | None = None) -> None:
        raise NotImplementedError

    def step(self, actions: Any) -> None:
        self.taken.append(np.where(self.due, actions, np.nan)[0].tolist())
        self._t += 1
        t = self._t
        self.due[0] = self._due[t]
        self.ended[0] = t == self._ends
        self.observations[0, :, 0] = [10 * t, 10 * t + 1]
        self.states[0] = 100 * t
        self.rewards[0] = np.where(self.due[0], t, 0)
        self.elapsed[0] = t / 10


class Echo:
    """Says a hundredth of what it observes, and values it at what it observes and the global state together."""

    def say(self, seen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return seen[:, :1] / 100, seen[:, 0]

    def values(self, seen: Tensor) -> NDArray[np.float64]:
        return np.asarray(seen.double().sum(dim=1).numpy())


def collect(script: Script, steps: int) -> Any:
    settings = MappoSettings(num_steps=steps, num_minibatches=1, gamma=0.5, gamma_s=0.1)
    return Collector(script, Echo(), settings).collect(torch.Generator())


def test_each_flow_goes_on_from_when_it_was_last_asked() -> None:
    # flow 0 is asked at 0, 1 and 3; flow 1 at 0 and 3; the rollout ends at 3, with five decisions at 0, 1, 2 and 3
    script = Script([[1, 1], [1, 0], [0, 1], [1, 1], [1, 0]])
    found = collect(script, 5)
    # decisions: flow 0 at 0, flow 1 at 0, flow 0 at 1, flow 1 at 2, and at 3 flow 0 and flow 1, which is lost
    assert found.seen.tolist() == [[0, 0], [1, 0], [10, 100], [21, 200], [30, 300]]
    assert found.said[:, 0].tolist() == pytest.approx([0, 0.01, 0.1, 0.21, 0.3])
    assert found.values.tolist() == [0, 1, 110, 221, 330]
    assert found.earned.tolist() == [1, 2, 3, 3, 4]
    assert found.discounts.tolist() == pytest.approx([0.5**1, 0.5**2, 0.5**3, 0.5**3, 0.5**4])
    # the value of each flow's next decision, or of what it observes where the rollout ends
    assert found.after.tolist() == [110, 221, 330, 331, 440]
    assert found.following.tolist() == [2, 3, 4, -1, -1]
    assert script.taken[1] == pytest.approx([0.1, np.nan], nan_ok=True)


def test_what_was_done_before_an_end_has_no_successor() -> None:
    found = collect(Script([[1, 1], [1, 0], [1, 1], [1, 1]], ends=2), 5)
    # at 2 another world begins: what flow 0 did at 1 and flow 1 at 0 is dropped
    assert found.seen[:, 0].tolist() == [0, 20, 21]
    assert found.following.tolist() == [-1, -1, -1]
    assert found.after.tolist() == [110, 330, 331]


def test_a_flow_that_has_left_leaves_nothing() -> None:
    found = collect(Script([[1, 1], [1, 0], [1, 0], [1, 0]]), 4)
    assert found.seen[:, 0].tolist() == [0, 10, 20]


def test_actions_are_what_is_said_or_what_the_law_then_does() -> None:
    plain = MappoSettings()
    said = np.array([[0.3], [-7]], np.float32)
    assert actions_of(plain, said, np.zeros((2, 25), np.int32)).tolist() == pytest.approx([0.3, -1])
    law = shipped_policy()
    residual = mappo_settings()
    features = np.zeros((3, 25), np.int32)
    features[:, 18] = 9 * 1024  # a pipe of 64 packets
    features[:, 0] = [0, 4096, 8192]
    silent = actions_of(residual, np.zeros((3, 4), np.float32), features)
    assert silent.tolist() == [law.action(x) for x in features]
    said = np.array([[2, 0, 0, 0]] * 3, np.float32)  # a target two doublings higher
    higher = law.weights.copy()
    higher[0] += 2048
    assert actions_of(residual, said, features).tolist() == [replace(law, weights=higher).action(x) for x in features]
    assert actions_of(residual, said, features).tolist() != silent.tolist()
