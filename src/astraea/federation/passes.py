"""One pass over a model's values: they are copied, compared, measured and sketched while the processor holds them.

Sums are kept side by side, one for each of ``WIDTH`` columns into which values fall in turn. So compiled code may add
several at once without changing the order of any sum, and a result has the same bits on every processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["WIDTH", "taken_up"]

WIDTH = 512
"""Sums side by side."""

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    options: Any = {"nogil": True, "error_model": "numpy"}
    try:
        dispatcher: Any = njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to keep it: the package is read-only, and the user has no folder of their own
        dispatcher = njit(**options)(function)
    return dispatcher  # type: ignore[no-any-return]


@_compiled
def taken_up(
    values: NDArray[Any],
    at: int,
    minus: Any,
    into: Any,
    squares: NDArray[np.float64],
    sums: Any,
    signs: Any,
    flips: Any,
    shown: Any,
    step: int,
) -> None:
    """Take up ``values`` ``(n,)``, which begin at place ``at`` of a vector ``(P,)``.

    They are copied to there in ``into`` ``(P,)``. Squares of what they are more than ``minus`` ``(P,)`` are added to
    ``squares`` ``(WIDTH,)``. One row in ``step`` of that, row ``shown`` ``(B,)`` of so many, is added to ``sums``
    ``(WIDTH,)`` under ``signs`` ``(R, WIDTH)``, all of which ``flips`` ``(B,)`` turns round from R rows to R rows. What
    is ``None`` is left out.
    """
    done, size = 0, len(values)
    room = np.empty(WIDTH, values.dtype)
    while done < size:
        place = at + done
        row, column = place // WIDTH, place % WIDTH
        count = min(WIDTH - column, size - done)
        came, change, square = values[done : done + count], room[:count], squares[column : column + count]
        if into is not None:
            there = into[place : place + count]
            for j in range(count):
                there[j] = came[j]
        if minus is not None:
            less = minus[place : place + count]
            for j in range(count):
                change[j] = came[j] - less[j]
        else:
            for j in range(count):
                change[j] = came[j]
        for j in range(count):
            square[j] += np.float64(change[j]) * np.float64(change[j])
        if sums is not None:
            block = row // len(signs) % len(flips)
            if row % step == shown[block] % step:
                added, own, flip = sums[column : column + count], signs[row % len(signs), column:], flips[block]
                for j in range(count):
                    added[j] += flip * own[j] * change[j]
        done += count
