"""A bandit that chooses among the kernel's classic controllers while a connection lives, in user space.

Selectors such as bpftune judge a controller by what it gave: here the delay it added and the rate it missed, each as a
share of the best that the connection has seen. It plays every arm once, then the one with the least mean cost, and one
time in twenty any of them (epsilon-greedy).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from astraea.congestion.emulation.tcp_info import TcpInfo

__all__ = ["ARMS", "NAME", "Bandit"]

NAME = "bandit"
ARMS = ("cubic", "bbr", "reno")
EXPLORE = 0.05
LEAST_S, ROUND_TRIPS = 1.0, 20  # how long an arm is played: so many round trips, and at least so long


class _Turn(NamedTuple):
    since_s: float
    at: TcpInfo  # what the connection had done by then


class Bandit:
    """The choice of one connection; :meth:`judge` takes what the kernel says of it and returns who plays."""

    def __init__(self, rng: np.random.Generator, arms: tuple[str, ...] = ARMS) -> None:
        """Begin with the first of ``arms``; ``rng`` draws when to explore, and what."""
        self.arms, self.playing = arms, arms[0]
        self._rng = rng
        self._costs: dict[str, list[float]] = {name: [] for name in arms}
        self._turn: _Turn | None = None
        self._best_rate = 0.0

    def judge(self, now_s: float, told: TcpInfo) -> str:
        """Return who plays from now on; ``told`` is the connection at ``now_s``, in seconds."""
        if self._turn is None:
            if told.bytes_acked:
                self._turn = _Turn(now_s, told)
            return self.playing
        length = now_s - self._turn.since_s
        if length < max(LEAST_S, ROUND_TRIPS * told.rtt_us * 1e-6):
            return self.playing
        self._costs[self.playing].append(self._cost(told, length))
        self.playing = self._next()
        self._turn = _Turn(now_s, told)
        return self.playing

    def _cost(self, told: TcpInfo, length_s: float) -> float:
        assert self._turn is not None
        rate = (told.bytes_acked - self._turn.at.bytes_acked) / length_s
        self._best_rate = max(self._best_rate, rate)
        missed = 1 - rate / self._best_rate if self._best_rate else 1.0
        return missed + (told.rtt_us - told.min_rtt_us) / max(told.rtt_us, 1)

    def _next(self) -> str:
        for name, costs in self._costs.items():
            if not costs:
                return name
        if self._rng.random() < EXPLORE:
            return str(self._rng.choice(self.arms))
        return min(self.arms, key=lambda name: float(np.mean(self._costs[name])))
