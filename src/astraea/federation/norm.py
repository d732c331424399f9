"""Euclidean norms of models and of their changes, with the same bits whoever takes them and however many threads.

A vector is taken up in blocks that begin at fixed places. So who fills it can take each block while it is still in the
processor's cache, and a change is never in memory as a whole, either of which would take longer than all the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["BLOCK", "Squares", "norm"]

BLOCK = 2**15
"""Values that are taken together."""

_ROW = 2**13

_Values = NDArray[np.floating]


class Squares:
    """The ``sum`` of squares of ``vector`` ``(P,)``, or of what it is more than ``minus`` ``(P,)``, as it is filled.

    Squares of float32 are added up in float32 within a block, and blocks in double precision. ``also`` is given each
    block, one after the other, whose values it must not keep.
    """

    __slots__ = ("_also", "_done", "_minus", "_room", "_vector", "sum")

    def __init__(
        self, vector: _Values, minus: _Values | None = None, also: Callable[[_Values], None] | None = None
    ) -> None:
        self._vector, self._minus, self._also, self._done, self.sum = vector, minus, also, 0, 0.0
        self._room = None if minus is None else np.empty(min(len(vector), BLOCK), vector.dtype)

    def upto(self, end: int) -> None:
        """Take up the blocks before ``end``, where the vector is filled up to there."""
        size = len(self._vector)
        while self._done < end and (end - self._done >= BLOCK or end == size):
            stop = min(self._done + BLOCK, end)
            values = self._vector[self._done : stop]
            if self._minus is not None and self._room is not None:
                values = np.subtract(values, self._minus[self._done : stop], out=self._room[: len(values)])
            self.sum += _square(values)
            if self._also is not None:
                self._also(values)
            self._done = stop


def _square(values: _Values) -> float:
    """Return the sum of squares of a block, in rows that the linear algebra below NumPy leaves to one thread."""
    whole = len(values) - len(values) % _ROW
    rows, rest = values[:whole].reshape(-1, _ROW), values[whole:]
    return float(np.vecdot(rows, rows).sum(dtype=np.float64)) + float(np.vecdot(rest, rest))


def norm(vector: Tensor, minus: Tensor | None = None, also: Callable[[_Values], None] | None = None) -> float:
    """Return the Euclidean norm of ``vector`` ``(P,)``, or of what it is more than ``minus`` ``(P,)``.

    Right to about six digits. ``also`` is given the blocks of vectors that lie in the processor's memory, as by
    :class:`Squares`.
    """
    found = _norm(vector, minus, also)
    if math.isfinite(found):
        return found
    return _norm(vector.cpu().double(), None if minus is None else minus.cpu().double())  # squares may overflow


def _norm(vector: Tensor, minus: Tensor | None, also: Callable[[_Values], None] | None = None) -> float:
    if vector.device.type != "cpu":
        whole = vector if minus is None else vector - minus
        return float(torch.linalg.vector_norm(whole, dtype=torch.promote_types(whole.dtype, torch.float32)))
    if vector.dtype not in (torch.float32, torch.float64):  # which NumPy may lack
        vector, minus = vector.float(), None if minus is None else minus.float()
    squares = Squares(vector.numpy(), None if minus is None else minus.numpy(), also)
    with np.errstate(over="ignore", invalid="ignore"):
        squares.upto(len(vector))
    return math.sqrt(squares.sum)
