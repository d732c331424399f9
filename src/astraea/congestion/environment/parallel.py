"""One world of competing flows as a PettingZoo ``ParallelEnv``: agents are flows that come and go."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from astraea.congestion.environment.arena import Arena, agents_of
from astraea.congestion.environment.global_state import STATE
from astraea.congestion.environment.vector import checked_actions
from astraea.congestion.environment.worlds import WorldRanges
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.reward import TERMS, RewardSettings
from astraea.congestion.simulator.build import flow_name
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import ACTIVE, CLOSED, WAITING
from astraea.errors import InputError, unknown_name

__all__ = ["CongestionEnv", "parallel_env"]

Values = NDArray[np.float32]


def parallel_env(
    worlds: WorldRanges | WorldSettings | None = None,
    *,
    observation: ObservationSettings | None = None,
    reward: RewardSettings | None = None,
    seed: int = 0,
    render_mode: str | None = None,
    fixed_agents: bool = False,
    **ranges: Any,
) -> CongestionEnv:
    """Return the environment of ``worlds``: ranges to draw each episode's from, or one world, drawn ever the same.

    ``ranges`` are fields of :class:`WorldRanges`, a shorthand: ``parallel_env(flows=2, bandwidth_mbps=(20, 400))``.
    With ``fixed_agents`` all possible agents are there from reset to the end, for libraries that allow no others.
    Raises :class:`astraea.errors.InputError` if settings contradict each other or both ways are used.
    """
    if worlds is not None and ranges:
        raise InputError(f"give either worlds or single ranges, not both (got {', '.join(ranges)})")
    return CongestionEnv(
        worlds or WorldRanges(**ranges),
        observation or ObservationSettings(),
        reward or RewardSettings(),
        seed,
        render_mode,
        fixed_agents,
    )


class CongestionEnv(ParallelEnv[str, Values, Values]):  # type: ignore[misc]  # it has no types
    """Flows that share links, each asked for an action whenever its own control interval closes.

    ``step`` applies the actions of the agents that were asked last and runs the world to the next instant at
    which any is asked; ``infos[agent]["due"]`` says who. What the others do is ignored, and their observation
    stays. With one ``interval_ms`` for all, everybody is asked at every step.

    An agent appears in the first step that ends after its flow has started and is not asked before its start-up
    phase is over. It is terminated when all its data has arrived, truncated when it leaves earlier or the world
    ends. The reward is that of the interval just closed for an agent that is due, 0 for others.

    With ``fixed_agents`` nobody comes or goes: whoever has no flow at present observes zeros (or what its space has
    next to them), earns 0 and is not asked, ``infos[agent]["present"]`` is false, and all are truncated with the world.
    """

    metadata: dict[str, Any] = {"name": "astraea_congestion_v1", "render_modes": ["ansi", "human"]}  # noqa: RUF012

    def __init__(
        self,
        source: WorldRanges | WorldSettings,
        observation: ObservationSettings,
        reward: RewardSettings,
        seed: int,
        render_mode: str | None,
        fixed_agents: bool = False,
    ) -> None:
        modes = self.metadata["render_modes"]
        if render_mode is not None and render_mode not in modes:
            raise unknown_name("render mode", render_mode, modes)
        self.render_mode = render_mode
        self._arena = Arena(source, 1, observation, reward)
        self._world, self._batch = self._arena.worlds, self._arena.batch
        self._seed, self._episode = seed, -1
        self._actions = np.zeros((1, self._batch.due.shape[1]))
        if isinstance(source, WorldSettings):
            self.possible_agents = [flow_name(source.flows[i], i) for i in agents_of(source)]
        else:
            self.possible_agents = [f"flow-{i}" for i in range(source.flows[1])]
        self.agents: list[str] = []
        self._fixed = fixed_agents
        low = np.array([feature.low for feature in observation.fields], np.float32)
        high = np.array([feature.high for feature in observation.fields], np.float32)
        self._nothing = np.clip(np.zeros_like(low), low, high)
        self.observation_spaces = {name: Box(low, high, dtype=np.float32) for name in self.possible_agents}
        self.action_spaces = {name: Box(-1.0, 1.0, (1,), np.float32) for name in self.possible_agents}
        self.state_space = Box(-np.inf, np.inf, (len(STATE),), np.float32)

    def observation_space(self, agent: str) -> Box:
        """Return the space of what ``agent`` observes: see :mod:`astraea.congestion.observation`."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Return the space of actions: one number from -1 (smaller window) to 1 (larger), shape ``(1,)``."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Values], dict[str, dict[str, Any]]]:
        """Begin the next episode, or the first of ``seed``, at the arrival of its first agent."""
        self._seed, self._episode = (self._seed, self._episode + 1) if seed is None else (seed, 0)
        self._settings = self._arena.begin(0, self._seed, self._episode)
        self._rows = {flow_name(self._settings.flows[i], i): i for i in agents_of(self._settings)}
        self._end = round(self._settings.duration_s * 1e9)
        self.agents = list(self.possible_agents) if self._fixed else []
        self._met: set[str] = set(self.agents)
        self._wait_for_arrival()
        self._welcome()
        return self._observe(self.agents), self._inform(self.agents)

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Values], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Apply ``actions`` and run to the next decision of any agent, or to the end.

        Raises :class:`astraea.errors.InputError` if an agent's action is missing, not a number in [-1, 1] or for
        a flow that is not there.
        """
        if not self.agents:
            raise InputError("no agent is there: call reset() to begin an episode")
        self._take(actions)
        self._batch.until[0] = self._end
        self._arena.run(0, 1, self._actions)
        before = list(self.agents)
        over = bool(self._world.clock[0, 0].now >= self._end)
        if not over:
            self._welcome()
        known = list(self.agents)  # those of before, and newcomers
        gone = {name: not self._fixed and name in before and self._phase(name) == CLOSED for name in known}
        done = {name: gone[name] and self._finished(name) for name in known}
        left = {name: (gone[name] or over) and not done[name] for name in known}
        rewards = {name: float(self._batch.rewards[0, i]) if (i := self._row(name)) >= 0 else 0.0 for name in known}
        self.agents = [name for name in known if not (done[name] or left[name])]
        if self.render_mode == "human":
            self.render()
        return self._observe(known), rewards, done, left, self._inform(known)

    def state(self) -> Values:
        """Return the global state, shape ``(16,)``, at the last decision: for a centralised critic."""
        return np.array(self._batch.states[0])

    def render(self) -> str | None:
        """Return the flows as text (``ansi``) or write them to standard output (``human``)."""
        if self.render_mode is None:
            raise InputError("nothing to render: make the environment with render_mode='ansi' or 'human'")
        text = self._text()
        if self.render_mode == "ansi":
            return text
        sys.stdout.write(text + "\n")
        return None

    def close(self) -> None:
        """Give up the worlds' memory."""
        self.agents = []

    def _take(self, actions: Mapping[str, Any]) -> None:
        missing = [name for name in self.agents if name not in actions]
        if missing:
            raise InputError(f"no action for agent '{missing[0]}': every agent in env.agents needs one")
        self._actions[:] = 0.0
        for name, action in actions.items():
            if name not in self.agents:
                raise unknown_name("agent", name, self.agents)
            value = np.asarray(action, np.float64)
            if value.size != 1:
                raise InputError(f"the action of '{name}' has shape {value.shape}: one number is asked for")
            (chosen,) = checked_actions(value.reshape(1))
            if (i := self._row(name)) >= 0:
                self._actions[0, i] = chosen

    def _wait_for_arrival(self) -> None:
        """Run to the start of the next flow to come, if any, while nobody is there to be asked."""
        flows = self._world.flows[0]
        starts = [int(flows[i].start_at) for i in self._rows.values() if flows[i].phase == WAITING]
        self._batch.until[0] = min([*starts, self._end])
        self._arena.run(0, 1, self._actions)

    def _welcome(self) -> None:
        phases = self._world.flows["phase"][0]
        new = [name for name, i in self._rows.items() if phases[i] != WAITING and name not in self._met]
        self.agents += new
        self._met.update(new)

    def _finished(self, name: str) -> bool:
        flow = self._world.flows[0, self._rows[name]]
        return bool(flow.una_seq >= flow.finish_seq)

    def _row(self, name: str) -> int:
        """Return the flow of agent ``name``, -1 if this world has none."""
        return self._rows.get(name, -1)

    def _phase(self, name: str) -> int:
        return int(self._world.flows["phase"][0, i]) if (i := self._row(name)) >= 0 else WAITING

    def _observe(self, names: list[str]) -> dict[str, Values]:
        kept = {name: not self._fixed or self._phase(name) == ACTIVE for name in names}
        seen = self._batch.observations[0]
        return {name: (seen[self._rows[name]] if kept[name] else self._nothing).copy() for name in names}

    def _inform(self, names: list[str]) -> dict[str, dict[str, Any]]:
        """Return what is known of each agent: flat, since some libraries take no dict within a dict."""
        now = float(self._world.clock[0, 0].now * 1e-9)
        terms = {f"{term}_term": value for term, value in zip(TERMS, self._batch.terms[0].tolist(), strict=True)}
        share = self._batch.shares[0] * self._settings.packet_bytes * 8e-6
        return {
            name: {
                "present": self._phase(name) == ACTIVE,
                "due": i >= 0 and bool(self._batch.due[0, i]),
                "time_s": now,
                "interval_s": float(self._batch.elapsed[0, i]) if i >= 0 else 0.0,
                "share_mbps": float(share[i]) if i >= 0 else 0.0,
                **terms,
            }
            for name, i in ((name, self._row(name)) for name in names)
        }

    def _text(self) -> str:
        now = self._world.clock[0, 0].now * 1e-9
        lines = [f"{now:8.3f} s  flow         window  in flight    srtt ms     share Mbit/s"]
        for name in self.agents:
            if (i := self._row(name)) < 0:
                continue
            flow = self._world.flows[0, i]
            share = self._batch.shares[0, i] * self._settings.packet_bytes * 8e-6
            lines.append(
                f"{'':12}{name:12} {flow.cwnd:7.1f} {flow.inflight:10d} {flow.srtt * 1e-6:10.2f} {share:16.2f}"
            )
        return "\n".join(lines)
