"""What trainings by gradients learn from: worlds whose flows are asked, each when its own interval closes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Places", "Values", "Worlds"]

Values = NDArray[np.float32]

Places = tuple[NDArray[np.intp], ...]
"""Of flows: their worlds, and their numbers in them."""


class Worlds(Protocol):
    """What experience is collected from: see :class:`astraea.congestion.environment.vector.VectorEnvironment`."""

    ended: NDArray[np.bool_]

    @property
    def due(self) -> NDArray[np.bool_]:
        """Whose action the next step takes."""

    @property
    def observations(self) -> Values:
        """What each flow observed last."""

    @property
    def rewards(self) -> Values:
        """Of the flows that are due."""

    @property
    def elapsed(self) -> Values:
        """Lengths of the intervals that these are for, in seconds."""

    @property
    def states(self) -> Values:
        """The global state of each world."""

    def reset(self, seed: int | None = None) -> None:
        """Begin anew."""

    def step(self, actions: ArrayLike) -> None:
        """Go on to the next decisions."""
