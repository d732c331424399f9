"""The greatest or smallest of recent values in constant space (Nichols' windowed filter, as in Linux' minmax).

A filter is six floats, three candidates with their times: the best of the window, the best since it and the
best since that. It errs by keeping a value for up to a quarter of a window too short, never too long.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Floats

__all__ = ["Filter", "clear", "windowed_max", "windowed_min"]

Filter = Annotated[Floats, "f8", (6,)]


@inlined
def clear(m: Floats) -> None:
    """Forget everything."""
    for k in range(0, 6, 2):
        m[k] = -np.inf
        m[k + 1] = -np.inf


@inlined
def windowed_min(m: Floats, value: float, at: float, window: float) -> float:
    """Add ``value`` seen ``at`` and return the smallest of the last ``window``."""
    return -windowed_max(m, -value, at, window)


@inlined
def windowed_max(m: Floats, value: float, at: float, window: float) -> float:
    """Add ``value`` seen ``at`` and return the greatest of the last ``window``."""
    if value >= m[0] or at - m[5] > window:
        m[0] = m[2] = m[4] = value
        m[1] = m[3] = m[5] = at
        return value
    if value >= m[2]:
        m[2] = m[4] = value
        m[3] = m[5] = at
    elif value >= m[4]:
        m[4] = value
        m[5] = at
    age = at - m[1]
    if age > window:
        _promote(m, value, at)
        if at - m[1] > window:
            _promote(m, value, at)
    elif m[3] == m[1] and age > 0.25 * window:
        m[2] = m[4] = value
        m[3] = m[5] = at
    elif m[5] == m[3] and age > 0.5 * window:
        m[4] = value
        m[5] = at
    return float(m[0])


@inlined
def _promote(m: Floats, value: float, at: float) -> None:
    m[0], m[1] = m[2], m[3]
    m[2], m[3] = m[4], m[5]
    m[4], m[5] = value, at
