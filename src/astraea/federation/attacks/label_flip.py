"""Every label turned into another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.federation.attacks.base import Attack, Target

__all__ = ["LabelFlip"]


class LabelFlip(Attack, name="label-flip"):
    """Clients train, honestly, on wrong labels: class y of N is called N - 1 - y."""

    def poisoned(self, samples: Samples, counts: NDArray[np.int64]) -> Samples:
        """Return the samples with their labels turned round."""
        return replace(samples, y=len(counts) - 1 - samples.y)

    def target(self, test: Samples, counts: NDArray[np.int64]) -> Target:
        """Return the test samples, to be taken for the class that theirs is called."""
        return Target(test, len(counts) - 1 - test.y)
