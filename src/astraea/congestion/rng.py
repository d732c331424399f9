"""Random numbers whose state is a field of the row that draws them: a world's draws are its own."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from astraea.congestion.compiled import inlined

__all__ = ["exponential", "uniform"]

_A, _B, _C = np.uint64(12), np.uint64(25), np.uint64(27)
_MULTIPLIER = np.uint64(2685821657736338717)
_DROP = np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0  # 2**-53


class Drawing(Protocol):
    """A row that draws."""

    rng: int


@inlined
def uniform(row: Drawing) -> float:
    """Return a number in [0, 1) and advance ``row.rng``, which must not be 0 (xorshift64*, Vigna 2016)."""
    x: Any = row.rng
    x ^= x >> _A
    x ^= x << _B
    x ^= x >> _C
    row.rng = x
    return float((x * _MULTIPLIER) >> _DROP) * _UNIT


@inlined
def exponential(row: Drawing, mean: float) -> float:
    """Return an exponentially distributed number of the given ``mean``."""
    return float(-mean * np.log(1.0 - uniform(row)))
