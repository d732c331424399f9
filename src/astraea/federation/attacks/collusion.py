"""Hostile clients that pull in one direction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from astraea.data.dataset import Samples
from astraea.federation.attacks.base import Attack, Target

__all__ = ["Collusion"]


class Collusion(Attack, name="collusion"):
    """All hostile clients teach the same error, class y is y + 1, and lengthen what they teach."""

    factor: float = Field(10.0, gt=0, description="Length of their change, in honest ones.")

    def poisoned(self, samples: Samples, counts: NDArray[np.int64]) -> Samples:
        """Return the samples, called by the next class."""
        return replace(samples, y=(samples.y + 1) % len(counts))

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``before + factor (after - before)``."""
        return before + self.factor * (after - before)

    def target(self, test: Samples, counts: NDArray[np.int64]) -> Target:
        """Return the test samples, to be taken for the next class."""
        return Target(test, (test.y + 1) % len(counts))
