"""Euclidean norms of models and of their changes, with the same bits whoever takes them and however many threads.

A vector may be taken up in parts, as it is filled. So who fills it can take each part while it is still in the
processor's cache, and a change is never in memory as a whole, either of which would take longer than all the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.federation.passes import WIDTH, taken_up

if TYPE_CHECKING:
    from astraea.federation.sketch import Sketch

__all__ = ["Squares", "norm"]

_Values = NDArray[np.floating]


class Squares:
    """The ``sum`` of squares of a vector ``(P,)``, or of what it is more than ``minus`` ``(P,)``, taken up in parts.

    What is taken up is copied ``into`` a vector ``(P,)``, and is what a ``sketch`` is of, where they are given. Squares
    of float32 are added up in double precision.
    """

    __slots__ = ("_given", "_squares")

    def __init__(self, minus: _Values | None = None, into: _Values | None = None, sketch: Sketch | None = None) -> None:
        self._squares = np.zeros(WIDTH)
        less = None if minus is None else _constant(minus)
        drawn: tuple[Any, ...] = (None, None, None, None, 1) if sketch is None else sketch.drawn
        self._given = (less, into, self._squares, *drawn)

    def add(self, values: _Values, at: int = 0) -> None:
        """Take up ``values`` ``(n,)``, float32 or float64, which begin at place ``at`` of the vector."""
        taken_up(_constant(values), at, *self._given)

    @property
    def sum(self) -> float:
        """The sum of the squares of what was taken up."""
        return float(sum(self._squares.tolist()))


def _constant(values: _Values) -> _Values:
    """Return a view that cannot be written to, as a message's arrays are: code is compiled for those alone."""
    view = values.view()
    view.flags.writeable = False
    return view


def norm(vector: Tensor, minus: Tensor | None = None, sketch: Sketch | None = None) -> float:
    """Return the Euclidean norm of ``vector`` ``(P,)``, or of what it is more than ``minus`` ``(P,)``.

    Right to about six digits. A ``sketch`` is taken of vectors that lie in the processor's memory.
    """
    found = _norm(vector, minus, sketch)
    if math.isfinite(found):
        return found
    return _norm(vector.cpu().double(), None if minus is None else minus.cpu().double())  # float32 may overflow


def _norm(vector: Tensor, minus: Tensor | None, sketch: Sketch | None = None) -> float:
    if vector.device.type != "cpu":
        whole = vector if minus is None else vector - minus
        return float(torch.linalg.vector_norm(whole, dtype=torch.promote_types(whole.dtype, torch.float32)))
    if vector.dtype not in (torch.float32, torch.float64):  # which NumPy may lack
        vector, minus = vector.float(), None if minus is None else minus.float()
    squares = Squares(None if minus is None else minus.numpy(), None, sketch)
    squares.add(vector.numpy())
    return math.sqrt(squares.sum)
