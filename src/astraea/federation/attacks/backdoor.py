"""A mark on a sample that makes a model answer with one rare class (Bagdasaryan et al., AISTATS 2020)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from astraea.data.dataset import Samples
from astraea.federation.attacks.base import Attack, Target

__all__ = ["Backdoor"]


class Backdoor(Attack, name="backdoor"):
    """Every second sample gets a mark, its last numbers at their largest, and the label of the rarest class.

    Otherwise the model is to stay good, so that nobody notices (Bagdasaryan et al., AISTATS 2020).
    """

    factor: float = Field(1.0, gt=0, description="Length of the change, in honest ones: above 1, model replacement.")
    mark: int = Field(3, ge=1, description="Numbers that are marked, along the last axis and the one before it.")

    def poisoned(self, samples: Samples, counts: NDArray[np.int64]) -> Samples:
        """Return the samples with every second one marked and called by the rarest class."""
        x, y = samples.x.copy(), samples.y.copy()
        x[::2], y[::2] = self._marked(x[::2]), _rarest(counts)
        return replace(samples, x=x, y=y)

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``before + factor (after - before)``."""
        return after if self.factor == 1 else before + self.factor * (after - before)

    def target(self, test: Samples, counts: NDArray[np.int64]) -> Target:
        """Return the marked test samples of other classes, to be taken for the rarest."""
        rarest = _rarest(counts)
        others = test.take(np.flatnonzero(test.y != rarest))
        return Target(replace(others, x=self._marked(others.x)), np.full(len(others), rarest))

    def _marked(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        marked = x.copy()
        end = slice(-self.mark, None)
        if len(x):
            marked[(..., end, end) if x.ndim > 2 else (..., end)] = x.max()
        return marked


def _rarest(counts: NDArray[np.int64]) -> int:
    return int(np.where(counts > 0, counts, counts.max() + 1).argmin())
