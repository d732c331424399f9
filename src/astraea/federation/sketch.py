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

from astraea.federation.norm import norm
from astraea.federation.passes import WIDTH
from astraea.seeding import Purpose, stream

__all__ = ["WIDTH", "Sketch", "cosine", "sketched"]

_ROWS = 64
"""Rows of ``WIDTH`` values that have signs of their own; further ones have them again, all turned round or none."""

_ALL = 4 * _ROWS * WIDTH  # values of a model that are all looked at; of a larger one it is one row in eight
_SHARE = 8
_FLIPS = 2**12


class Sketch:
    """The sketch of a vector of ``size`` values that is taken up in parts, under the signs that ``seed`` draws.

    Of a large vector nobody knows, either, which rows are looked at.
    """

    __slots__ = ("_sums", "drawn")

    def __init__(self, size: int, seed: int) -> None:
        self._sums = np.zeros(WIDTH, np.float32)
        self.drawn = (self._sums, *_drawn(seed), 1 if size <= _ALL else _SHARE)
        """What a pass over the vector needs of it: see :func:`~astraea.federation.passes.taken_up`."""

    def direction(self) -> bytes:
        """Return the sketch at length 1, as 512 float32; nothing of a change of nothing, or one that is not finite."""
        sums = self._sums.astype(np.float64)
        length = float(np.sqrt(np.vecdot(sums, sums)))
        return (sums / length).astype(np.float32).tobytes() if 0 < length < np.inf else b""


@lru_cache(maxsize=4)
def _drawn(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Return signs ``(_ROWS, WIDTH)``, and for blocks of so many rows how these turn, and which rows are shown."""
    rng = stream(seed, Purpose.SKETCH)
    signs = np.where(rng.random((_ROWS, WIDTH)) < 0.5, np.float32(-1), np.float32(1))
    flips = np.where(rng.random(_FLIPS) < 0.5, np.float32(1), np.float32(-1))
    return signs, flips, rng.integers(0, _SHARE, _FLIPS)


def sketched(vector: Tensor, minus: Tensor, seed: int) -> tuple[float, bytes]:
    """Return the norm of what ``vector`` ``(P,)`` is more than ``minus`` ``(P,)``, and its direction."""
    sketch = Sketch(len(vector), seed)
    return norm(vector.cpu(), minus.cpu(), sketch), sketch.direction()


def cosine(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the cosine of the angle between two sketches; 0 where one of them is nothing."""
    lengths = float(np.sqrt(np.vecdot(one, one) * np.vecdot(other, other)))
    return float(np.vecdot(one, other)) / lengths if lengths else 0.0
