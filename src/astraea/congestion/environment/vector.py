"""Many worlds stepped in one call on NumPy arrays: the environment's form for training."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.congestion.environment.arena import Arena
from astraea.congestion.environment.global_state import STATE
from astraea.congestion.environment.worlds import WorldMix, WorldRanges
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.reward import RewardSettings
from astraea.congestion.simulator.settings import WorldSettings
from astraea.errors import InputError

__all__ = ["VectorEnvironment", "checked_actions"]

_BARREN = 100  # episodes in a row in which nobody is asked
_ROUNDING = 1e-6  # some steps of a float32 at 1


class VectorEnvironment:
    """``count`` worlds, each run to the next instant at which flows of its own are to be asked.

    After :meth:`reset` and after each :meth:`step`, every world has at least one flow that is ``due``. The
    arrays, of W worlds and F flows, are views that the next step overwrites:

    ``due``           (W, F) bool: whose action the next step takes; all other entries of ``actions`` are ignored
    ``observations``  (W, F, O) float32, a flow's newest; see :mod:`astraea.congestion.observation`
    ``features``      (W, F, O) int32: the same in 1/1024
    ``rewards``       (W, F) float32: for the interval that has just closed, of the flows that are due, else 0
    ``elapsed``       (W, F) float32: the length of that interval in seconds
    ``states``        (W, S) float32: the global state, for a centralised critic
    ``terms``         (W, 6) float64: the reward's terms
    ``ended``         (W,) bool: the step has ended an episode and begun the next one in this world; what its flows
                      did last has no successor
    ``present``       (W, F) bool: which flows are there

    A transition of flow f in world w is what was observed and done when it was last due and what is observed now
    that it is due again, unless its world has ended in between. Flows whose turn never comes again have left.
    Worlds run on ``threads`` threads; what happens does not depend on their number.
    Raises :class:`astraea.errors.InputError` for settings that contradict each other.
    """

    def __init__(
        self,
        worlds: WorldRanges | WorldMix | WorldSettings | None = None,
        count: int = 64,
        *,
        observation: ObservationSettings | None = None,
        reward: RewardSettings | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        if count < 1 or threads < 1:
            raise InputError(f"count and threads must be at least 1, got {count} and {threads}")
        self.observation = observation or ObservationSettings()
        self._arena = Arena(worlds or WorldRanges(), count, self.observation, reward or RewardSettings())
        self._episodes = np.zeros(count, np.int64)
        self._none = np.zeros((count, self._arena.batch.due.shape[1]))
        self._edges = np.linspace(0, count, min(threads, count) + 1).astype(int).tolist()
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.seed = seed
        self.ended: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.worlds: list[WorldSettings] = []

    @property
    def due(self) -> NDArray[np.bool_]:
        """Whose action the next step takes, shape (W, F)."""
        return np.asarray(
            self._arena.batch.due.view(np.bool_)
        )  # made anew: a copied environment has a batch of its own

    @property
    def observations(self) -> NDArray[np.float32]:
        """What each flow observed last, shape (W, F, O)."""
        return self._arena.batch.observations

    @property
    def features(self) -> NDArray[np.int32]:
        """The same in 1/1024."""
        return self._arena.batch.features

    @property
    def rewards(self) -> NDArray[np.float32]:
        """For the interval that has just closed, shape (W, F)."""
        return self._arena.batch.rewards

    @property
    def elapsed(self) -> NDArray[np.float32]:
        """Its length in seconds, shape (W, F)."""
        return self._arena.batch.elapsed

    @property
    def states(self) -> NDArray[np.float32]:
        """The global state, shape (W, S)."""
        return self._arena.batch.states

    @property
    def terms(self) -> NDArray[np.float64]:
        """The reward's terms, shape (W, 6)."""
        return self._arena.batch.terms

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which flows are there, shape (W, F)."""
        return np.asarray(self._arena.worlds.flows["phase"] == 1)

    @property
    def count(self) -> int:
        """Number of worlds."""
        return len(self._episodes)

    @property
    def flows(self) -> int:
        """Most flows of a world, cross traffic included: the second axis of all arrays."""
        return int(self._none.shape[1])

    @property
    def state_size(self) -> int:
        """Length of the global state."""
        return len(STATE)

    def reset(self, seed: int | None = None) -> None:
        """Begin the first episodes of ``seed`` (by default the last one given) in all worlds."""
        self.seed = self.seed if seed is None else seed
        self._episodes[:] = 0
        self.worlds = [self._arena.begin(k, self.seed, 0) for k in range(self.count)]
        self._run(self._none)
        self._renew()
        self.ended[:] = False

    def step(self, actions: ArrayLike) -> None:
        """Answer the flows that are due with ``actions``, shape (W, F) in [-1, 1], and run to the next decisions.

        Raises :class:`astraea.errors.InputError` if the shape is another or an action that counts is out of range.
        """
        if not self.worlds:
            raise InputError("the environment has no worlds yet: call reset() before step()")
        answers = np.asarray(actions, np.float64)
        if answers.shape != self._none.shape:
            raise InputError(f"actions have shape {answers.shape}, but {self._none.shape} (worlds, flows) is asked for")
        checked = np.zeros_like(answers)
        checked[self.due] = checked_actions(answers[self.due])
        self._run(checked)
        self._renew()

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pool": None}  # threads are not copied, but made anew

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        threads = len(self._edges) - 1
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def _run(self, actions: NDArray[np.float64]) -> None:
        if self._pool is None:
            self._arena.run(0, self.count, actions)
            return
        parts = zip(self._edges[:-1], self._edges[1:], strict=True)
        jobs = [self._pool.submit(self._arena.run, lo, hi, actions) for lo, hi in parts]
        for job in jobs:
            job.result()

    def _renew(self) -> None:
        """Begin the next episode wherever one has ended."""
        reached = self._arena.batch.reached
        self.ended[:] = reached
        for k in np.flatnonzero(self.ended).tolist():
            for _ in range(_BARREN):
                self._episodes[k] += 1
                self.worlds[k] = self._arena.begin(k, self.seed, int(self._episodes[k]))
                self._arena.run(k, k + 1, self._none)
                if not reached[k]:
                    break
            else:
                raise InputError("no flow is ever asked for an action: make episodes longer or flows faster")


def checked_actions(actions: NDArray[Any]) -> NDArray[Any]:
    """Return ``actions`` held within [-1, 1]: what exceeds it by no more than rounding in 32 bits is meant so.

    Raises :class:`astraea.errors.InputError` for one that exceeds it by more, or is not a number.
    """
    bad = actions[~(np.abs(actions) <= 1 + _ROUNDING)]
    if bad.size:
        raise InputError(f"an action is {bad.flat[0]}: actions must be numbers from -1 to 1")
    return np.asarray(np.clip(actions, -1.0, 1.0))
