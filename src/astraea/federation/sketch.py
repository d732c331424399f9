"""Which way a model was moved, in 512 numbers: two changes are compared without either being kept.

Each value of a change is added, with a sign of its own that is drawn once for a run, to one of 512 sums (Charikar, Chen
& Farach-Colton, ICALP 2002). The cosine of two such sketches is that of the changes, give or take 0.05. Nobody who does
not know the signs can make a change whose sketch lies about its direction. They follow from the run's seed, which
clients are not told: do not leave it at a number that can be guessed where clients may be hostile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from astraea.federation.norm import BLOCK, norm
from astraea.seeding import Purpose, stream

__all__ = ["WIDTH", "Sketch", "cosine", "sketched"]

WIDTH = 512
"""Numbers of a sketch."""

_ROWS = BLOCK // WIDTH
_ALL = 4 * BLOCK  # values of a model that are all looked at; of a larger one it is one row in eight of each block
_SHARE = 8
_FLIPS = 2**12


class Sketch:
    """The sketch of a vector of ``size`` values that comes in blocks, under the signs that ``seed`` draws."""

    __slots__ = ("_block", "_flips", "_signs", "_step", "_sums")

    def __init__(self, size: int, seed: int) -> None:
        signs, self._flips = _drawn(seed)
        self._step, self._block = 1 if size <= _ALL else _SHARE, 0
        self._signs = signs[: _ROWS // self._step]  # few, so that they stay in the processor's cache
        self._sums = np.zeros(WIDTH)

    def add(self, values: NDArray[Any]) -> None:
        """Take up the next block: all have :data:`~astraea.federation.norm.BLOCK` values, but the last."""
        whole = values
        if len(values) < BLOCK:
            whole = np.zeros(BLOCK, values.dtype)
            whole[: len(values)] = values
        rows = whole.reshape(_ROWS, WIDTH)[self._block % self._step :: self._step]
        sums = np.add.reduce(rows * self._signs, axis=0)
        add = np.add if self._flips[self._block % _FLIPS] else np.subtract
        add(self._sums, sums, out=self._sums)
        self._block += 1

    def direction(self) -> bytes:
        """Return the sketch at length 1, as 512 float32; nothing of a change of nothing, or one that is not finite."""
        length = float(np.sqrt(np.vecdot(self._sums, self._sums)))
        return (self._sums / length).astype(np.float32).tobytes() if 0 < length < np.inf else b""


@lru_cache(maxsize=4)
def _drawn(seed: int) -> tuple[NDArray[np.float32], list[bool]]:
    rng = stream(seed, Purpose.SKETCH)
    signs = np.where(rng.random((_ROWS, WIDTH)) < 0.5, np.float32(-1), np.float32(1))
    return signs, (rng.random(_FLIPS) < 0.5).tolist()


def sketched(vector: Tensor, minus: Tensor, seed: int) -> tuple[float, bytes]:
    """Return the norm of what ``vector`` ``(P,)`` is more than ``minus`` ``(P,)``, and its direction."""
    sketch = Sketch(len(vector), seed)
    return norm(vector.cpu(), minus.cpu(), sketch.add), sketch.direction()


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the cosine of the angle between two sketches; 0 where one of them is nothing."""
    lengths = float(np.sqrt(np.vecdot(one, one) * np.vecdot(other, other)))
    return float(np.vecdot(one, other)) / lengths if lengths else 0.0
