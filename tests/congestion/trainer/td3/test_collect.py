"""From decisions to transitions, on a scripted world in which every number says where it comes from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.trainer.td3.collect import Collector

SEEN, STATE = 1, 1
ACTION, REWARD, DISCOUNT = -3, -2, -1


class Script:
    """Two worlds of two flows. At step t, flow f of world w observes 100t + 10w + f, the global state is 1000t + w,
    its reward is t and its interval 0.1 s long; who is due and which worlds have ended is written down."""

    def __init__(self, due: list[list[list[int]]], ended: dict[int, int] | None = None) -> None:
        self._due, self._ended, self._t = np.array(due, bool), ended or {}, 0
        self.taken: list[np.ndarray] = []
        self.due: Any = self._due[0].copy()
        self.observations: Any = np.zeros((2, 2, SEEN), np.float32)
        self.rewards: Any = np.zeros((2, 2), np.float32)
        self.elapsed: Any = np.full((2, 2), 0.1, np.float32)
        self.states: Any = np.zeros((2, STATE), np.float32)
        self.ended: Any = np.zeros(2, bool)

    def reset(self, seed: int | None = None) -> None:
        self._show(0)

    def step(self, actions: Any) -> None:
        self.taken.append(np.where(self.due, actions, np.nan))
        self._show(self._t + 1)

    def _show(self, t: int) -> None:
        self._t = t
        self.due[:] = self._due[t]
        self.ended[:] = False
        if t in self._ended:
            self.ended[self._ended[t]] = True
        for w in range(2):
            self.states[w] = 1000 * t + w
            for f in range(2):
                self.observations[w, f] = 100 * t + 10 * w + f
        self.rewards[:] = np.where(self.due, t, 0)


def collect(script: Script, steps: int, **options: Any) -> list[list[list[float]]]:
    collector = Collector(script, **{"central": True, "gamma": 0.5, **options})
    collector.restart(0)
    return [
        collector.step(lambda observations: (observations[:, 0] / 1000).astype(np.float32)).tolist()
        for _ in range(steps)
    ]


def test_a_flow_goes_on_from_when_it_was_last_asked() -> None:
    # world 0: flow 0 is asked at 0, 1 and 2, flow 1 at 0 and 2; world 1: flow 0 at 0 and 1, flow 1 at 2 alone
    script = Script([[[1, 1], [1, 0]], [[1, 0], [1, 0]], [[1, 1], [0, 1]]])
    first, second = collect(script, 2)
    assert first == [
        [0, 0, 100, 1000, 0.0, 1, 0.5],
        [10, 1, 110, 1001, pytest.approx(0.01), 1, 0.5],
    ]
    assert second == [
        [100, 1000, 200, 2000, pytest.approx(0.1), 2, 0.5],
        [1, 0, 201, 2000, pytest.approx(0.001), 2, 0.5],  # asked two steps ago: seen and done then
    ]
    assert script.taken[1][0, 0] == pytest.approx(0.1)
    assert np.isnan(script.taken[1][0, 1])


def test_what_was_done_before_an_end_has_no_successor() -> None:
    everyone = [[1, 1], [1, 1]]
    script = Script([everyone, everyone, everyone, everyone], ended={2: 0})
    first, second, third = collect(script, 3)
    assert len(first) == 4
    assert [row[0] for row in second] == [110, 111]  # of world 1, which goes on
    assert [row[0] for row in third] == [200, 201, 210, 211]


def test_a_flow_that_has_left_leaves_no_transition() -> None:
    script = Script([[[1, 1], [1, 1]], [[1, 0], [1, 1]], [[1, 0], [1, 1]]])
    assert [[row[0] for row in rows] for rows in collect(script, 2)] == [[0, 10, 11], [100, 110, 111]]


def test_local_critics_see_no_global_state() -> None:
    script = Script([[[1, 0], [0, 0]], [[1, 0], [0, 0]]])
    assert collect(script, 1, central=False) == [[[0, 100, 0, 1, 0.5]]]


def test_the_discount_may_be_by_time() -> None:
    script = Script([[[1, 0], [0, 0]], [[1, 0], [0, 0]]])
    ((row,),) = collect(script, 1, gamma=0.25, gamma_s=0.2)
    assert row[DISCOUNT] == pytest.approx(0.5)  # half of 0.2 s: the square root of a quarter
    assert row[REWARD] == 1
    assert row[ACTION] == 0


def test_a_restart_forgets_who_was_waiting() -> None:
    script = Script([[[1, 1], [1, 1]], [[1, 1], [1, 1]], [[1, 1], [1, 1]]])
    collector = Collector(script, central=True, gamma=0.5)
    collector.restart(0)
    collector.step(lambda observations: observations[:, 0] * 0)
    collector.restart(1)
    script.due[:] = [[0, 0], [1, 0]]
    assert [row[0] for row in collector.step(lambda observations: observations[:, 0] * 0).tolist()] == [10]


def test_a_transition_may_span_decisions_by_hand() -> None:
    # one flow, rewards 1, 2, 3, 4 with a discount of a half: 1 + 2 / 2 + 3 / 4 = 2.75, then 2 + 3 / 2 + 4 / 4 = 4.5
    alone = [[1, 0], [0, 0]]
    script = Script([alone] * 5)
    first, second, third, fourth = collect(script, 4, n_steps=3, central=False)
    assert (first, second) == ([], [])
    assert third == [[0, 300, 0.0, 2.75, 0.125]]
    assert fourth == [[100, 400, pytest.approx(0.1), 4.5, 0.125]]


def test_spans_end_with_their_world_and_wait_for_flows_that_are_asked_later() -> None:
    # world 0 ends at step 2; in world 1 flow 0 is asked at 0, 1 and 3, flow 1 at all
    everyone, one = [[1, 1], [1, 1]], [[1, 1], [0, 1]]
    script = Script([everyone, everyone, one, everyone, everyone], ended={2: 0})
    found = collect(script, 4, n_steps=2, central=False)
    assert [[row[0] for row in rows] for rows in found] == [[], [11], [10, 111], [200, 201, 110, 211]]
    assert found[2][0] == [10, 310, pytest.approx(0.01), 1 + 3 / 2, 0.25]


def test_exploration_changes_what_is_done_and_what_is_remembered() -> None:
    script = Script([[[1, 0], [0, 0]]] * 2)
    collector = Collector(script, central=False, gamma=0.5)
    collector.restart(0)
    ((row),) = collector.step(lambda seen: seen[:, 0] * 0, lambda actions, where: actions + where[0] + 0.5)
    assert row[ACTION] == script.taken[0][0, 0] == 0.5
