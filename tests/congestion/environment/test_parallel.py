"""PettingZoo's face: its own tests, flows that come and go, who is asked when, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from astraea.congestion import (
    CongestionEnv,
    FlowSettings,
    LinkSettings,
    ObservationSettings,
    WorldSettings,
    parallel_env,
)
from astraea.errors import InputError

SMALL: dict[str, Any] = {"bandwidth_mbps": 2, "rtt_ms": 40, "buffer_bdp": 2, "duration_s": 2, "gap_s": 0.4}
LINK = LinkSettings(capacity_mbps=2, delay_ms=20, buffer_bytes=60_000)


def small(**fields: Any) -> CongestionEnv:
    return parallel_env(**{**SMALL, "flows": 2, **fields})


def world(*flows: dict[str, Any], **fields: Any) -> WorldSettings:
    learned = tuple(FlowSettings(**{"controller": "policy", **flow}) for flow in flows)
    return WorldSettings(links=(LINK,), flows=learned, **{"duration_s": 3.0, **fields})


def still(env: CongestionEnv, action: float = 0.0) -> dict[str, np.ndarray]:
    return {name: np.array([action], np.float32) for name in env.agents}


@pytest.mark.parametrize(
    "fields", [{}, {"interval_ms": 100}, {"lifetime_s": (0.5, 1), "gap_s": 1, "arrivals": "staggered"}]
)
def test_pettingzoo_finds_nothing_wrong(fields: dict[str, Any]) -> None:
    parallel_api_test(small(**fields), num_cycles=300)


def test_same_seed_same_episode() -> None:
    parallel_seed_test(small, num_cycles=30)


@pytest.mark.compiled
@pytest.mark.parametrize("fields", [{}, {"interval_ms": 30}, {"lifetime_s": (0.5, 3), "duration_s": 10}])
def test_pettingzoo_finds_nothing_wrong_at_full_size(fields: dict[str, Any]) -> None:
    parallel_api_test(parallel_env(**fields), num_cycles=3000)
    parallel_seed_test(lambda: parallel_env(**fields), num_cycles=300)


def test_flows_come_and_go() -> None:
    flows = world(
        {"name": "long", "start_s": 0.1},
        {"name": "brief", "start_s": 1.0, "end_s": 1.9},
        {"name": "finite", "start_s": 2.2, "size_bytes": 60_000},
        {"name": "never-asked", "controller": "newreno"},
    )
    env = parallel_env(flows)
    assert env.possible_agents == ["long", "brief", "finite"]
    env.reset(seed=1)
    assert env.agents == ["long"]
    seen: list[tuple[str, ...]] = [tuple(env.agents)]
    ends: dict[str, tuple[bool, bool]] = {}
    while env.agents:
        before = list(env.agents)
        observations, rewards, terminated, truncated, infos = env.step(still(env))
        assert set(observations) == set(rewards) == set(terminated) == set(truncated) == set(infos)
        assert set(before) <= set(observations)
        ends.update({name: (terminated[name], truncated[name]) for name in terminated if name not in env.agents})
        if tuple(env.agents) != seen[-1]:
            seen.append(tuple(env.agents))
    assert seen == [("long",), ("long", "brief"), ("long",), ("long", "finite"), ("long",), ()]
    assert ends == {"brief": (False, True), "finite": (True, False), "long": (False, True)}


def test_an_empty_stretch_between_flows_is_passed_over() -> None:
    env = parallel_env(world({"name": "a", "end_s": 0.5}, {"name": "b", "start_s": 2.0}))
    env.reset()
    while "b" not in env.agents:
        _, _, _, truncated, infos = env.step(still(env))
    assert env.agents == ["b"]
    assert truncated == {"a": True, "b": False}
    assert 2.2 < infos["b"]["time_s"] < 2.6  # as soon as it is asked, which is after its drain of 200 ms


def test_each_is_asked_at_its_own_interval() -> None:
    env = parallel_env(world({"rtt_ms": 20}, {"rtt_ms": 200}))
    env.reset()
    lengths: dict[str, list[float]] = {name: [] for name in env.possible_agents}
    while env.agents:
        _, rewards, _, _, infos = env.step(still(env))
        asked = [name for name in env.agents if infos[name]["due"]]
        assert all(rewards[name] == 0 for name in env.agents if name not in asked)
        for name in asked:
            lengths[name].append(infos[name]["interval_s"])
    assert min(lengths["policy-0"]) == pytest.approx(0.03)
    assert min(lengths["policy-1"]) >= 0.1  # half of its round trip
    assert len(lengths["policy-0"]) > len(lengths["policy-1"])


def test_with_one_interval_all_are_asked_together() -> None:
    env = parallel_env(world({"rtt_ms": 40}, {"rtt_ms": 45, "start_s": 0.51}, interval_ms=100))
    env.reset()
    together = 0
    while env.agents:
        _, _, _, _, infos = env.step(still(env))
        asked = [name for name in env.agents if infos[name]["due"]]
        if asked:
            assert infos[asked[0]]["time_s"] * 10 == pytest.approx(round(infos[asked[0]]["time_s"] * 10))
        together += len(asked) == 2
    assert together >= 15


def test_an_action_changes_the_window_of_who_is_asked_alone() -> None:
    env = parallel_env(world({}, {}))
    _, infos = env.reset()
    while not any(info["due"] for info in infos.values()):
        _, _, _, _, infos = env.step(still(env))
    rows = {name: i for i, name in enumerate(env.possible_agents)}
    policy = env._arena.worlds.controls.policy
    windows = policy["window"][0].copy()
    starting = policy["starting"][0].copy()
    asked = [name for name in env.agents if infos[name]["due"]]
    env.step(still(env, 1.0))
    for name in env.possible_agents:
        if name in asked:
            assert policy["window"][0, rows[name]] == pytest.approx(windows[rows[name]] * 1.025)
        elif not starting[rows[name]]:
            assert policy["window"][0, rows[name]] == windows[rows[name]]


def test_spaces_state_and_observations_agree() -> None:
    env = small(seed=3)
    observations, _ = env.reset()
    while env.agents:
        for name, values in observations.items():
            assert env.observation_space(name) is env.observation_space(name)
            assert env.observation_space(name).contains(values)
        assert env.state().shape == env.state_space.shape
        assert np.isfinite(env.state()).all()
        observations, rewards, _, _, _ = env.step({name: env.action_space(name).sample() for name in env.agents})
        assert all(-1 <= reward <= 1 for reward in rewards.values())


@pytest.mark.parametrize("features", ["published", "scale-free"])
def test_other_sets_of_features(features: str) -> None:
    env = small(duration_s=1, observation=ObservationSettings(features=features, history=5))
    observations, _ = env.reset()
    while env.agents:
        observations, _, _, _, _ = env.step(still(env))
        assert all(env.observation_space(name).contains(values) for name, values in observations.items())
    assert any(values.any() for values in observations.values())


def test_render_and_close(capsys: pytest.CaptureFixture[str]) -> None:
    env = small(render_mode="ansi")
    env.reset()
    text = env.render()
    assert text is not None
    assert "flow-0" in text
    human = small(render_mode="human")
    human.reset()
    human.step(still(human))
    assert "flow-0" in capsys.readouterr().out
    human.close()
    assert human.agents == []
    with pytest.raises(InputError, match="render_mode"):
        small().render()


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (np.array([1.01]), "an action is 1.01"),
        (np.array([np.nan]), "an action is nan"),
        (np.array([0.0, 0.0]), "one number"),
    ],
)
def test_bad_actions_are_refused(action: np.ndarray, sentence: str) -> None:
    env = small()
    env.reset()
    with pytest.raises(InputError, match=sentence):
        env.step({"flow-0": action})


def test_rounding_of_an_action_is_forgiven() -> None:
    env = small(flows=1)
    env.reset()
    while not env._batch.due[0, 0]:
        env.step(still(env))
    window = int(env._arena.worlds.controls.policy["window"][0, 0])
    env.step({"flow-0": np.nextafter(np.float32(1), np.float32(2))})
    assert env._arena.worlds.controls.policy["window"][0, 0] == window + (window * 26214 >> 20)  # 2.5 % in 2**-20


def test_fixed_agents_are_there_from_reset_to_the_end() -> None:
    flows = world(
        {"name": "long", "start_s": 0.1},
        {"name": "brief", "start_s": 1.0, "end_s": 1.9},
        {"name": "finite", "start_s": 2.2, "size_bytes": 60_000},
    )
    env = parallel_env(flows, fixed_agents=True)
    observations, infos = env.reset(seed=1)
    there: list[list[str]] = []
    while True:
        present = [name for name in env.possible_agents if infos[name]["present"]]
        if not there or there[-1] != present:
            there.append(present)
        for name in env.possible_agents:
            assert env.observation_space(name).contains(observations[name])
            if name not in present:
                assert not observations[name].any()
                assert not infos[name]["due"]
        observations, rewards, terminated, truncated, infos = env.step(still(env))
        assert list(observations) == list(rewards) == list(infos) == env.possible_agents
        assert not any(terminated.values())
        assert len(set(truncated.values())) == 1
        if truncated["long"]:
            break
        assert env.agents == env.possible_agents
    assert env.agents == []
    assert there == [["long"], ["long", "brief"], ["long"], ["long", "finite"], ["long"]]


def test_fixed_agents_change_nothing_for_those_that_are_there() -> None:
    def played(*, fixed: bool) -> list[tuple[float, dict[str, float]]]:
        env = small(flows=(1, 3), seed=4, fixed_agents=fixed)
        _, infos = env.reset()
        seen = []
        while env.agents:
            _, rewards, _, _, infos = env.step(still(env, 0.5))
            asked = {name: rewards[name] for name, info in infos.items() if info["due"]}
            seen.append((next(iter(infos.values()))["time_s"], asked))
        return seen

    assert played(fixed=True) == played(fixed=False)


def test_a_world_with_fewer_flows_has_agents_without_one() -> None:
    env = parallel_env(**{**SMALL, "flows": (1, 3)}, seed=4, fixed_agents=True)
    counts = set()
    for _ in range(6):
        env.reset()
        counts.add(len(env._rows))
        env.step(dict.fromkeys(env.agents, 0.3))
        assert env.agents == ["flow-0", "flow-1", "flow-2"]
    assert counts == {1, 2, 3}


def test_infos_are_flat() -> None:
    env = small()
    _, infos = env.reset()
    assert {type(value) for value in infos["flow-0"].values()} <= {bool, float}
    assert "fairness_term" in infos["flow-0"]


@pytest.mark.parametrize("copied", [deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copied", "pickled"])
def test_a_copy_goes_on_as_the_original_would(copied: Callable[[Any], Any]) -> None:
    env = small(seed=2)
    env.reset()
    env.step(still(env))
    other = copied(env)
    mine = [env.step(still(env, 0.5))[1] for _ in range(12)]
    assert [other.step(still(other, 0.5))[1] for _ in range(12)] == mine


def test_actions_must_be_for_those_who_are_there() -> None:
    env = small()
    with pytest.raises(InputError, match="reset"):
        env.step({})
    env.reset()
    with pytest.raises(InputError, match="no action for agent 'flow-0'"):
        env.step({})
    with pytest.raises(InputError, match="unknown agent 'flow-7'"):
        env.step({"flow-0": 0.0, "flow-7": 0.0})


@pytest.mark.parametrize(
    ("flows", "sentence"),
    [
        ([{"name": "a"}, {"name": "a"}], "two flows are called 'a'"),
        ([{"start_s": 4.0}], "starts at 4.0 s, but ends at 3.0 s"),
        ([{"controller": "newreno"}], "no flow waits for actions"),
    ],
)
def test_impossible_worlds_are_refused(flows: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parallel_env(world(*flows)).reset()


def test_contradicting_arguments_are_refused() -> None:
    with pytest.raises(InputError, match="not both"):
        parallel_env(world({}), flows=2)
    with pytest.raises(InputError, match="did you mean 'bandwidth_mbps'"):
        parallel_env(bandwith_mbps=2)
    with pytest.raises(InputError, match="unknown render mode 'rgb'"):
        small(render_mode="rgb")
