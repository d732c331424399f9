"""Memory for vectors that is used again, since new memory takes longer than what is done with it."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Spare"]


class Spare:
    """Vectors of ``size`` values of a ``dtype``: each is lent anew once nobody holds it, or a part of it, any more."""

    def __init__(self, size: int, dtype: np.dtype[Any]) -> None:
        self._size, self._dtype = size, dtype
        self._vectors: list[tuple[NDArray[Any], ref[NDArray[Any]]]] = []

    def vector(self) -> Tensor:
        """Return a vector to be filled."""
        idle = (place for place, (_, lent) in enumerate(self._vectors) if lent() is None)
        place = next(idle, len(self._vectors))
        vector = np.empty(self._size, self._dtype) if place == len(self._vectors) else self._vectors[place][0]
        lent = vector.view()  # lives as long as what is made of it
        self._vectors[place:] = [(vector, ref(lent)), *self._vectors[place + 1 :]]
        return torch.from_numpy(lent)
